package sip

import (
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Early media goes reliably to a caller that supports it, and a plain 180 does
// not (RFC 3262).
func TestPrack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		in.Provisional(180, "", nil)
		in.Provisional(183, "", []byte("v=early"))
		alice.expect(t, "progress 180")
		alice.expect(t, "progress 183 v=early")
		time.Sleep(time.Second)
		in.Answer([]byte("v=answer"))
		alice.expect(t, "answered v=answer")
		time.Sleep(time.Second)
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  180 INVITE
			0.010  bob → alice  183 INVITE sdp
			0.020  alice → bob  PRACK
			0.030  bob → alice  200 PRACK
			1.020  bob → alice  200 INVITE sdp
			1.030  alice → bob  ACK
			2.030  alice → bob  BYE
			2.040  bob → alice  200 BYE`)
	})
}

// The 2xx waits for the PRACK of a session description, further reliable
// responses wait for the one before, and lost ones are repeated.
func TestPrackHoldsAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.lose("bob", "183 INVITE sdp", 1)
		l.lose("alice", "PRACK", 1)
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		require := sipmsg.NewHeader("Require", "100rel")
		out := dial(t, alice, bob, InviteOptions{Headers: []sipmsg.Header{require}})
		in := bob.next(t)
		in.Provisional(183, "", []byte("v=early"))
		in.Provisional(180, "", nil)
		in.Answer(nil)
		if err := in.Answer(nil); err != ErrState {
			t.Errorf("second answer: %v", err)
		}
		alice.expect(t, "progress 183 v=early")
		alice.expect(t, "progress 180")
		alice.expect(t, "answered")
		time.Sleep(time.Second)
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  183 INVITE sdp ✗
			0.510  bob → alice  183 INVITE sdp
			0.520  alice → bob  PRACK ✗
			1.020  alice → bob  PRACK
			1.030  bob → alice  200 PRACK
			1.030  bob → alice  180 INVITE
			1.030  bob → alice  200 INVITE
			1.040  alice → bob  PRACK
			1.040  alice → bob  ACK
			1.050  bob → alice  200 PRACK
			2.040  alice → bob  BYE
			2.050  bob → alice  200 BYE`)
	})
}

// No PRACK at all: the INVITE is refused after 64*T1 (RFC 3262 3).
func TestPrackNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.loseAll("PRACK")
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		in.Provisional(183, "", []byte("v=early"))
		alice.expect(t, "progress 183 v=early")
		bob.expect(t, "ended local 504")
		alice.expect(t, "ended peer 504")
		settle(t, alice, bob)
	})
}

// The offer comes in a reliable 183 and is answered in the PRACK.
func TestPrackAnswersLateOffer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{Offer: []byte{}})
		in := bob.next(t)
		in.Provisional(183, "", []byte("v=offer of bob"))
		alice.expect(t, "offered v=offer of bob")
		alice.expect(t, "progress 183")
		bob.expect(t, "answered v=renewed")
		in.Answer(nil)
		alice.expect(t, "answered")
		time.Sleep(time.Second)
		out.Hangup(Cause{})
		bob.expect(t, "ended peer 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  183 INVITE sdp
			0.020  alice → bob  PRACK sdp
			0.030  bob → alice  200 PRACK
			0.030  bob → alice  200 INVITE
			0.040  alice → bob  ACK
			1.040  alice → bob  BYE
			1.050  bob → alice  200 BYE`)
	})
}

// An offer while the dialog is early goes by UPDATE.
func TestUpdateWhileEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		in.Provisional(183, "", []byte("v=early"))
		alice.expect(t, "progress 183 v=early")
		time.Sleep(time.Second)
		reoffer(t, in, "v=moved", "v=renewed")
		alice.expect(t, "offered v=moved")
		reoffer(t, out, "v=hold", "v=renewed")
		bob.expect(t, "offered v=hold")
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  183 INVITE sdp
			0.020  alice → bob  PRACK
			0.030  bob → alice  200 PRACK
			1.020  bob → alice  UPDATE sdp
			1.030  alice → bob  200 UPDATE sdp
			1.040  alice → bob  UPDATE sdp
			1.050  bob → alice  200 UPDATE sdp
			1.060  alice → bob  CANCEL
			1.070  bob → alice  200 CANCEL
			1.070  bob → alice  487 INVITE
			1.080  alice → bob  ACK`)
	})
}
