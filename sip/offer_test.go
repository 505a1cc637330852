package sip

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// established is a call in which everything so far has arrived; the ladder
// starts anew.
func established(t testing.TB, l *ladder, change ...func(*Config)) (alice, bob *party, out, in *Dialog) {
	t.Helper()
	alice, bob = l.party(t, aliceIP, change...), l.party(t, bobIP, change...)
	out, in = call(t, alice, bob, InviteOptions{})
	l.restart()
	return alice, bob, out, in
}

func reoffer(t testing.TB, d *Dialog, sdp, want string) {
	t.Helper()
	answer, err := d.Reoffer(t.Context(), []byte(sdp))
	if err != nil || string(answer) != want {
		t.Errorf("answer %q, error %v; want %q", answer, err, want)
	}
}

func TestReinviteBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		reoffer(t, out, "v=hold", "v=renewed")
		bob.expect(t, "offered v=hold")
		reoffer(t, in, "v=codec", "v=renewed")
		alice.expect(t, "offered v=codec")
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK
			0.030  bob → alice  INVITE sdp
			0.040  alice → bob  200 INVITE sdp
			0.050  alice → bob  BYE
			0.050  bob → alice  ACK
			0.060  bob → alice  200 BYE`)
	})
}

func TestReinviteRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, _ := established(t, l)
		bob.offered = func([]byte) ([]byte, int) { return nil, 488 }
		_, err := out.Reoffer(t.Context(), []byte("v=video"))
		var refused *StatusError
		if !errors.As(err, &refused) || refused.Status != 488 {
			t.Errorf("error %v", err)
		}
		out.Hangup(Cause{}) // the call itself goes on until here
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  488 INVITE
			0.020  alice → bob  ACK
			0.020  alice → bob  BYE
			0.030  bob → alice  200 BYE`)
	})
}

// Two re-INVITEs meet: both get 491, and the one who made the Call-ID waits
// longer (RFC 3261 14.1).
func TestReinviteGlare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		alice.stack.random = func(int) int { return 0 }
		bob.stack.random = func(int) int { return 100 }
		done := make(chan error, 2)
		go func() { _, err := out.Reoffer(t.Context(), []byte("v=alice")); done <- err }()
		go func() { _, err := in.Reoffer(t.Context(), []byte("v=bob")); done <- err }()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		alice.expect(t, "offered v=bob")
		bob.expect(t, "offered v=alice")
		time.Sleep(time.Second)
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.000  bob → alice  INVITE sdp
			0.010  alice → bob  491 INVITE
			0.010  bob → alice  491 INVITE
			0.020  alice → bob  ACK
			0.020  bob → alice  ACK
			1.020  bob → alice  INVITE sdp
			1.030  alice → bob  200 INVITE sdp
			1.040  bob → alice  ACK
			2.120  alice → bob  INVITE sdp
			2.130  bob → alice  200 INVITE sdp
			2.140  alice → bob  ACK
			3.140  alice → bob  BYE
			3.150  bob → alice  200 BYE`)
	})
}

// A second offer of the peer while the first is unanswered waits its turn by
// 500 with Retry-After; ours waits for the end of the exchange.
func TestOfferWhileAnswering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		bob.offered = func([]byte) ([]byte, int) { time.Sleep(time.Second); return []byte("v=slow"), 200 }
		done := make(chan error, 2)
		go func() { _, err := out.Reoffer(t.Context(), []byte("v=alice")); done <- err }()
		time.Sleep(500 * time.Millisecond)
		go func() { _, err := in.Reoffer(t.Context(), []byte("v=bob")); done <- err }()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		in.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.210  bob → alice  100 INVITE
			1.010  bob → alice  200 INVITE sdp
			1.020  alice → bob  ACK
			1.030  bob → alice  INVITE sdp
			1.040  alice → bob  200 INVITE sdp
			1.050  bob → alice  ACK
			1.050  bob → alice  BYE
			1.060  alice → bob  200 BYE`)
	})
}

func TestHangupDuringReinvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, _ := established(t, l)
		bob.offered = func([]byte) ([]byte, int) { time.Sleep(time.Second); return []byte("v=slow"), 200 }
		done := make(chan error, 1)
		go func() { _, err := out.Reoffer(t.Context(), []byte("v=alice")); done <- err }()
		time.Sleep(100 * time.Millisecond)
		out.Hangup(Cause{})
		if err := <-done; !errors.Is(err, ErrEnded) {
			t.Errorf("error %v", err)
		}
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.100  alice → bob  BYE
			0.110  bob → alice  487 INVITE
			0.110  bob → alice  200 BYE
			0.120  alice → bob  ACK`)
	})
}

func TestLateOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{Offer: []byte{}})
		in := bob.next(t)
		if in.Offer() != nil {
			t.Errorf("offer %q", in.Offer())
		}
		in.Answer([]byte("v=offer of bob"))
		alice.expect(t, "offered v=offer of bob")
		alice.expect(t, "answered")
		bob.expect(t, "answered v=renewed")
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK sdp
			0.030  alice → bob  BYE
			0.040  bob → alice  200 BYE`)
	})
}

