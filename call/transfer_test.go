package call_test

import (
	"context"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
)

// threeWay is a caller C who talks to A, and B who can be reached.
type threeWay struct {
	*bench
	c, a *party
	ofA  *call.Call
	b    chan *phone.Call
	over chan call.ConnectResult // C's connect has returned
}

// newThreeWay connects C with A; treatB is what B does with a call.
func newThreeWay(t *testing.T, treatB func(chan<- *phone.Call) func(*phone.Call)) *threeWay {
	w := &threeWay{b: make(chan *phone.Call, 1), over: make(chan call.ConnectResult, 1)}
	placed := make(chan *call.Call, 1)
	w.bench = newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) {
		res, err := c.Connect(ctx, call.ConnectOptions{Destinations: []resource.Address{{Type: "extension", Target: "1001"}},
			Placed: func(c *call.Call) { placed <- c }})
		if err == nil {
			w.over <- res
		}
	})
	atA := make(chan *phone.Call, 1)
	w.extension("1001", answer(atA))
	w.extension("1002", treatB(w.b))
	w.number("+1555", "f")
	caller := w.dial(w.phone("caller", "", nil), "+1555")
	wait(t, "answer", caller.UpSignal())
	w.ofA = <-placed
	w.c, w.a = newParty("C", 700, caller), newParty("A", 1100, <-atA)
	hears(t, "before", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
	return w
}

func (w *threeWay) transfer(o call.TransferOptions) resource.Transfer {
	w.t.Helper()
	o.Destinations = []resource.Address{{Type: "extension", Target: "1002"}}
	row, err := w.ofA.Transfer(w.t.Context(), o)
	if err != nil {
		w.t.Fatal(err)
	}
	return row
}

// consulting transfers attended and lets B in.
func (w *threeWay) consulting() (*party, *call.Handover) {
	w.t.Helper()
	row := w.transfer(call.TransferOptions{})
	if row.Status != "consulting" || row.TransfereeCallID == "" {
		w.t.Fatalf("transfer %+v", row)
	}
	b := newParty("B", 1700, <-w.b)
	hears(w.t, "consulting", map[*party][]*party{w.a: {b}, b: {w.a}}, w.c, w.a, b)
	t, ok := w.x.FindTransfer(customer, row.ID)
	if !ok {
		w.t.Fatal("the transfer is not to be found")
	}
	return b, t
}

func TestAttendedTransferCompleted(t *testing.T) {
	w := newThreeWay(t, answer)
	b, transfer := w.consulting()
	row, err := transfer.Complete(t.Context())
	if err != nil || row.Status != "completed" {
		t.Errorf("%+v, %v", row, err)
	}
	wait(t, "A is let go", w.a.call.Done())
	hears(t, "after", map[*party][]*party{w.c: {b}, b: {w.c}}, w.c, b)
	b.call.Hangup()
	if res := <-w.over; res.Result != call.ConnectAnswered {
		t.Errorf("C's connect returned %+v", res)
	}
}

func TestAttendedTransferByHangingUp(t *testing.T) {
	w := newThreeWay(t, answer)
	b, _ := w.consulting()
	w.a.call.Hangup()
	hears(t, "after", map[*party][]*party{w.c: {b}, b: {w.c}}, w.c, b)
	w.await("transfer_completed")
	w.c.call.Hangup()
	wait(t, "B's call ends with C's", b.call.Done())
}

