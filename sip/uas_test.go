package sip

import (
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// What is refused before any dialog is made, and how.
func TestRequestRefused(t *testing.T) {
	const fine = "{VIA} x\n{FROM}\n{TO}\n{ID}\n{CONTACT}\nMax-Forwards: 70\n"
	tests := []struct {
		name, message string
		status        int
		header        string // Name: value of the response
	}{
		{"required extension", "INVITE sip:bob@x SIP/2.0\n" + fine + "CSeq: 1 INVITE\nRequire: 100rel, nothing-i-know", 420, "Unsupported: nothing-i-know"},
		{"body of another kind", "INVITE sip:bob@x SIP/2.0\n" + fine + "CSeq: 1 INVITE\nContent-Type: application/dtmf\n\n1", 415, "Accept: application/sdp"},
		{"out of hops", "INVITE sip:bob@x SIP/2.0\n" + strings.Replace(fine, "70", "0", 1) + "CSeq: 1 INVITE", 483, ""},
		{"no From", "INVITE sip:bob@x SIP/2.0\n" + strings.Replace(fine, "{FROM}\n", "", 1) + "CSeq: 1 INVITE", 400, ""},
		{"CSeq of another method", "INVITE sip:bob@x SIP/2.0\n" + fine + "CSeq: 1 OPTIONS", 400, ""},
		{"another version", "OPTIONS sip:bob@x SIP/7.0\n" + fine + "CSeq: 1 OPTIONS", 505, ""},
		{"another scheme", "OPTIONS http://x SIP/2.0\n" + fine + "CSeq: 1 OPTIONS", 416, ""},
		{"dialog unknown", "BYE sip:bob@x SIP/2.0\n" + strings.Replace(fine, "{TO}", "To: <sip:bob@x>;tag=none", 1) + "CSeq: 2 BYE", 481, ""},
		{"CANCEL of nothing", "CANCEL sip:bob@x SIP/2.0\n" + fine + "CSeq: 1 CANCEL", 481, ""},
		{"short session", "INVITE sip:bob@x SIP/2.0\n" + fine + "CSeq: 1 INVITE\nSupported: timer\nSession-Expires: 60", 422, "Min-SE: 90"},
		{"Via of rubbish", "OPTIONS sip:bob@x SIP/2.0\n" + fine + "CSeq: many OPTIONS", 0, ""},
		{"header of rubbish", "OPTIONS sip:bob@x SIP/2.0\n" + fine + "CSeq: 1 OPTIONS\nContact: <<<", 400, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLadder()
				bob := l.party(t, bobIP)
				r := l.raw(t, aliceIP, bobIP)
				r.send(tt.message)
				if tt.status == 0 {
					settle(t, bob)
					return
				}
				res := r.response(tt.status)
				if name, value, ok := strings.Cut(tt.header, ": "); ok {
					if h := res.GetHeader(name); h == nil || h.Value() != value {
						t.Errorf("%s is %v, want %q", name, h, value)
					}
				}
				settle(t, bob)
			})
		})
	}
}

func TestOptionsInDialogAndOutside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		r.send("OPTIONS sip:bob@x SIP/2.0\n{VIA} o\n{FROM}\n{TO}\nCall-ID: other\nCSeq: 1 OPTIONS")
		if res := r.response(200); res.GetHeader("Allow").Value() != allowed || toTag(res) == "" {
			t.Errorf("got\n%s", res)
		}
		in := r.invite(bob, "")
		in.Answer([]byte("v=answer"))
		r.response(200)
		r.inDialog(in, "ACK", 1, "")
		r.inDialog(in, "OPTIONS", 2, "")
		r.response(200)
		in.Hangup(Cause{})
		r.respond(r.request("BYE"), 200, "", "")
		settle(t, bob)
	})
}

