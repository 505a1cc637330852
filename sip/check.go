package sip

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/sip/conform"
)

// wellFormed tells whether m has what every message must have.
func wellFormed(m sipmsg.Message) bool {
	return m.Via() != nil && m.From() != nil && m.To() != nil && m.CallID() != nil && m.CSeq() != nil
}

// outside are the methods that the application may see outside a dialog.
var outside = []sipmsg.RequestMethod{
	sipmsg.REGISTER, sipmsg.OPTIONS, sipmsg.MESSAGE, sipmsg.SUBSCRIBE, sipmsg.NOTIFY, sipmsg.PUBLISH, sipmsg.REFER, sipmsg.INFO,
}

// refuse answers a request statelessly with the verdict of conform or one that
// needs no transaction. ACK is never answered.
func (s *Stack) refuse(req *sipmsg.Request, f *flow, status int, reason string) {
	if req.IsAck() || req.Via() == nil || req.To() == nil {
		return
	}
	res := s.Response(req, status, reason, conform.Headers(req, status)...)
	if toTag(req) == "" {
		res.To().Params.Add("tag", statelessTag(req))
	}
	if err := responseFlow(req, f).WriteMsg(res); err != nil {
		s.log.Debug("sip refusal not sent", "status", status, "error", err)
	}
}

// statelessTag is the same for every retransmission of a request, as RFC 3261
// 8.2.7 asks of an answer without a transaction.
func statelessTag(req *sipmsg.Request) string {
	sum := sha256.Sum256([]byte(req.Via().Value() + "\x00" + req.To().Value()))
	return hex.EncodeToString(sum[:8])
}

// refuseMalformed answers a datagram that is a request but cannot be parsed. The
// lines that every response repeats are sent back as they came, to where the
// datagram came from: nothing in it can be relied on.
func (s *Stack) refuseMalformed(data []byte, f *flow, cause error) {
	s.log.Debug("sip message not understood", "peer", f.remote, "transport", f.transport, "error", cause)
	status, reason := conform.Unreadable(data)
	_, head, ok := bytes.Cut(data, []byte("\r\n"))
	if status == 0 || !ok {
		return
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "SIP/2.0 %d %s\r\n", status, reason)
	returnable := false
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		if len(line) == 0 {
			break
		}
		name, _, _ := bytes.Cut(line, []byte(":"))
		full, known := repeated[strings.ToLower(string(bytes.TrimSpace(name)))]
		if !known {
			continue
		}
		returnable = returnable || full == "via"
		out.Write(line)
		if full == "to" && !bytes.Contains(line, []byte("tag=")) {
			out.WriteString(";tag=" + newTag())
		}
		out.WriteString("\r\n")
	}
	fmt.Fprintf(&out, "Server: %s\r\nContent-Length: 0\r\n\r\n", s.cfg.UserAgent)
	if !returnable {
		return
	}
	if err := f.write(out.Bytes()); err != nil {
		s.log.Debug("sip refusal not sent", "status", status, "error", err)
	}
}

// repeated are the headers that a response takes over from its request.
var repeated = map[string]string{
	"via": "via", "v": "via", "from": "from", "f": "from", "to": "to", "t": "to",
	"call-id": "call-id", "i": "call-id", "cseq": "cseq",
}
