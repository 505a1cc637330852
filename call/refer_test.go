package call_test

import (
	"errors"
	"testing"

	"offhook/sip"
)

// TestCarrierMayNotRefer lets a caller from a trunk ask for a transfer: it
// could make the customer pay for calls to anywhere.
func TestCarrierMayNotRefer(t *testing.T) {
	w := newThreeWay(t, answer)
	err := w.c.call.Refer(t.Context(), "sip:1002@"+w.addr.String(), "", func(int) {})
	var refused *sip.StatusError
	if !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("REFER from a trunk: %v, want 403", err)
	}
	hears(t, "after", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
}

// TestInviteWithReplaces lets a second phone pick up the conversation of the
// first by an INVITE with Replaces (RFC 3891).
func TestInviteWithReplaces(t *testing.T) {
	w := newThreeWay(t, answer)
	d := w.a.call.Dialog()
	name := d.CallID() + ";to-tag=" + d.RemoteTag() + ";from-tag=" + d.LocalTag()
	second := w.extension("1003", nil)
	c, err := second.Replace(t.Context(), "sip:1001@"+w.addr.String(), "", name)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "answer", c.UpSignal())
	wait(t, "the first phone is let go", w.a.call.Done())
	b := newParty("B", 1700, c)
	hears(t, "after", map[*party][]*party{w.c: {b}, b: {w.c}}, w.c, b)
	w.c.call.Hangup()
	wait(t, "the second phone's call ends with the caller's", c.Done())

	stranger := w.phone("caller", "", nil)
	again, err := stranger.Replace(t.Context(), "sip:1001@"+w.addr.String(), "", name)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "end", again.Done())
	if again.End().Status != 481 {
		t.Errorf("replacing what is over from a trunk: %d, want 481", again.End().Status)
	}
}
