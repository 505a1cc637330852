package sip

import (
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/sip/sdp"
)

const (
	// allowed are the methods that a dialog or the application understands.
	allowed = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, MESSAGE, REGISTER"
	// supported are the extensions: RFC 3262, RFC 4028, RFC 3891.
	supported = "100rel, timer, replaces"
)

// headerValues collects the comma-separated values of all headers of a name,
// which may also be written in its compact form.
func headerValues(m sipmsg.Message, name, compact string) []string {
	var values []string
	for _, n := range []string{name, compact} {
		if n == "" {
			continue
		}
		for _, h := range m.GetHeaders(n) {
			for v := range strings.SplitSeq(h.Value(), ",") {
				if v = strings.TrimSpace(v); v != "" {
					values = append(values, v)
				}
			}
		}
	}
	return values
}

func hasToken(m sipmsg.Message, name, compact, token string) bool {
	return slices.ContainsFunc(headerValues(m, name, compact), func(v string) bool {
		return strings.EqualFold(v, token)
	})
}

func supports(m sipmsg.Message, option string) bool {
	return hasToken(m, "Supported", "k", option) || requires(m, option)
}

func requires(m sipmsg.Message, option string) bool {
	return hasToken(m, "Require", "", option)
}

func toTag(m sipmsg.Message) string {
	tag, _ := m.To().Params.Get("tag")
	return tag
}

func fromTag(m sipmsg.Message) string {
	tag, _ := m.From().Params.Get("tag")
	return tag
}

// RetryAfter is the header that belongs to a 503 or 480; d is rounded up to
// whole seconds.
func RetryAfter(d time.Duration) sipmsg.Header {
	seconds := int64((d + time.Second - 1) / time.Second)
	return sipmsg.NewHeader("Retry-After", strconv.FormatInt(seconds, 10))
}

// retryAfterOf reads a Retry-After header, whose seconds may be followed by a
// comment and parameters.
func retryAfterOf(m sipmsg.Message) time.Duration {
	hs := m.GetHeaders("Retry-After")
	if len(hs) == 0 {
		return 0
	}
	v := hs[0].Value()
	if i := strings.IndexAny(v, " ;("); i >= 0 {
		v = v[:i]
	}
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// sdpOf is the session description in the body, alone or as a part of a
// multipart body (RFC 5621), else nil.
func sdpOf(m sipmsg.Message) []byte { return sdp.Extract(contentType(m), m.Body()) }

// contentType is empty when the message names none; such a body is taken for
// SDP, as many gateways mean it.
func contentType(m sipmsg.Message) string {
	for _, name := range []string{"Content-Type", "c"} {
		if hs := m.GetHeaders(name); len(hs) > 0 {
			return hs[0].Value()
		}
	}
	return ""
}

func setSDP(m sipmsg.Message, description []byte) {
	if description == nil {
		m.SetBody(nil)
		return
	}
	setBody(m, "application/sdp", description)
}

func setBody(m sipmsg.Message, contentType string, body []byte) {
	t := sipmsg.ContentTypeHeader(contentType)
	m.AppendHeader(&t)
	m.SetBody(body)
}

// ReasonPhrase is the usual phrase of a SIP status.
func ReasonPhrase(status int) string {
	if p, ok := phrases[status]; ok {
		return p
	}
	if p := http.StatusText(status); p != "" && status >= 400 {
		return p
	}
	return [...]string{"Trying", "OK", "Redirected", "Request Failure", "Server Failure", "Global Failure"}[min(max(status/100, 1), 6)-1]
}

var phrases = map[int]string{
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 202: "Accepted", 302: "Moved Temporarily",
	404: "Not Found", 408: "Request Timeout", 420: "Bad Extension", 421: "Extension Required",
	422: "Session Interval Too Small", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops",
	484: "Address Incomplete", 486: "Busy Here", 487: "Request Terminated", 488: "Not Acceptable Here",
	489: "Bad Event", 491: "Request Pending", 500: "Server Internal Error", 503: "Service Unavailable",
	504: "Server Time-out", 505: "Version Not Supported", 513: "Message Too Large",
	600: "Busy Everywhere", 603: "Decline", 604: "Does Not Exist Anywhere", 606: "Not Acceptable",
}

// clean makes text from outside fit for a header or start line: what could end
// the line, or a quoted string, is replaced.
func clean(s string) string { return strings.ReplaceAll(oneLine(s), `"`, "'") }

// oneLine makes text from outside fit for the value of a header that it is the
// whole of.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func addrPort(ip netip.Addr, port int) netip.AddrPort {
	return netip.AddrPortFrom(ip.Unmap(), uint16(port))
}