// The same INVITE on two paths: one dialog, and 482 for the other (RFC 3261
// 8.2.2.2).
func TestMergedInvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		in := r.invite(bob, "")
		r.send("INVITE sip:bob@x SIP/2.0\n{VIA} otherpath\n{FROM}\n{TO}\n{ID}\n{CONTACT}\nCSeq: 1 INVITE")
		r.response(482)
		in.Reject(486, "")
		settle(t, bob)
	})
}

func TestRequestsOutOfOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		in := r.invite(bob, "")
		in.Answer([]byte("v=answer"))
		r.response(200)
		r.inDialog(in, "ACK", 1, "")
		r.inDialog(in, "INFO", 9, "")
		r.response(200)
		r.inDialog(in, "INFO", 8, "")
		r.response(500)
		r.inDialog(in, "PUBLISH", 10, "")
		if res := r.response(405); res.GetHeader("Allow") == nil {
			t.Error("405 without Allow")
		}
		r.inDialog(in, "BYE", 11, `Reason: SIP;cause=200;text="a, b", Q.850;cause=16`)
		r.response(200)
		bob.expect(t, "ended peer 200 q850=16")
		if got := in.End().Reason; got != "a, b" {
			t.Errorf("reason %q", got)
		}
		settle(t, bob)
	})
}

// ACK and re-INVITE in one instant reach the handler in wire order.
func TestAckThenReinviteInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		r.send("INVITE sip:bob@x SIP/2.0\n{VIA} late\n{FROM}\n{TO}\n{ID}\n{CONTACT}\nCSeq: 1 INVITE")
		r.response(100)
		in := bob.next(t)
		in.Answer([]byte("v=offer of bob"))
		r.response(200)
		r.inDialog(in, "ACK", 1, "\n\nv=answer in ACK")
		r.inDialog(in, "INVITE", 2, "\n\nv=hold")
		r.inDialog(in, "BYE", 3, "")
		bob.expect(t, "answered v=answer in ACK")
		bob.expect(t, "offered v=hold")
		bob.expect(t, "ended peer 200")
		settle(t, bob)
	})
}

// BYE for an early dialog ends it like CANCEL (RFC 3261 15).
func TestByeWhileRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		in := r.invite(bob, "")
		in.Provisional(180, "", nil)
		r.response(180)
		r.inDialog(in, "BYE", 2, "")
		r.response(200)
		r.response(487)
		bob.expect(t, "ended peer 487")
		settle(t, bob)
	})
}

// A phone behind a NAT: its Contact and Via are private, and it is reached
// where its messages come from. Via gets received and rport.
func TestPeerBehindNAT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		r.send("INVITE sip:bob@x SIP/2.0\nVia: SIP/2.0/UDP 10.1.2.3:1111;branch=z9hG4bKnat;rport\n{FROM}\n{TO}\n{ID}\nContact: <sip:raw@10.1.2.3:1111>\nCSeq: 1 INVITE")
		via := r.response(100).Via()
		if via.Params.GetOr("received", "") != aliceIP.String() || via.Params.GetOr("rport", "") != "5060" {
			t.Errorf("Via %s", via)
		}
		in := bob.next(t)
		in.Answer([]byte("v=answer"))
		r.response(200)
		r.inDialog(in, "ACK", 1, "")
		synctest.Wait()
		time.Sleep(time.Second)
		in.Hangup(Cause{})
		bye := r.request("BYE")
		if bye.Recipient.String() != "sip:raw@10.1.2.3:1111" {
			t.Errorf("BYE to %s", bye.Recipient.String())
		}
		r.respond(bye, 200, "", "")
		settle(t, bob)
	})
}