// A late offer that we cannot take: a 2xx cannot be refused, so ACK and BYE.
func TestLateOfferNotAcceptable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		alice.offered = func([]byte) ([]byte, int) { return nil, 488 }
		dial(t, alice, bob, InviteOptions{Offer: []byte{}})
		bob.next(t).Answer([]byte("v=offer of bob"))
		alice.expect(t, "offered v=offer of bob")
		alice.expect(t, "ended local 488")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK
			0.020  alice → bob  BYE
			0.030  bob → alice  200 BYE`)
	})
}

func TestLateReinvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, _ := established(t, l)
		if answer, err := out.Reoffer(t.Context(), nil); err != nil || answer != nil {
			t.Errorf("answer %q, error %v", answer, err)
		}
		bob.expect(t, "offered")
		alice.expect(t, "offered v=renewed")
		bob.expect(t, "answered v=renewed")
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK sdp
			0.030  alice → bob  BYE
			0.040  bob → alice  200 BYE`)
	})
}

// The peer forgot the dialog: 481 to a re-INVITE ends it (RFC 3261 12.2.1.2).
func TestReinviteOfForgottenDialog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		bob.stack.forget(in)
		if _, err := out.Reoffer(t.Context(), []byte("v=x")); !errors.Is(err, ErrEnded) {
			var refused *StatusError
			if !errors.As(err, &refused) || refused.Status != 481 {
				t.Errorf("error %v", err)
			}
		}
		alice.expect(t, "ended local 481")
		settle(t, alice, bob)
	})
}

func TestReofferGivesUpWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, _ := established(t, l)
		l.loseAll("200 INVITE sdp")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := out.Reoffer(ctx, []byte("v=x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		alice.expect(t, "ended local 408") // Timer B
		settle(t, alice, bob)
	})
}

// Hung up while the late offer is looked at: the ACK goes before the BYE.
func TestHangupDuringLateOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		alice.offered = func([]byte) ([]byte, int) { time.Sleep(time.Second); return []byte("v=slow"), 200 }
		out := dial(t, alice, bob, InviteOptions{Offer: []byte{}})
		bob.next(t).Answer([]byte("v=offer of bob"))
		time.Sleep(800 * time.Millisecond)
		out.Hangup(Cause{})
		alice.expect(t, "offered v=offer of bob")
		alice.expect(t, "ended local 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp
			0.510  bob → alice  200 INVITE sdp
			0.810  alice → bob  ACK
			0.810  alice → bob  BYE
			0.820  bob → alice  200 BYE`)
	})
}

// A re-INVITE that the peer only says 100 to is cancelled when our patience
// ends; the session stays as it was, and the next offer goes through.
func TestReinviteCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, _ := established(t, l)
		bob.offered = func(sdp []byte) ([]byte, int) {
			if string(sdp) == "v=slow" {
				time.Sleep(10 * time.Second)
			}
			return []byte("v=renewed"), 200
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := out.Reoffer(ctx, []byte("v=slow")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		reoffer(t, out, "v=quick", "v=renewed")
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.210  bob → alice  100 INVITE
			1.000  alice → bob  CANCEL
			1.010  bob → alice  200 CANCEL
			1.010  bob → alice  487 INVITE
			1.020  alice → bob  ACK
			1.020  alice → bob  INVITE sdp
			1.230  bob → alice  100 INVITE
			10.010  bob → alice  200 INVITE sdp
			10.020  alice → bob  ACK
			10.020  alice → bob  BYE
			10.030  bob → alice  200 BYE`)
	})
}

// Before the initial offer is answered nobody may make another.
func TestUpdateTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		in := r.invite(bob, "Allow: INVITE, UPDATE")
		in.Provisional(180, "", nil)
		r.response(180)
		if _, err := in.Reoffer(t.Context(), []byte("v=x")); !errors.Is(err, ErrState) {
			t.Errorf("error %v", err)
		}
		r.inDialog(in, "UPDATE", 2, "\n\nv=early")
		if res := r.response(500); res.GetHeader("Retry-After") == nil {
			t.Error("500 without Retry-After")
		}
		in.Reject(486, "")
		r.response(486)
		settle(t, bob)
	})
}