func TestAttendedTransferCanceled(t *testing.T) {
	w := newThreeWay(t, answer)
	b, transfer := w.consulting()
	if row, err := transfer.Cancel(t.Context()); err != nil || row.Status != "canceled" {
		t.Errorf("%+v, %v", row, err)
	}
	wait(t, "B is let go", b.call.Done())
	hears(t, "after", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
	w.await("transfer_cancelled")
}

func TestAttendedTransferWhoseTargetLeaves(t *testing.T) {
	w := newThreeWay(t, answer)
	b, _ := w.consulting()
	b.call.Hangup()
	hears(t, "after", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
}

func TestAttendedTransferNotAnswered(t *testing.T) {
	w := newThreeWay(t, func(chan<- *phone.Call) func(*phone.Call) { return reject(486) })
	w.transfer(call.TransferOptions{})
	hears(t, "after", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
	w.await("transfer_failed")
}

func TestTransferCarriesItsContext(t *testing.T) {
	w := newThreeWay(t, answer)
	w.transfer(call.TransferOptions{Blind: true, Context: map[string]any{"issue": "billing dispute", "bad key": "x", "line\r\nbreak": "y"}})
	b := <-w.b
	invite := b.Dialog().Invite()
	if h := invite.GetHeader("X-issue"); h == nil || h.Value() != "billing dispute" {
		t.Errorf("X-issue in B's INVITE: %v", h)
	}
	if h := invite.GetHeader("X-bad key"); h != nil {
		t.Errorf("a key that is no token came through: %v", h)
	}
}

func TestBlindTransfer(t *testing.T) {
	w := newThreeWay(t, answer)
	w.transfer(call.TransferOptions{Blind: true})
	b := newParty("B", 1700, <-w.b)
	wait(t, "A is let go", w.a.call.Done())
	hears(t, "after", map[*party][]*party{w.c: {b}, b: {w.c}}, w.c, b)
}

func TestBlindTransferNotAnswered(t *testing.T) {
	w := newThreeWay(t, ring)
	w.transfer(call.TransferOptions{Blind: true, RingTimeout: 300 * time.Millisecond})
	wait(t, "A is let go", w.a.call.Done())
	<-w.over // C's flow goes on
	wait(t, "C's call ends with its flow", w.c.call.Done())
}

func TestTransfererWhoHangsUpBeforeTheAnswer(t *testing.T) {
	w := newThreeWay(t, ring)
	w.transfer(call.TransferOptions{})
	ringing := <-w.b
	w.a.call.Hangup()
	wait(t, "A's end", w.ofA.Done())
	if err := ringing.Answer(); err != nil {
		t.Fatal(err)
	}
	b := newParty("B", 1700, ringing)
	hears(t, "after", map[*party][]*party{w.c: {b}, b: {w.c}}, w.c, b)
}

func TestCallerWhoLeavesWhileConsulting(t *testing.T) {
	w := newThreeWay(t, answer)
	b, transfer := w.consulting()
	w.c.call.Hangup()
	hears(t, "after", map[*party][]*party{w.a: {b}, b: {w.a}}, w.a, b)
	if row, err := transfer.Complete(t.Context()); err != nil {
		t.Errorf("%+v, %v", row, err)
	}
	wait(t, "B's call ends: nobody is left", b.call.Done())
}

func TestHoldByAPI(t *testing.T) {
	w := newThreeWay(t, answer)
	if err := w.ofA.Hold(true); err != nil {
		t.Fatal(err)
	}
	hears(t, "held", map[*party][]*party{}, w.c, w.a)
	wait(t, "the held one hears music", listen(w.a.call))
	if err := w.ofA.Hold(false); err != nil {
		t.Fatal(err)
	}
	hears(t, "after", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
}

func TestMuteByAPI(t *testing.T) {
	w := newThreeWay(t, answer)
	for _, step := range []struct {
		direction string
		want      map[*party][]*party
	}{
		{"in", map[*party][]*party{w.a: {w.c}}},
		{"out", map[*party][]*party{w.c: {w.a}}},
		{"both", map[*party][]*party{}},
		{"", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}},
	} {
		w.ofA.Mute(step.direction)
		hears(t, "mute "+step.direction, step.want, w.c, w.a)
	}
}

func TestTransferContextReachesTheNumbersFlow(t *testing.T) {
	got := make(chan string, 1)
	placed := make(chan *call.Call, 1)
	b := newBench(t, func(ctx context.Context, c *call.Call, s call.Script) {
		if s.FlowID == "target" {
			got <- s.Variables["voipbin.transfer.context.issue"]
			return
		}
		_, _ = c.Connect(ctx, call.ConnectOptions{Destinations: []resource.Address{{Type: "extension", Target: "1001"}},
			Placed: func(c *call.Call) { placed <- c }})
	})
	atA := make(chan *phone.Call, 1)
	b.extension("1001", answer(atA))
	b.number("+1555", "f")
	b.number("+1666", "target")
	caller := b.dial(b.phone("caller", "", nil), "+1555")
	wait(t, "answer", caller.UpSignal())
	hears(t, "before", nil, newParty("A", 1100, <-atA))
	_, err := (<-placed).Transfer(t.Context(), call.TransferOptions{Blind: true, Destinations: []resource.Address{tel("+1666")},
		Context: map[string]any{"issue": "billing"}})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case issue := <-got:
		if issue != "billing" {
			t.Errorf("the flow got %q", issue)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the number's flow did not run")
	}
}
