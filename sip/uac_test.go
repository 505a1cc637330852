package sip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/icholy/digest"

	sipmsg "github.com/emiago/sipgo/sip"
)

// dialRaw calls the raw peer at bob's address.
func dialRaw(t testing.TB, alice *party, opts InviteOptions) *Dialog {
	t.Helper()
	opts.To = sipmsg.Uri{Scheme: "sip", User: "bob", Host: bobIP.String()}
	return dial(t, alice, nil, opts)
}

func challenge(nonce, more string) string {
	return fmt.Sprintf(`Digest realm="r", nonce="%s", algorithm=MD5, qop="auth"%s`, nonce, more)
}

// checkCredentials verifies the digest of a request.
func checkCredentials(t testing.TB, req *sipmsg.Request, header, nonce string) {
	t.Helper()
	h := req.GetHeader(header)
	if h == nil {
		t.Fatalf("no %s in\n%s", header, req)
	}
	got, err := digest.ParseCredentials(h.Value())
	if err != nil {
		t.Fatal(err)
	}
	want, err := digest.Digest(&digest.Challenge{Realm: "r", Nonce: nonce, Algorithm: "MD5", QOP: []string{"auth"}}, digest.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Username: "u", Password: "p", Count: got.Nc, Cnonce: got.Cnonce,
	})
	if err != nil || got.Response != want.Response || got.Nonce != nonce {
		t.Errorf("credentials %s, want response %s (%v)", h.Value(), want.Response, err)
	}
}

// The INVITE, and the BYE later, are authorized; a stale nonce is answered once
// more, a wrong password is not.
func TestDigest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{User: "u", Password: "p"})
		first := r.request("INVITE")
		r.respond(first, 401, "a", "", "WWW-Authenticate: "+challenge("n1", ""))
		r.request("ACK")
		second := r.request("INVITE")
		checkCredentials(t, second, "Authorization", "n1")
		if second.CSeq().SeqNo != first.CSeq().SeqNo+1 || second.CallID().Value() != first.CallID().Value() || toTag(second) != "" {
			t.Errorf("second attempt\n%s", second)
		}
		r.respond(second, 401, "b", "", "WWW-Authenticate: "+challenge("n2", ", stale=true"))
		r.request("ACK")
		third := r.request("INVITE")
		checkCredentials(t, third, "Authorization", "n2")
		r.respond(third, 200, "c", "v=answer")
		// The ACK of a 2xx repeats the INVITE's credentials (RFC 3261 22.1).
		if got, want := r.request("ACK").GetHeader("Authorization"), third.GetHeader("Authorization"); got == nil || got.Value() != want.Value() {
			t.Errorf("ACK with %v, want %v", got, want)
		}
		alice.expect(t, "answered v=answer")
		d.Hangup(Cause{})
		bye := r.request("BYE")
		r.respond(bye, 407, "", "", "Proxy-Authenticate: "+challenge("n3", ""))
		bye = r.request("BYE")
		checkCredentials(t, bye, "Proxy-Authorization", "n3")
		r.respond(bye, 200, "", "")
		settle(t, alice)
	})
}

func TestDigestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		dialRaw(t, alice, InviteOptions{User: "u", Password: "p"})
		for range 2 {
			r.respond(r.request("INVITE"), 407, "a", "", "Proxy-Authenticate: "+challenge("n", ""))
			r.request("ACK")
		}
		alice.expect(t, "ended peer 407")
		settle(t, alice)
	})
}