// A NAT between private networks is known by its Via only; that the peer stays
// behind it is remembered over its re-INVITEs and ours.
func TestPeerBehindPrivateNAT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, netip.MustParseAddr("10.0.0.1"), bobIP)
		const contact = "Contact: <sip:raw@192.168.7.7:5060>\n"
		r.send("INVITE sip:bob@x SIP/2.0\nVia: SIP/2.0/UDP 192.168.7.7;branch=z9hG4bKnat;rport\n{FROM}\n{TO}\n{ID}\n" + contact + "CSeq: 1 INVITE\n\nv=offer")
		r.response(100)
		in := bob.next(t)
		in.Answer([]byte("v=answer"))
		r.response(200)
		r.inDialog(in, "ACK", 1, "")
		r.send("INVITE sip:bob@x SIP/2.0\nVia: SIP/2.0/UDP 192.168.7.7;branch=z9hG4bKhold;rport\n{FROM}\nTo: <sip:bob@x>;tag=" + in.LocalTag() + "\n{ID}\n" + contact + "CSeq: 2 INVITE\n\nv=hold")
		r.response(200)
		r.inDialog(in, "ACK", 2, "")
		done := make(chan error, 1)
		go func() { _, err := in.Reoffer(t.Context(), []byte("v=back")); done <- err }()
		r.respond(r.request("INVITE"), 200, "", "v=answer", contact[:len(contact)-1])
		r.request("ACK")
		if err := <-done; err != nil {
			t.Error(err)
		}
		in.Hangup(Cause{})
		r.respond(r.request("BYE"), 200, "", "")
		settle(t, bob)
	})
}

// Without rport responses go to the port in Via, as RFC 3261 18.2.2 has it.
func TestResponseToViaPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		sender, err := l.Host(aliceIP).ListenPacket(t.Context(), "0.0.0.0:40000")
		if err != nil {
			t.Fatal(err)
		}
		defer sender.Close()
		r := l.raw(t, aliceIP, bobIP)
		out := *r
		out.conn = sender
		out.send("OPTIONS sip:bob@x SIP/2.0\nVia: SIP/2.0/UDP alice.example:5060;branch=z9hG4bKx\n{FROM}\n{TO}\n{ID}\nCSeq: 1 OPTIONS")
		if v := r.response(200).Via(); v.Params.GetOr("received", "") != aliceIP.String() {
			t.Errorf("Via %s", v)
		}
		settle(t, bob)
	})
}

// Requests of ours follow Record-Route, loose and strict.
func TestRouteSet(t *testing.T) {
	for _, tt := range []struct{ name, recordRoute, recipient, route string }{
		{"loose", "<sip:192.0.2.1;lr>, <sip:192.0.2.9;lr>", "sip:raw@198.51.100.7", "<sip:192.0.2.1;lr> <sip:192.0.2.9;lr>"},
		{"strict", "<sip:192.0.2.1>, <sip:192.0.2.9;lr>", "sip:192.0.2.1", "<sip:192.0.2.9;lr> <sip:raw@198.51.100.7>"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLadder()
				bob := l.party(t, bobIP)
				r := l.raw(t, aliceIP, bobIP)
				r.send("INVITE sip:bob@x SIP/2.0\n{VIA} routed\n{FROM}\n{TO}\n{ID}\nContact: <sip:raw@198.51.100.7>\nCSeq: 1 INVITE\nRecord-Route: " + tt.recordRoute)
				r.response(100)
				in := bob.next(t)
				in.Answer([]byte("v=offer"))
				res := r.response(200)
				if n := len(res.GetHeaders("Record-Route")); n != 2 {
					t.Errorf("%d Record-Route headers in the 2xx", n)
				}
				r.inDialog(in, "ACK", 1, "\n\nv=answer")
				time.Sleep(time.Second)
				in.Hangup(Cause{})
				bye := r.request("BYE")
				var route []string
				for _, h := range bye.GetHeaders("Route") {
					route = append(route, h.Value())
				}
				if got := strings.Join(route, " "); got != tt.route || bye.Recipient.String() != tt.recipient {
					t.Errorf("BYE %s Route %s", bye.Recipient.String(), got)
				}
				r.respond(bye, 200, "", "")
				settle(t, bob)
			})
		})
	}
}

