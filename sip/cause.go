package sip

import (
	"fmt"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// reasonHeaders are the Reason headers (RFC 3326) that c asks for in a BYE or
// CANCEL: the ISDN cause, and the SIP status of why.
func reasonHeaders(c Cause) []sipmsg.Header {
	var hs []sipmsg.Header
	if c.Q850 != 0 {
		hs = append(hs, q850Header(c))
	}
	if c.Status != 0 {
		hs = append(hs, sipmsg.NewHeader("Reason", reasonValue("SIP", c.Status, c.Reason)))
	}
	return hs
}

func q850Header(c Cause) sipmsg.Header {
	return sipmsg.NewHeader("Reason", reasonValue("Q.850", c.Q850, c.Reason))
}

func reasonValue(protocol string, cause int, text string) string {
	v := fmt.Sprintf("%s;cause=%d", protocol, cause)
	if text != "" {
		v += `;text="` + strings.ReplaceAll(clean(text), `\`, "/") + `"`
	}
	return v
}

// peerEnd reads why the peer ended the dialog out of its BYE, CANCEL or final
// response.
func peerEnd(m sipmsg.Message) End {
	e := End{Status: 200}
	for _, h := range m.GetHeaders("Reason") {
		for value := range splitQuoted(h.Value(), ',') {
			protocol, cause, text := parseReason(value)
			if strings.EqualFold(protocol, "Q.850") && e.Q850 == 0 {
				e.Q850 = cause
			}
			if e.Reason == "" {
				e.Reason = text
			}
		}
	}
	return e
}

func parseReason(value string) (protocol string, cause int, text string) {
	first := true
	for part := range splitQuoted(value, ';') {
		part = strings.TrimSpace(part)
		if first {
			protocol, first = part, false
			continue
		}
		name, v, _ := strings.Cut(part, "=")
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "cause":
			cause, _ = strconv.Atoi(strings.TrimSpace(v))
		case "text":
			text = strings.Trim(strings.TrimSpace(v), `"`)
		}
	}
	return protocol, cause, text
}

// splitQuoted splits at sep outside of quoted strings.
func splitQuoted(s string, sep byte) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		start, quoted := 0, false
		for i := 0; i < len(s); i++ {
			switch {
			case s[i] == '\\' && quoted:
				i++
			case s[i] == '"':
				quoted = !quoted
			case s[i] == sep && !quoted:
				if !yield(s[start:i]) {
					return
				}
				start = i + 1
			}
		}
		yield(s[start:])
	}
}