// Two branches of a forking proxy answer: the first is the call, the second is
// acknowledged and hung up, and so is its repetition.
func TestForkedAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{})
		invite := r.request("INVITE")
		r.respond(invite, 180, "one", "")
		r.respond(invite, 183, "two", "v=early two")
		r.respond(invite, 200, "one", "v=one")
		if ack := r.request("ACK"); toTag(ack) != "one" || ack.Recipient.User != "one" {
			t.Errorf("got\n%s", ack)
		}
		r.respond(invite, 200, "two", "v=two")
		if ack := r.request("ACK"); toTag(ack) != "two" || ack.Recipient.User != "two" {
			t.Errorf("got\n%s", ack)
		}
		bye := r.request("BYE")
		if toTag(bye) != "two" || bye.CSeq().SeqNo != invite.CSeq().SeqNo+1 {
			t.Errorf("got\n%s", bye)
		}
		r.respond(bye, 200, "", "")
		r.respond(invite, 200, "two", "v=two")
		r.request("ACK")
		alice.expect(t, "progress 180")
		alice.expect(t, "progress 183 v=early two")
		alice.expect(t, "answered v=one")
		d.Hangup(Cause{})
		bye = r.request("BYE")
		if toTag(bye) != "one" {
			t.Errorf("got\n%s", bye)
		}
		r.respond(bye, 200, "", "")
		settle(t, alice)
	})
}

func TestRedirect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{})
		r.respond(r.request("INVITE"), 302, "a", "", "Contact: <sip:new@192.0.2.9>")
		r.request("ACK")
		alice.expect(t, "ended peer 302")
		if c := d.End().Contacts; len(c) != 1 || c[0].String() != "sip:new@192.0.2.9" {
			t.Errorf("contacts %v", c)
		}
		settle(t, alice)
	})
}

// A peer that ignores CANCEL: the call is over after 64*T1.
func TestCancelIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{})
		r.respond(r.request("INVITE"), 180, "a", "")
		alice.expect(t, "progress 180")
		d.Hangup(Cause{})
		alice.expect(t, "ended local 487")
		settle(t, alice)
	})
}

// A reliable response that overtook the one before is left to its repetition.
func TestReliableResponsesInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{})
		invite := r.request("INVITE")
		r.respond(invite, 183, "a", "v=1", "Require: 100rel", "RSeq: 7")
		prack := r.request("PRACK")
		if got, want := prack.GetHeader("RAck").Value(), fmt.Sprintf("7 %d INVITE", invite.CSeq().SeqNo); got != want {
			t.Errorf("RAck %q, want %q", got, want)
		}
		r.respond(prack, 200, "", "")
		r.respond(invite, 180, "a", "", "Require: 100rel", "RSeq: 9")
		r.respond(invite, 183, "a", "v=1", "Require: 100rel", "RSeq: 7")
		r.respond(invite, 180, "a", "", "Require: 100rel", "RSeq: 8")
		r.respond(r.request("PRACK"), 200, "", "")
		alice.expect(t, "progress 183 v=1")
		alice.expect(t, "progress 180")
		d.Hangup(Cause{})
		r.respond(r.request("CANCEL"), 200, "a", "")
		r.respond(invite, 487, "a", "")
		r.request("ACK")
		settle(t, alice)
	})
}

// Names are resolved by SRV without a port, and by address records with one.
func TestInviteToName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.Name("sip1.example.net", bobIP)
		l.Service("sip", "udp", "example.net", &net.SRV{Target: "sip1.example.net.", Port: 5060})
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		for _, next := range []string{"example.net", "sip1.example.net:5060", "192.0.2.2:5060;transport=tcp"} {
			out := dial(t, alice, bob, InviteOptions{NextHop: next})
			bob.next(t).Answer([]byte("v=answer"))
			alice.expect(t, "answered v=answer")
			out.Hangup(Cause{})
			alice.expect(t, "ended local 200")
			bob.expect(t, "ended peer 200")
		}
		if _, err := alice.stack.Invite(t.Context(), InviteOptions{To: sipmsg.Uri{Host: "nowhere.example"}}, &alice.ear); err == nil {
			t.Error("no error for an unknown name")
		}
		settle(t, alice, bob)
	})
}

// The peer's Contact is a name: the ACK and the BYE are sent once it resolves.
func TestContactIsName(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.Name("pbx.example.net", bobIP)
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{})
		r.respond(r.request("INVITE"), 200, "a", "v=answer", "Contact: <sip:bob@pbx.example.net:5060>")
		r.request("ACK")
		alice.expect(t, "answered v=answer")
		d.Hangup(Cause{})
		r.respond(r.request("BYE"), 200, "", "")
		settle(t, alice)
	})
}

