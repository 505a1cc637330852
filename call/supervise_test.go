package call_test

import (
	"testing"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
)

// supervisor rings S and puts it beside a call.
func (w *threeWay) supervisor(other *call.Call, mode string) *party {
	w.t.Helper()
	phones := make(chan *phone.Call, 1)
	w.extension("1004", answer(phones))
	c, cause := w.x.Ring(w.t.Context(), call.RingOptions{
		CustomerID: customer, Timeout: 30 * time.Second,
		Destinations: []resource.Address{{Type: "extension", Target: "1004"}},
	})
	if c == nil {
		w.t.Fatalf("S is not reached: %+v", cause)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		if err := c.Supervise(w.t.Context(), other, mode); err != nil {
			w.t.Error(err)
		}
		c.Hangup(call.CauseOf(call.ReasonNormal))
	}()
	w.t.Cleanup(func() { wait(w.t, "the supervision's end", over) })
	return newParty("S", 2300, <-phones)
}

// TestWhispererIsHeardByOneAlone has S coach A, who consults B: B does not hear
// S, though it came later.
func TestWhispererIsHeardByOneAlone(t *testing.T) {
	w := newThreeWay(t, answer)
	s := w.supervisor(w.ofA, "whisper")
	hears(t, "coaching", map[*party][]*party{s: {w.a, w.c}, w.a: {w.c, s}, w.c: {w.a}}, w.c, w.a, s)
	w.transfer(call.TransferOptions{})
	b := newParty("B", 1700, <-w.b)
	hears(t, "A consults", map[*party][]*party{s: {w.a, b}, w.a: {b, s}, b: {w.a}}, w.c, w.a, s, b)
	w.a.call.Hangup()
	wait(t, "S is let go with A", s.call.Done())
	hears(t, "after", map[*party][]*party{w.c: {b}, b: {w.c}}, w.c, b)
}

// TestSupervisorFollowsAMovedCall has A bring C to B by REFER with Replaces: S,
// who listens to C, hears B then.
func TestSupervisorFollowsAMovedCall(t *testing.T) {
	w := newThreeWay(t, answer)
	ofC, ok := w.x.Find(customer, w.ofA.Snapshot().MasterCallID)
	if !ok {
		t.Fatal("C's call is not to be found")
	}
	s := w.supervisor(ofC, "listen")
	hears(t, "listening", map[*party][]*party{s: {w.a, w.c}, w.a: {w.c}, w.c: {w.a}}, w.c, w.a, s)
	second := w.dial(w.a.call.Phone(), "1002")
	b := newParty("B", 1700, <-w.b)
	wait(t, "B answers", second.UpSignal())
	if told := w.refers(second, w.a.call); told[len(told)-1] != 200 {
		t.Errorf("NOTIFY told %v", told)
	}
	hears(t, "after", map[*party][]*party{s: {b, w.c}, b: {w.c}, w.c: {b}}, w.c, b, s)
}