// The Contact of a re-INVITE is the new target.
func TestTargetRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		moved := l.raw(t, carolIP, bobIP)
		in := r.invite(bob, "")
		in.Answer([]byte("v=answer"))
		r.response(200)
		r.inDialog(in, "ACK", 1, "")
		moved.tag = r.tag
		moved.send("INVITE sip:bob@x SIP/2.0\n{VIA} moved\n{FROM}\nTo: <sip:bob@x>;tag=" + in.LocalTag() + "\n{ID}\n{CONTACT}\nCSeq: 2 INVITE\n\nv=moved")
		moved.response(200)
		moved.inDialog(in, "ACK", 2, "")
		time.Sleep(time.Second)
		in.Hangup(Cause{})
		bye := moved.request("BYE")
		if bye.Recipient.Host != carolIP.String() {
			t.Errorf("BYE to %s", bye.Recipient.String())
		}
		moved.respond(bye, 200, "", "")
		settle(t, bob)
	})
}

func TestFilterDropsSilently(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		var asked []netip.AddrPort
		bob := l.party(t, bobIP, func(c *Config) {
			c.Filter = func(src netip.AddrPort) bool { asked = append(asked, src); return src.Addr() != aliceIP }
		})
		r := l.raw(t, aliceIP, bobIP)
		r.send("OPTIONS sip:bob@x SIP/2.0\n{VIA} o\n{FROM}\n{TO}\n{ID}\nCSeq: 1 OPTIONS")
		settle(t, bob)
		if len(asked) != 1 || asked[0] != r.addr {
			t.Errorf("asked about %v", asked)
		}
		l.check(t, "0.000 alice → bob OPTIONS")
	})
}

func TestFindForReplaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		if bob.stack.Find(in.CallID(), in.LocalTag(), in.RemoteTag()) != in {
			t.Error("not found")
		}
		if bob.stack.Find(in.CallID(), in.RemoteTag(), in.LocalTag()) != nil || bob.stack.Find(in.CallID(), in.LocalTag(), "x") != nil {
			t.Error("found with wrong tags")
		}
		out.Hangup(Cause{})
		settle(t, alice, bob)
		if bob.stack.Find(in.CallID(), in.LocalTag(), in.RemoteTag()) != nil {
			t.Error("found after its end")
		}
	})
}

func TestInfoReferNotify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		heard := make(chan *sipmsg.Request, 10)
		bob.asked = func(req *sipmsg.Request) (int, string) {
			heard <- req
			if req.Method == sipmsg.REFER {
				return 202, ""
			}
			return 200, ""
		}
		alice.asked = func(req *sipmsg.Request) (int, string) { heard <- req; return 200, "" }
		if err := out.Info(t.Context(), "application/dtmf-relay", []byte("Signal=5")); err != nil {
			t.Error(err)
		}
		if req := <-heard; string(req.Body()) != "Signal=5" || contentType(req) != "application/dtmf-relay" {
			t.Errorf("got\n%s", req)
		}
		if err := out.Refer(t.Context(), "sip:carol@192.0.2.3", "id@x;to-tag=a;from-tag=b"); err != nil {
			t.Error(err)
		}
		if req := <-heard; req.ReferTo() == nil || req.GetHeader("Refer-To").Value() != "<sip:carol@192.0.2.3?Replaces=id%40x%3Bto-tag%3Da%3Bfrom-tag%3Db>" {
			t.Errorf("got\n%s", req)
		}
		if err := in.Notify(t.Context(), 200, ""); err != nil {
			t.Error(err)
		}
		if req := <-heard; string(req.Body()) != "SIP/2.0 200 OK\r\n" || req.GetHeader("Subscription-State").Value() != "terminated;reason=noresource" {
			t.Errorf("got\n%s", req)
		}
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INFO
			0.010  bob → alice  200 INFO
			0.020  alice → bob  REFER
			0.030  bob → alice  202 REFER
			0.040  bob → alice  NOTIFY
			0.050  alice → bob  200 NOTIFY
			0.060  alice → bob  BYE
			0.070  bob → alice  200 BYE`)
	})
}