// Above 1300 bytes requests go by TCP when the peer takes it, else by UDP.
func TestLargeRequests(t *testing.T) {
	for _, tcp := range []bool{true, false} {
		t.Run(fmt.Sprint("tcp=", tcp), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLadder()
				alice := l.party(t, aliceIP)
				bob := l.party(t, bobIP, func(c *Config) {
					if !tcp {
						c.Listen = c.Listen[:1]
					}
				})
				offer := append([]byte("v="), bytes.Repeat([]byte("x"), 1500)...)
				out := dial(t, alice, bob, InviteOptions{Offer: offer})
				in := bob.next(t)
				if want := map[bool]string{true: "TCP", false: "UDP"}[tcp]; in.Transport() != want || in.Invite().Via().Transport != want {
					t.Errorf("came by %s, Via %s; want %s", in.Transport(), in.Invite().Via(), want)
				}
				in.Answer([]byte("v=answer"))
				alice.expect(t, "answered v=answer")
				out.Hangup(Cause{})
				settle(t, alice, bob)
			})
		})
	}
}

// A caller behind TCP is reached on the connection that it opened: it has no
// listener at all (sipgo issue 361).
func TestInDialogOnAcceptedConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP, func(c *Config) { c.Listen = nil })
		bob := l.party(t, bobIP)
		call(t, alice, bob, InviteOptions{To: bob.uri("tcp", "bob")})
		_, in := call(t, alice, bob, InviteOptions{To: bob.uri("tcp", "bob")})
		reoffer(t, in, "v=hold", "v=renewed")
		in.Hangup(Cause{})
		alice.expect(t, "offered v=hold")
		alice.expect(t, "ended peer 200")
		alice.stack.mu.Lock()
		if n := len(alice.stack.streams); n != 1 {
			t.Errorf("%d connections for two calls", n)
		}
		alice.stack.mu.Unlock()
	})
}

// A half-open CRLF ping is answered (RFC 5626 3.5.1), and messages that come in
// pieces or together are all understood.
func TestStreamFraming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.party(t, bobIP)
		conn, err := l.Host(aliceIP).Dial(t.Context(), bobIP.String()+":5060")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		read := func() string {
			buf := make([]byte, 4096)
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			return string(buf[:n])
		}
		conn.Write([]byte("\r\n\r\n"))
		if got := read(); got != "\r\n" {
			t.Errorf("pong %q", got)
		}
		options := func(branch string) string {
			return "OPTIONS sip:bob@x SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.1:9;branch=z9hG4bK" + branch + "\r\nFrom: <sip:a@x>;tag=1\r\nTo: <sip:bob@x>\r\nCall-ID: " + branch + "\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
		}
		both := options("one") + options("two")
		for i := range len(both) {
			conn.Write([]byte{both[i]})
		}
		got := read() + read() // in any order
		for _, want := range []string{"SIP/2.0 200", "Call-ID: one", "Call-ID: two"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
	})
}

