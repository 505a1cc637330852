package sip

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// call places a call from one party to another and takes it up to the answer.
func call(t testing.TB, from, to *party, opts InviteOptions) (out, in *Dialog) {
	t.Helper()
	out = dial(t, from, to, opts)
	in = to.next(t)
	if err := in.Answer([]byte("v=answer")); err != nil {
		t.Fatal(err)
	}
	from.expect(t, "answered v=answer")
	time.Sleep(3 * oneWay) // virtual: the ACK arrives
	synctest.Wait()
	return out, in
}

func dial(t testing.TB, from, to *party, opts InviteOptions) *Dialog {
	t.Helper()
	if opts.To.Host == "" {
		opts.To = to.uri("udp", "bob")
		opts.To.UriParams = nil
	}
	if opts.Offer == nil {
		opts.Offer = []byte("v=offer")
	} else if len(opts.Offer) == 0 {
		opts.Offer = nil
	}
	opts.From = "alice"
	d, err := from.stack.Invite(t.Context(), opts, &from.ear)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// settle lets everything that is under way arrive, then 40 s pass, in which
// every transaction and retransmission ends, and no dialog may be left.
func settle(t testing.TB, parties ...*party) {
	t.Helper()
	time.Sleep(40 * time.Second)
	synctest.Wait()
	for _, p := range parties {
		s := p.stack
		s.mu.Lock()
		dialogs, invites, servers, clients := len(s.dialogs), len(s.invites), len(s.servers), len(s.clients)
		s.mu.Unlock()
		if dialogs+invites+servers+clients != 0 {
			t.Errorf("left behind: %d dialogs, %d invites, %d server and %d client transactions", dialogs, invites, servers, clients)
		}
	}
}

func TestAnsweredCallHungUpByCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		in.Provisional(180, "", nil)
		alice.expect(t, "progress 180")
		time.Sleep(time.Second)
		in.Answer([]byte("v=answer"))
		alice.expect(t, "answered v=answer")
		time.Sleep(time.Second)
		out.Hangup(Cause{})
		alice.expect(t, "ended local 200")
		bob.expect(t, "ended peer 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  180 INVITE
			1.020  bob → alice  200 INVITE sdp
			1.030  alice → bob  ACK
			2.030  alice → bob  BYE
			2.040  bob → alice  200 BYE`)
	})
}

func TestAnsweredCallHungUpByCallee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		_, in := call(t, alice, bob, InviteOptions{})
		in.Hangup(Cause{Q850: 16, Reason: "Normal call clearing"})
		alice.expect(t, "ended peer 200 q850=16")
		bob.expect(t, "ended local 200 q850=16")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK
			0.050  bob → alice  BYE
			0.060  alice → bob  200 BYE`)
	})
}

func TestRejected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.lose("alice", "ACK", 1)
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		bob.next(t).Reject(503, "", RetryAfter(90*time.Second))
		alice.expect(t, "ended peer 503")
		if e := out.End(); e.RetryAfter != 90*time.Second || e.Reason != "Service Unavailable" {
			t.Errorf("end %+v", e)
		}
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  503 INVITE
			0.020  alice → bob  ACK ✗
			0.510  bob → alice  503 INVITE
			0.520  alice → bob  ACK`)
	})
}

func TestCancelWhileRinging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		in.Provisional(180, "", nil)
		alice.expect(t, "progress 180")
		out.Hangup(Cause{Status: 200, Q850: 26, Reason: "Call completed elsewhere"})
		alice.expect(t, "ended local 487 q850=26")
		bob.expect(t, "ended peer 487 q850=26")
		if r := in.End().Reason; r != "Call completed elsewhere" {
			t.Errorf("reason %q", r)
		}
		if err := in.Answer([]byte("v=x")); err != ErrState {
			t.Errorf("answer after CANCEL: %v", err)
		}
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  180 INVITE
			0.020  alice → bob  CANCEL
			0.030  bob → alice  200 CANCEL
			0.030  bob → alice  487 INVITE
			0.040  alice → bob  ACK`)
	})
}

// CANCEL may not be sent before the first response (RFC 3261 9.1).
func TestCancelWaitsForFirstResponse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.lose("bob", "100 INVITE", 1)
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		time.Sleep(100 * time.Millisecond)
		out.Hangup(Cause{})
		alice.expect(t, "ended local 487")
		bob.next(t)
		bob.expect(t, "ended peer 487")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE ✗
			0.500  alice → bob  INVITE sdp
			0.510  bob → alice  100 INVITE
			0.520  alice → bob  CANCEL
			0.530  bob → alice  200 CANCEL
			0.530  bob → alice  487 INVITE
			0.540  alice → bob  ACK`)
	})
}

// A 200 that crosses the CANCEL is acknowledged and hung up.
func TestCancelCrossesAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		in.Provisional(180, "", nil)
		alice.expect(t, "progress 180")
		time.Sleep(time.Second)
		in.Answer([]byte("v=answer"))
		out.Hangup(Cause{})
		alice.expect(t, "ended local 487")
		bob.expect(t, "ended peer 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  180 INVITE
			1.020  alice → bob  CANCEL
			1.020  bob → alice  200 INVITE sdp
			1.030  alice → bob  ACK
			1.030  alice → bob  BYE
			1.030  bob → alice  200 CANCEL
			1.040  bob → alice  200 BYE`)
	})
}