// The 2xx to our late re-INVITE comes again while the handler looks at its
// offer: that is not a second answer.
func TestLateReinviteAnswerRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, _ := established(t, l)
		alice.offered = func([]byte) ([]byte, int) { time.Sleep(2 * time.Second); return []byte("v=mine"), 200 }
		if _, err := out.Reoffer(t.Context(), nil); err != nil {
			t.Error(err)
		}
		bob.expect(t, "offered")
		bob.expect(t, "answered v=mine")
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE
			0.010  bob → alice  200 INVITE sdp
			0.510  bob → alice  200 INVITE sdp
			1.510  bob → alice  200 INVITE sdp
			2.020  alice → bob  ACK sdp
			2.030  alice → bob  BYE
			2.040  bob → alice  200 BYE`)
	})
}

// The same in a late re-INVITE.
func TestHangupDuringLateReinvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, _ := established(t, l)
		alice.offered = func([]byte) ([]byte, int) { time.Sleep(time.Second); return []byte("v=slow"), 200 }
		if _, err := out.Reoffer(t.Context(), nil); err != nil {
			t.Error(err)
		}
		time.Sleep(100 * time.Millisecond)
		out.Hangup(Cause{})
		alice.expect(t, "offered v=renewed")
		alice.expect(t, "ended local 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE
			0.010  bob → alice  200 INVITE sdp
			0.120  alice → bob  ACK
			0.120  alice → bob  BYE
			0.130  bob → alice  200 BYE`)
	})
}

// UPDATE in an answered call: with an offer it changes the session, without one
// it moves the peer, and while an offer of ours is open it is refused (RFC 3311
// 5.2).
func TestUpdateInCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		in := r.invite(bob, "")
		in.Answer([]byte("v=answer"))
		r.response(200)
		r.inDialog(in, "ACK", 1, "")
		r.inDialog(in, "UPDATE", 2, "\n\nv=hold")
		bob.expect(t, "offered v=hold")
		if res := r.response(200); string(res.Body()) != "v=renewed" || res.Contact() == nil {
			t.Errorf("got\n%s", res)
		}
		bob.offered = func([]byte) ([]byte, int) { return nil, 0 }
		r.inDialog(in, "UPDATE", 3, "\n\nv=worse")
		bob.expect(t, "offered v=worse")
		r.response(488)
		carol := l.raw(t, carolIP, bobIP)
		carol.inDialog(in, "UPDATE", 4, "")
		if res := carol.response(200); len(res.Body()) != 0 {
			t.Errorf("got\n%s", res)
		}
		done := make(chan error, 1)
		go func() { _, err := in.Reoffer(t.Context(), []byte("v=bob")); done <- err }()
		ours := carol.request("INVITE")
		carol.inDialog(in, "UPDATE", 5, "\n\nv=crossing")
		carol.response(491)
		carol.respond(ours, 200, "", "v=taken")
		carol.request("ACK")
		if err := <-done; err != nil {
			t.Error(err)
		}
		in.Hangup(Cause{})
		carol.respond(carol.request("BYE"), 200, "", "")
		settle(t, bob)
	})
}

// A description beside another part is found in both directions (RFC 5621):
// carriers send ISUP, or the place of the caller, along with it.
func TestDescriptionInMultipartBody(t *testing.T) {
	const kind = "Content-Type: multipart/mixed;boundary=b"
	parts := func(sdp string) string {
		return "--b\r\nContent-Type: application/isup\r\n\r\n\x01\x00\x49\r\n--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp + "\r\n--b--\r\n"
	}
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		bob := l.party(t, bobIP)
		r := l.raw(t, aliceIP, bobIP)
		r.send("INVITE sip:bob@x SIP/2.0\n{VIA} invite\n{FROM}\n{TO}\n{ID}\n{CONTACT}\nCSeq: 1 INVITE\nMax-Forwards: 70\n" + kind + "\n\n" + parts("v=offer"))
		r.response(100)
		in := bob.next(t)
		if string(in.Offer()) != "v=offer" {
			t.Errorf("offer %q", in.Offer())
		}
		in.Answer([]byte("v=answer"))
		r.response(200)
		r.inDialog(in, "ACK", 1, "")
		r.inDialog(in, "INVITE", 2, kind+"\n\n"+parts("v=hold"))
		bob.expect(t, "offered v=hold")
		r.response(200)
		r.inDialog(in, "ACK", 2, "")
		in.Hangup(Cause{})
		r.respond(r.request("BYE"), 200, "", "")
		settle(t, bob)
	})
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{})
		invite := r.request("INVITE")
		res := sipmsg.NewResponseFromRequest(invite, 200, "OK", nil)
		res.To().Params.Add("tag", "b")
		res.AppendHeader(sipmsg.NewHeader("Contact", "<sip:b@"+r.addr.String()+">"))
		setBody(res, "multipart/mixed;boundary=b", []byte(parts("v=answer")))
		r.write([]byte(res.String()))
		r.request("ACK")
		alice.expect(t, "answered v=answer")
		d.Hangup(Cause{})
		r.respond(r.request("BYE"), 200, "", "")
		settle(t, alice)
	})
}
