package sip

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestAnswerLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.lose("bob", "200 INVITE sdp", 1, 2)
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out, _ := call(t, alice, bob, InviteOptions{})
		out.Hangup(Cause{})
		bob.expect(t, "ended peer 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp ✗
			0.510  bob → alice  200 INVITE sdp ✗
			1.510  bob → alice  200 INVITE sdp
			1.520  alice → bob  ACK
			1.550  alice → bob  BYE
			1.560  bob → alice  200 BYE`)
	})
}

func TestAckLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.lose("alice", "ACK", 1)
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out, _ := call(t, alice, bob, InviteOptions{})
		time.Sleep(time.Minute)
		out.Hangup(Cause{})
		bob.expect(t, "ended peer 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK ✗
			0.510  bob → alice  200 INVITE sdp
			0.520  alice → bob  ACK
			60.050  alice → bob  BYE
			60.060  bob → alice  200 BYE`)
	})
}

// Without any ACK the call ends after 64*T1, with a BYE (RFC 3261 13.3.1.4).
func TestAckNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.loseAll("ACK")
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		call(t, alice, bob, InviteOptions{})
		bob.expect(t, "ended local 408")
		alice.expect(t, "ended peer 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK ✗
			0.510  bob → alice  200 INVITE sdp
			0.520  alice → bob  ACK ✗
			1.510  bob → alice  200 INVITE sdp
			1.520  alice → bob  ACK ✗
			3.510  bob → alice  200 INVITE sdp
			3.520  alice → bob  ACK ✗
			7.510  bob → alice  200 INVITE sdp
			7.520  alice → bob  ACK ✗
			11.510  bob → alice  200 INVITE sdp
			11.520  alice → bob  ACK ✗
			15.510  bob → alice  200 INVITE sdp
			15.520  alice → bob  ACK ✗
			19.510  bob → alice  200 INVITE sdp
			19.520  alice → bob  ACK ✗
			23.510  bob → alice  200 INVITE sdp
			23.520  alice → bob  ACK ✗
			27.510  bob → alice  200 INVITE sdp
			27.520  alice → bob  ACK ✗
			31.510  bob → alice  200 INVITE sdp
			31.520  alice → bob  ACK ✗
			32.010  bob → alice  BYE
			32.020  alice → bob  200 BYE`)
	})
}

// The callee may not send BYE before the ACK (RFC 3261 15).
func TestCalleeHangsUpBeforeAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.lose("alice", "ACK", 1)
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		in.Answer([]byte("v=answer"))
		in.Hangup(Cause{})
		bob.expect(t, "ended local 200")
		alice.expect(t, "answered v=answer")
		alice.expect(t, "ended peer 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK ✗
			0.510  bob → alice  200 INVITE sdp
			0.520  alice → bob  ACK
			0.530  bob → alice  BYE
			0.540  alice → bob  200 BYE`)
	})
}

// Both hang up at once: both BYEs are answered with 200.
func TestByesCross(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out, in := call(t, alice, bob, InviteOptions{})
		out.Hangup(Cause{})
		in.Hangup(Cause{})
		alice.expect(t, "ended local 200")
		bob.expect(t, "ended local 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK
			0.050  alice → bob  BYE
			0.050  bob → alice  BYE
			0.060  alice → bob  200 BYE
			0.060  bob → alice  200 BYE`)
	})
}

// A BYE that nobody answers is repeated up to Timer F and leaves nothing behind.
func TestByeUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l)
		l.loseAll("BYE")
		out.Hangup(Cause{})
		alice.expect(t, "ended local 200")
		settle(t, alice)
		l.check(t, `
			0.000  alice → bob  BYE ✗
			0.500  alice → bob  BYE ✗
			1.500  alice → bob  BYE ✗
			3.500  alice → bob  BYE ✗
			7.500  alice → bob  BYE ✗
			11.500  alice → bob  BYE ✗
			15.500  alice → bob  BYE ✗
			19.500  alice → bob  BYE ✗
			23.500  alice → bob  BYE ✗
			27.500  alice → bob  BYE ✗
			31.500  alice → bob  BYE ✗`)
		in.Hangup(Cause{})
		settle(t, bob)
	})
}
