//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// message is a SIP message as far as the generator looks at it.
type message struct {
	method string // of a request, and of the CSeq of a response
	status int    // of a response; 0: a request
	start  string
	header []string
	body   []byte
}

// parse reads a datagram; false when it is no SIP.
func parse(raw []byte) (message, bool) {
	head, body, ok := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !ok {
		return message{}, false
	}
	lines := strings.Split(string(head), "\r\n")
	m := message{start: lines[0], header: lines[1:], body: body}
	if rest, ok := strings.CutPrefix(m.start, "SIP/2.0 "); ok {
		code, _, _ := strings.Cut(rest, " ")
		m.status, _ = strconv.Atoi(code)
		_, m.method, _ = strings.Cut(m.value("CSeq"), " ")
		return m, m.status > 0
	}
	m.method, _, ok = strings.Cut(m.start, " ")
	return m, ok
}

// value is the first header of a name.
func (m message) value(name string) string {
	for _, line := range m.header {
		if n, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// tag is the tag of a From or To.
func tag(value string) string {
	_, rest, _ := strings.Cut(value, ";tag=")
	t, _, _ := strings.Cut(rest, ";")
	return t
}

// address is the URI of a From, To or Contact.
func address(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return uri
}

// user is the user part of a URI.
func user(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	u, _, _ := strings.Cut(rest, "@")
	return u
}

// reply makes a response to a request, with a tag of ours and a description
// when it has one.
func (m message) reply(status, local string, contact string, body []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "SIP/2.0 %s\r\n", status)
	for _, line := range m.header {
		name, _, _ := strings.Cut(line, ":")
		switch strings.ToLower(name) {
		case "via", "from", "call-id", "cseq", "record-route":
			b.WriteString(line + "\r\n")
		case "to":
			b.WriteString(line)
			if tag(line) == "" && local != "" {
				b.WriteString(";tag=" + local)
			}
			b.WriteString("\r\n")
		}
	}
	if contact != "" {
		fmt.Fprintf(&b, "Contact: <%s>\r\n", contact)
	}
	if len(body) > 0 {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.Bytes()
}

// describe is the session description of a leg that takes one codec.
func describe(leg netip.AddrPort, format string, ptime time.Duration) []byte {
	pt := map[string]int{"PCMU": 0, "PCMA": 8, "G722": 9}[format]
	return fmt.Appendf(nil, "v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\n"+
		"m=audio %[2]d RTP/AVP %[3]d 101\r\na=rtpmap:%[3]d %[4]s/8000\r\na=rtpmap:101 telephone-event/8000\r\n"+
		"a=fmtp:101 0-15\r\na=ptime:%[5]d\r\n", leg.Addr(), leg.Port(), pt, format, ptime.Milliseconds())
}

// mediaOf is where a description wants its sound.
func mediaOf(body []byte) (netip.AddrPort, error) {
	var ip, port string
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			ip = rest
		}
		if rest, ok := strings.CutPrefix(line, "m=audio "); ok {
			port, _, _ = strings.Cut(rest, " ")
		}
	}
	return netip.ParseAddrPort(ip + ":" + port)
}
