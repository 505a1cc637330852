package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

// raw is a peer without a stack: it sends what the test writes and shows what
// comes back.
type raw struct {
	t    testing.TB
	conn PacketConn
	addr netip.AddrPort
	peer netip.AddrPort
	tag  string
}

// raw opens a datagram socket at ip that talks to the stack at peer.
func (l *ladder) raw(t testing.TB, ip, peer netip.Addr) *raw {
	t.Helper()
	conn, err := l.Host(ip).ListenPacket(t.Context(), "0.0.0.0:5060")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &raw{t, conn, netip.AddrPortFrom(ip, 5060), netip.AddrPortFrom(peer, 5060), "raw"}
}

// send writes a message given as lines; those that are missing in a request are
// filled in: {VIA}, {FROM}, {TO}, {ID} and {CONTACT} stand for whole headers.
func (r *raw) send(lines string) {
	r.t.Helper()
	var b strings.Builder
	head, body, _ := strings.Cut(strings.TrimLeft(lines, "\n"), "\n\n")
	for line := range strings.SplitSeq(head, "\n") {
		line = strings.TrimSpace(line)
		switch line {
		case "{ID}":
			line = "Call-ID: raw-call"
		case "{FROM}":
			line = "From: <sip:raw@" + r.addr.Addr().String() + ">;tag=" + r.tag
		case "{TO}":
			line = "To: <sip:bob@" + r.peer.Addr().String() + ">"
		case "{CONTACT}":
			line = "Contact: <sip:raw@" + r.addr.String() + ">"
		case "":
			continue
		}
		if branch, ok := strings.CutPrefix(line, "{VIA} "); ok {
			line = "Via: SIP/2.0/UDP " + r.addr.String() + ";branch=z9hG4bK" + branch + ";rport"
		}
		b.WriteString(line + "\r\n")
	}
	body = strings.TrimSpace(body)
	if body != "" && !strings.Contains(head, "Content-Type") {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	r.write([]byte(b.String()))
}

func (r *raw) write(data []byte) {
	if _, err := r.conn.WriteToUDPAddrPort(data, r.peer); err != nil {
		r.t.Fatal(err)
	}
}

// message is the next one that arrives.
func (r *raw) message() sipmsg.Message {
	r.t.Helper()
	buf := make([]byte, maxDatagram)
	n, _, err := r.conn.ReadFromUDPAddrPort(buf)
	if err != nil {
		r.t.Fatal(err)
	}
	m, err := sipmsg.ParseMessage(buf[:n])
	if err != nil {
		r.t.Fatalf("%v in\n%s", err, buf[:n])
	}
	return m
}

// request is the next message, which must be a request with this method.
func (r *raw) request(method sipmsg.RequestMethod) *sipmsg.Request {
	r.t.Helper()
	m := r.message()
	req, ok := m.(*sipmsg.Request)
	if !ok || req.Method != method {
		r.t.Fatalf("got\n%s\nwant %s", m, method)
	}
	return req
}

// response is the next message, which must be a response with this status.
func (r *raw) response(status int) *sipmsg.Response {
	r.t.Helper()
	m := r.message()
	res, ok := m.(*sipmsg.Response)
	if !ok || res.StatusCode != status {
		r.t.Fatalf("got\n%s\nwant %d", m, status)
	}
	return res
}

// respond answers req with a To tag, a Contact and further headers.
func (r *raw) respond(req *sipmsg.Request, status int, tag, body string, headers ...string) {
	r.t.Helper()
	res := sipmsg.NewResponseFromRequest(req, status, "X", nil)
	if tag != "" {
		res.To().Params.Add("tag", tag)
	}
	contact := fmt.Sprintf("<sip:%s@%s>", tag, r.addr)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		if name == "Contact" {
			contact = value
			continue
		}
		res.AppendHeader(sipmsg.NewHeader(name, value))
	}
	res.AppendHeader(sipmsg.NewHeader("Contact", contact))
	if body != "" {
		setSDP(res, []byte(body))
	}
	r.write([]byte(res.String()))
}

// invite sends an INVITE and takes its 100 and the callee's dialog.
func (r *raw) invite(bob *party, headers string) *Dialog {
	r.t.Helper()
	r.send("INVITE sip:bob@" + r.peer.Addr().String() + " SIP/2.0\n{VIA} invite\n{FROM}\n{TO}\n{ID}\n{CONTACT}\nCSeq: 1 INVITE\nMax-Forwards: 70\n" + headers + "\n\nv=offer")
	r.response(100)
	return bob.next(r.t)
}

// inDialog sends a request inside the callee's dialog d.
func (r *raw) inDialog(d *Dialog, method string, seq int, headers string) {
	r.t.Helper()
	body := ""
	if h, b, ok := strings.Cut(headers, "\n\n"); ok {
		headers, body = h, b
	}
	r.send(fmt.Sprintf("%s sip:bob@%s SIP/2.0\n{VIA} %s%d\n{FROM}\nTo: <sip:bob@%s>;tag=%s\n{ID}\n{CONTACT}\nCSeq: %d %s\nMax-Forwards: 70\n%s\n\n%s",
		method, r.peer, method, seq, r.peer.Addr(), d.LocalTag(), seq, method, headers, body))
}