func TestExternalAddressAdvertised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP, func(c *Config) { c.ExternalIP = "203.0.113.5" })
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{ContactUser: "out"})
		invite := r.request("INVITE")
		if c := invite.Contact().Address; c.String() != "sip:out@203.0.113.5:5060" || invite.Via().Host != "203.0.113.5" {
			t.Errorf("Contact %s, Via %s", c.String(), invite.Via())
		}
		if ip := alice.stack.LocalIPFor(netip.MustParseAddr("127.0.0.1")); ip != aliceIP {
			t.Errorf("on the loopback %s", ip)
		}
		r.respond(invite, 486, "a", "")
		r.request("ACK")
		<-d.Done()
		settle(t, alice)
	})
}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		bob := l.party(t, bobIP)
		req := sipmsg.NewRequest(sipmsg.OPTIONS, sipmsg.Uri{Scheme: "sip", Host: bobIP.String()})
		req.AppendHeader(&sipmsg.FromHeader{Address: sipmsg.Uri{User: "a", Host: "x"}, Params: sipmsg.NewParams()})
		req.AppendHeader(&sipmsg.ToHeader{Address: sipmsg.Uri{User: "b", Host: "x"}, Params: sipmsg.NewParams()})
		res, err := alice.stack.Do(t.Context(), req, "")
		if err != nil || res.StatusCode != 200 {
			t.Errorf("got %v, %v", res, err)
		}
		req.RemoveHeader("Via")
		if _, err := alice.stack.Do(t.Context(), req, "192.0.2.99:5060"); err == nil || !isTimeout(err) {
			t.Errorf("error %v", err)
		}
		if _, err := alice.stack.Do(t.Context(), req, "192.0.2.99:5060;transport=tcp"); err == nil {
			t.Error("no error without a listener")
		}
		settle(t, alice, bob)
	})
}

func TestShutdownHangsUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, _, _ := established(t, l)
		dial(t, alice, bob, InviteOptions{})
		bob.next(t).Provisional(180, "", nil)
		alice.expect(t, "progress 180")
		start := time.Now()
		if err := alice.stack.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if _, err := alice.stack.Invite(t.Context(), InviteOptions{To: bob.uri("udp", "b")}, &alice.ear); err == nil {
			t.Error("a call after Shutdown")
		}
	})
}

// A peer that is gone does not hold a shutdown for the 32 s of its BYE.
func TestShutdownWithSilentPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, _, _ := established(t, l)
		dial(t, alice, bob, InviteOptions{})
		bob.next(t).Provisional(180, "", nil)
		alice.expect(t, "progress 180")
		l.loseAll("200 BYE")
		start := time.Now()
		if err := alice.stack.Shutdown(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		if took := time.Since(start); took != farewell {
			t.Errorf("took %s", took)
		}
	})
}

// The connection breaks while the phone rings: no timer of RFC 3261 would end
// this call.
func TestConnectionLostWhileRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		dial(t, alice, bob, InviteOptions{To: bob.uri("tcp", "bob")})
		bob.next(t).Provisional(180, "", nil)
		alice.expect(t, "progress 180")
		bob.stack.mu.Lock()
		for _, c := range bob.stack.streams {
			c.close()
		}
		bob.stack.mu.Unlock()
		alice.expect(t, "ended peer 503")
	})
}

func TestHeadersCannotBeInjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		to := sipmsg.Uri{User: "bob", Host: bobIP.String()}
		evil := "x\r\nInjected: yes"
		d, err := alice.stack.Invite(t.Context(), InviteOptions{
			To: to, From: evil, FromDisplay: `"` + evil, ContactUser: evil, Headers: []sipmsg.Header{sipmsg.NewHeader("X-A", evil)},
		}, &alice.ear)
		if err != nil {
			t.Fatal(err)
		}
		invite := r.request("INVITE")
		if invite.GetHeader("Injected") != nil {
			t.Errorf("got\n%s", invite)
		}
		r.respond(invite, 486, "a", "")
		r.request("ACK")
		<-d.Done()
		to.User = evil
		if _, err := alice.stack.Invite(t.Context(), InviteOptions{To: to}, &alice.ear); err == nil {
			t.Error("no error")
		}
		settle(t, alice)
	})
}

// Connections that say nothing are not kept; one that has spoken is.
func TestSilentConnectionClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		for _, greeting := range []string{"", "\r\n\r\n"} {
			conn, err := l.Host(aliceIP).Dial(t.Context(), bobIP.String()+":5060")
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if greeting != "" {
				conn.Write([]byte(greeting))
			}
		}
		time.Sleep(time.Minute)
		bob.stack.mu.Lock()
		defer bob.stack.mu.Unlock()
		if n := len(bob.stack.streams); n != 1 {
			t.Errorf("%d connections kept, want the one that spoke", n)
		}
	})
}
