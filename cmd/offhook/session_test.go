package main

import "testing"

// Calls are looked after also while nothing is to be heard: calls out ask for
// session timers (RFC 4028).
func TestSessionTimersAreAskedFor(t *testing.T) {
	w := newWorld(t, "")
	called := w.next(w.pickUp)
	w.placed(map[string]any{"actions": []map[string]any{{"type": "echo", "option": map[string]any{"duration": 60000}}}})
	c := receiveOr(t, "the carrier is called", called)
	if h := c.Dialog().Invite().GetHeader("Session-Expires"); h == nil || h.Value() != "1800" {
		t.Errorf("asks for %v", h)
	}
	c.Hangup()
}
