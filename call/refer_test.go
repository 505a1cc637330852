package call_test

import (
	"errors"
	"testing"
	"time"

	"offhook/call"
	"offhook/resource"
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

// TestReferTellsItsProgress holds what NOTIFY tells of a REFER, and its order
// (RFC 3515 2.4.5): each status once, and nothing after the final one.
func TestReferTellsItsProgress(t *testing.T) {
	w := newThreeWay(t, ring)
	told := make(chan int, 8)
	if err := w.a.call.Refer(t.Context(), "sip:1002@"+w.addr.String(), "", func(status int) { told <- status }); err != nil {
		t.Fatal(err)
	}
	next := func(want int) {
		t.Helper()
		select {
		case status := <-told:
			if status != want {
				t.Fatalf("NOTIFY says %d, want %d", status, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no NOTIFY says %d", want)
		}
	}
	next(100)
	next(180)
	hears(t, "while B rings", map[*party][]*party{}, w.c, w.a)
	wait(t, "C hears ringback", listen(w.c.call))
	if err := (<-w.b).Reject(486); err != nil {
		t.Fatal(err)
	}
	next(486)
	hears(t, "after", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
	w.c.call.Hangup()
	wait(t, "A's end", w.a.call.Done())
	if len(told) > 0 {
		t.Errorf("NOTIFY says %d after the end", <-told)
	}
}

// TestReplacesIsForUsers lets a trunk ask to take the place of a user's call.
func TestReplacesIsForUsers(t *testing.T) {
	w := newThreeWay(t, answer)
	again, err := w.phone("caller", "", nil).Replace(t.Context(), "sip:1001@"+w.addr.String(), "", dialogName(w.a.call))
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "end", again.Done())
	if again.End().Status != 481 {
		t.Errorf("a trunk's INVITE with Replaces: %d, want 481", again.End().Status)
	}
}

// TestReferWhileTransferring has both ends, and the same end twice, transfer at
// once: the first is obeyed, the others are told why not.
func TestReferWhileTransferring(t *testing.T) {
	w := newThreeWay(t, ring)
	w.transfer(call.TransferOptions{})
	<-w.b
	var refused *sip.StatusError
	if err := w.a.call.Refer(t.Context(), "sip:1002@"+w.addr.String(), "", func(int) {}); !errors.As(err, &refused) || refused.Status != 491 {
		t.Errorf("REFER: %v, want 491", err)
	}
	_, err := w.ofA.Transfer(t.Context(), call.TransferOptions{Blind: true, Destinations: []resource.Address{tel("+1")}})
	if !errors.Is(err, call.ErrState) {
		t.Errorf("a second transfer: %v", err)
	}
	c, err := w.extension("1003", nil).Replace(t.Context(), "sip:1001@"+w.addr.String(), "", dialogName(w.a.call))
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "end", c.Done())
	if c.End().Status != 491 {
		t.Errorf("INVITE with Replaces: %d, want 491", c.End().Status)
	}
}