// Who must know of each answer is told of one that crosses the CANCEL, before it is
// acknowledged, and of the end of any other call when the INVITE is answered.
func TestCancelCrossesAnswerThatIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		heard := 0
		for _, answers := range []bool{true, false} {
			out := dial(t, alice, bob, InviteOptions{Heard: func() {
				heard++
				time.Sleep(time.Second) // the 200 comes again meanwhile
			}})
			in := bob.next(t)
			in.Provisional(180, "", nil)
			alice.expect(t, "progress 180")
			time.Sleep(time.Second)
			if answers {
				in.Answer([]byte("v=answer"))
			}
			out.Hangup(Cause{})
			if answers {
				alice.expect(t, "ended local 200")
				bob.expect(t, "ended peer 200")
			} else {
				bob.expect(t, "ended peer 487")
				alice.expect(t, "ended local 487")
			}
			settle(t, alice, bob)
		}
		if heard != 1 {
			t.Errorf("%d answers were heard, one was given", heard)
		}
	})
}

// The same before any response: the 200 is the first that is heard.
func TestAnswerIsFirstResponseAfterHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.lose("bob", "100 INVITE", 1)
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		out.Hangup(Cause{})
		alice.expect(t, "ended local 487")
		in.Answer([]byte("v=answer"))
		bob.expect(t, "ended peer 200")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE ✗
			0.010  bob → alice  200 INVITE sdp
			0.020  alice → bob  ACK
			0.020  alice → bob  BYE
			0.030  bob → alice  200 BYE`)
	})
}

func TestNobodyThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		to := alice.uri("udp", "bob")
		to.Host, to.UriParams = bobIP.String(), nil
		dial(t, alice, nil, InviteOptions{To: to})
		alice.expect(t, "ended peer 408")
		settle(t, alice)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.500  alice → bob  INVITE sdp
			1.500  alice → bob  INVITE sdp
			3.500  alice → bob  INVITE sdp
			7.500  alice → bob  INVITE sdp
			15.500  alice → bob  INVITE sdp
			31.500  alice → bob  INVITE sdp`)
	})
}

func TestRingTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		dial(t, alice, bob, InviteOptions{Timeout: 20 * time.Second})
		bob.next(t).Provisional(180, "", nil)
		alice.expect(t, "progress 180")
		alice.expect(t, "ended local 408")
		bob.expect(t, "ended peer 487")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  180 INVITE
			20.000  alice → bob  CANCEL
			20.010  bob → alice  200 CANCEL
			20.010  bob → alice  487 INVITE
			20.020  alice → bob  ACK`)
	})
}

// A phone that rings for minutes says so again each minute.
func TestProvisionalRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		in.Provisional(180, "", nil)
		time.Sleep(130 * time.Second)
		in.Reject(486, "")
		for range 3 {
			alice.expect(t, "progress 180")
		}
		alice.expect(t, "ended peer 486")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  100 INVITE
			0.010  bob → alice  180 INVITE
			60.010  bob → alice  180 INVITE
			120.010  bob → alice  180 INVITE
			130.010  bob → alice  486 INVITE
			130.020  alice → bob  ACK`)
	})
}

func TestManyProvisionalsThenAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		out := dial(t, alice, bob, InviteOptions{})
		in := bob.next(t)
		for range 50 {
			in.Provisional(183, "", nil)
		}
		in.Answer([]byte("v=answer"))
		for range 50 {
			alice.expect(t, "progress 183")
		}
		alice.expect(t, "answered v=answer")
		out.Hangup(Cause{})
		bob.expect(t, "ended peer 200")
		settle(t, alice, bob)
	})
}

func TestCallOverIPv6(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob := l.party(t, netip.MustParseAddr("2001:db8::1")), l.party(t, netip.MustParseAddr("2001:db8::2"))
		for _, transport := range []string{"udp", "tcp"} {
			out, in := call(t, alice, bob, InviteOptions{To: bob.uri(transport, "bob")})
			reoffer(t, in, "v=hold", "v=renewed")
			if c := in.Invite().Contact().Address; hopOf(&c).host != "2001:db8::1" {
				t.Errorf("Contact %s", c.String())
			}
			in.Hangup(Cause{})
			<-out.Done()
			<-alice.told // offered
			<-alice.told // ended
		}
	})
}

// A peer that says nothing in time is given up at once; when it answers after
// all, it is told so.
func TestFirstResponseTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		l.lose("alice", "INVITE sdp", 1, 2, 3)
		alice, bob := l.party(t, aliceIP), l.party(t, bobIP)
		dial(t, alice, bob, InviteOptions{FirstResponse: 2 * time.Second})
		alice.expect(t, "ended peer 408")
		bob.next(t)
		bob.expect(t, "ended peer 487")
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp ✗
			0.500  alice → bob  INVITE sdp ✗
			1.500  alice → bob  INVITE sdp ✗
			3.500  alice → bob  INVITE sdp
			3.510  bob → alice  100 INVITE
			3.520  alice → bob  CANCEL
			3.530  bob → alice  200 CANCEL
			3.530  bob → alice  487 INVITE
			3.540  alice → bob  ACK`)
	})
}
