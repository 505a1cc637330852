package sip

import (
	"bytes"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// maxVias bounds the path of a request; longer ones loop.
const maxVias = 70

// wellFormed tells whether m has what every message must have.
func wellFormed(m sipmsg.Message) bool {
	return m.Via() != nil && m.From() != nil && m.To() != nil && m.CallID() != nil && m.CSeq() != nil
}

// check returns the status with which a request must be refused before any
// transaction is made for it, 0 when it may pass (RFC 3261 8.1.1, 8.2).
func check(req *sipmsg.Request) (status int, reason string) {
	switch {
	case !wellFormed(req):
		return 400, "Missing Required Header"
	case req.SipVersion != "SIP/2.0":
		return 505, ""
	case req.CSeq().MethodName != req.Method:
		return 400, "CSeq Method Mismatch"
	case req.Method != sipmsg.ACK && req.Method != sipmsg.CANCEL && !recipientKnown(req):
		return 416, "Unsupported URI Scheme"
	case req.MaxForwards() != nil && req.MaxForwards().Val() == 0 && req.IsInvite():
		return 483, "" // a call that comes round through us dies here, not in a storm
	case len(req.GetHeaders("Via")) > maxVias:
		return 482, ""
	}
	return 0, ""
}

func recipientKnown(req *sipmsg.Request) bool {
	switch strings.ToLower(req.Recipient.Scheme) {
	case "", "sip", "sips", "tel":
		return true
	}
	return false
}

// refuseMalformed answers 400 to a datagram that is a request but cannot be
// parsed, as far as its header still says who wants the answer. The lines that
// a response repeats are parsed alone; everything else of it is dropped.
func (s *Stack) refuseMalformed(data []byte, f *flow, cause error) {
	s.log.Debug("sip message not understood", "peer", f.remote, "transport", f.transport, "error", cause)
	start, rest, ok := bytes.Cut(data, []byte("\r\n"))
	if !ok || bytes.HasPrefix(start, []byte("SIP/")) || bytes.HasPrefix(start, []byte("ACK ")) || !bytes.Contains(start, []byte(" SIP/")) {
		return
	}
	var kept bytes.Buffer
	method, _, _ := bytes.Cut(start, []byte(" "))
	kept.Write(method)
	kept.WriteString(" sip:invalid.invalid SIP/2.0\r\n")
	for line := range bytes.SplitSeq(rest, []byte("\r\n")) {
		if len(line) == 0 {
			break
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		switch strings.ToLower(string(bytes.TrimSpace(name))) {
		case "via", "v", "from", "f", "to", "t", "call-id", "i", "cseq":
			kept.Write(line)
			kept.WriteString("\r\n")
		}
	}
	kept.WriteString("\r\n")
	m, err := s.parser.ParseSIP(kept.Bytes())
	if err != nil {
		return
	}
	if req, ok := m.(*sipmsg.Request); ok && wellFormed(req) {
		req.SetTransport(f.transport)
		req.SetSource(f.remote.String())
		s.refuse(req, f, 400, "Bad Request")
	}
}
