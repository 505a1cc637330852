package registrar

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"offhook/sip/digest"

	sipmsg "github.com/emiago/sipgo/sip"
)

// FuzzContacts registers whatever a phone may put into the headers that count,
// and holds the result to its promises.
func FuzzContacts(f *testing.F) {
	f.Add("<sip:a@b>;expires=60, \"x,y\" <sip:c@d>;q=0.5;+sip.instance=\"<urn:x>\"", "600", "<sip:p;lr>")
	f.Add("*", "0", "")
	f.Add("sip:a@b?Route=%3Csip:c%3E", "-1", ",")
	f.Fuzz(func(t *testing.T, contact, expires, path string) {
		r := New(Options{
			Auth: digest.NewServer(digest.ServerOptions{}), MaxContacts: 3, Logger: slog.New(slog.DiscardHandler),
			Lookup: func(string, string) (Account, bool) {
				return Account{AOR: "a", Secret: digest.Secret{Password: "p"}}, true
			},
		})
		text := strings.Join([]string{
			"REGISTER sip:r SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bK1", "From: <sip:u@r>;tag=1", "To: <sip:u@r>", "Call-ID: 1",
			"CSeq: 1 REGISTER", "Contact: " + contact, "Expires: " + expires, "Path: " + path,
		}, "\r\n") + "\r\n\r\n"
		m, err := sipmsg.ParseMessage([]byte(text))
		if err != nil {
			return
		}
		req, ok := m.(*sipmsg.Request)
		if !ok || req.Via() == nil || req.To() == nil || req.CSeq() == nil || req.CallID() == nil {
			return
		}
		req.SetSource("192.0.2.1:5060")
		var a answer
		r.Handle(req, &a)
		next, err := digest.Authorize(req, a.res, "u", "p")
		if err != nil {
			t.Fatal(err)
		}
		next.PrependHeader(req.Via())
		next.SetSource("192.0.2.1:5060")
		r.Handle(next, &a)
		contacts := r.Contacts("a")
		if len(contacts) > 3 || len(contacts) != len(listed(a.res)) {
			t.Errorf("%d contacts, %v", len(contacts), listed(a.res))
		}
		for _, c := range contacts {
			if _, err := c.Target(); err != nil || strings.ContainsAny(c.URI, "\r\n") || time.Until(c.Expires) > time.Hour {
				t.Errorf("contact %+v: %v", c, err)
			}
		}
	})
}

func BenchmarkRefresh(b *testing.B) {
	r := newRegistrar(Options{})
	req := func() *sipmsg.Request {
		text := "REGISTER sip:pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.5;rport;branch=z9hG4bK1\r\nFrom: <sip:1001@pbx.example.com>;tag=a\r\n" +
			"To: <sip:1001@pbx.example.com>\r\nCall-ID: 1\r\nCSeq: 1 REGISTER\r\nContact: <sip:1001@10.0.0.5>\r\n\r\n"
		m, err := sipmsg.ParseMessage([]byte(text))
		if err != nil {
			b.Fatal(err)
		}
		m.SetSource("198.51.100.7:5060")
		return m.(*sipmsg.Request)
	}
	client := digest.NewClient("1001", "pw1001")
	var a answer
	r.Handle(req(), &a)
	if _, err := client.Authorize(req(), a.res); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for i := uint32(1); b.Loop(); i++ {
		next := req()
		next.CSeq().SeqNo = i
		client.Apply(next)
		if r.Handle(next, &a); a.res.StatusCode != 200 {
			b.Fatal(a.res.StatusCode)
		}
	}
}
