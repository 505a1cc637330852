package sip

import (
	"testing"
	"testing/synctest"
	"time"
)

func sessionExpiring(d time.Duration) func(*Config) {
	return func(c *Config) { c.SessionExpires = d }
}

// Both ends know timers and neither has a wish: the callee refreshes, by UPDATE,
// at half the interval (RFC 4028 9, 10).
func TestSessionRefreshedByCallee(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, _ := established(t, l, sessionExpiring(200*time.Second))
		time.Sleep(250 * time.Second)
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			99.960   bob → alice  UPDATE
			99.970   alice → bob  200 UPDATE
			199.980  bob → alice  UPDATE
			199.990  alice → bob  200 UPDATE
			250.000  alice → bob  BYE
			250.010  bob → alice  200 BYE`)
	})
}

// The refresher's peer is gone: its refresh times out and the call ends.
func TestSessionRefreshUnanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, _, _ := established(t, l, sessionExpiring(200*time.Second))
		l.loseAll("UPDATE")
		bob.expect(t, "ended local 408")
		alice.expect(t, "ended peer 200")
		settle(t, alice, bob)
	})
}

// The refresher itself is gone: the other end hangs up 32 s or a third of the
// interval before the end.
func TestSessionExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, _, in := established(t, l, sessionExpiring(200*time.Second))
		in.mu.Lock()
		in.stopTimers()
		in.mu.Unlock()
		alice.expect(t, "ended local 408 q850=102")
		bob.expect(t, "ended peer 200 q850=102")
		settle(t, alice, bob)
		l.check(t, `
			167.970  alice → bob  BYE
			167.980  bob → alice  200 BYE`)
	})
}

// Too short an interval is refused with 422, and asked for again with the
// callee's minimum.
func TestSessionIntervalTooSmall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP, sessionExpiring(100*time.Second))
		bob := l.party(t, bobIP, func(c *Config) { c.MinSE = 5 * time.Minute })
		out, in := call(t, alice, bob, InviteOptions{})
		if got := in.session.interval; got != 5*time.Minute {
			t.Errorf("interval %s", got)
		}
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			0.000  alice → bob  INVITE sdp
			0.010  bob → alice  422 INVITE
			0.020  alice → bob  ACK
			0.020  alice → bob  INVITE sdp
			0.030  bob → alice  100 INVITE
			0.030  bob → alice  200 INVITE sdp
			0.040  alice → bob  ACK
			0.070  alice → bob  BYE
			0.080  bob → alice  200 BYE`)
	})
}

// A peer without UPDATE is refreshed by a re-INVITE with the same session.
func TestSessionRefreshedByReinvite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice, bob, out, in := established(t, l, sessionExpiring(200*time.Second))
		in.mu.Lock()
		in.peer.update = false
		in.mu.Unlock()
		time.Sleep(150 * time.Second)
		alice.expect(t, "offered v=answer")
		bob.expect(t, "answered v=renewed") // it changed the session, so the handler must know
		out.Hangup(Cause{})
		settle(t, alice, bob)
		l.check(t, `
			99.960   bob → alice  INVITE sdp
			99.970   alice → bob  200 INVITE sdp
			99.980   bob → alice  ACK
			150.000  alice → bob  BYE
			150.010  bob → alice  200 BYE`)
	})
}

// The callee leaves the refresh to the caller (RFC 4028 9, refresher=uac).
func TestSessionRefreshedByCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLadder()
		alice := l.party(t, aliceIP)
		r := l.raw(t, bobIP, aliceIP)
		d := dialRaw(t, alice, InviteOptions{})
		session := []string{"Session-Expires: 90;refresher=uac", "Require: timer", "Allow: INVITE, ACK, BYE, UPDATE"}
		r.respond(r.request("INVITE"), 200, "a", "v=answer", session...)
		r.request("ACK")
		alice.expect(t, "answered v=answer")
		began := time.Now()
		update := r.request("UPDATE")
		if took := time.Since(began).Round(time.Second); took != 45*time.Second {
			t.Errorf("refreshed after %s", took)
		}
		if got := update.GetHeader("Session-Expires").Value(); got != "90;refresher=uac" {
			t.Errorf("Session-Expires %q", got)
		}
		// The peer asks for more; then it is gone.
		r.respond(update, 422, "", "", "Min-SE: 120")
		update = r.request("UPDATE")
		if got := update.GetHeader("Session-Expires").Value(); got != "120;refresher=uac" {
			t.Errorf("Session-Expires %q", got)
		}
		r.respond(update, 481, "", "")
		alice.expect(t, "ended local 481")
		r.respond(r.request("BYE"), 481, "", "")
		<-d.Done()
		settle(t, alice)
	})
}
