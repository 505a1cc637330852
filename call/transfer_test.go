package call_test

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
	"offhook/store/rows"
)

// threeWay is a caller C who talks to A, and B who can be reached.
type threeWay struct {
	*bench
	c, a *party
	ofA  *call.Call
	b    chan *phone.Call
	over chan call.ConnectResult // C's connect has returned
}

// newThreeWay connects C with A; treatB is what B does with a call. The test
// runs beside others: it waits for sound most of its time.
func newThreeWay(t *testing.T, treatB func(chan<- *phone.Call) func(*phone.Call)) *threeWay {
	t.Helper()
	t.Parallel()
	w := &threeWay{b: make(chan *phone.Call, 1), over: make(chan call.ConnectResult, 1)}
	placed := make(chan *call.Call, 1)
	w.bench = newBench(t, func(ctx context.Context, c *call.Call, s call.Script) {
		if s.FlowID == "" { // between phones
			connectScript(t)(ctx, c, s)
			return
		}
		res, err := c.Connect(ctx, call.ConnectOptions{
			Destinations: []resource.Address{{Type: "extension", Target: "1001"}},
			Placed:       func(c *call.Call) { placed <- c },
		})
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
	wait(w.t, "C hears music", listen(w.c.call))
	t, ok := w.x.FindTransfer(customer, row.ID)
	if !ok {
		w.t.Fatal("the transfer is not to be found")
	}
	if err := w.db.Flush(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	stored, err := rows.Transfers.Load(w.t.Context(), w.db, customer, row.ID)
	if err != nil || stored.Status != "consulting" || stored.TransfereeCallID != row.TransfereeCallID {
		w.t.Errorf("who reads the transfer sees %+v, %v", stored, err)
	}
	return b, t
}

// refers has A's phone ask for a transfer, and waits until it has heard how that
// went.
func (w *threeWay) refers(from *phone.Call, replaces *phone.Call) []int {
	w.t.Helper()
	var told []int
	over := make(chan struct{})
	name := ""
	if replaces != nil {
		name = dialogName(replaces)
	}
	err := from.Refer(w.t.Context(), "sip:1002@"+w.addr.String(), name, func(status int) {
		if told = append(told, status); status >= 200 {
			close(over)
		}
	})
	if err != nil {
		w.t.Fatal(err)
	}
	wait(w.t, "the outcome is told", over)
	return told
}

// dialogName is a phone's call as Replaces names it.
func dialogName(c *phone.Call) string {
	d := c.Dialog()
	return d.CallID() + ";to-tag=" + d.RemoteTag() + ";from-tag=" + d.LocalTag()
}

// TestEveryFormOfTransferEndsAlike hands C over to B in all the ways there are:
// C and B hear each other, packet by packet where nobody listens in, A is let
// go, and C's connect goes on until B hangs up.
func TestEveryFormOfTransferEndsAlike(t *testing.T) {
	for name, form := range map[string]func(*testing.T, *threeWay) *party{
		"attended, completed": func(t *testing.T, w *threeWay) *party {
			b, transfer := w.consulting()
			if row, err := transfer.Complete(t.Context()); err != nil || row.Status != "completed" {
				t.Errorf("%+v, %v", row, err)
			}
			return b
		},
		"attended, by hanging up": func(t *testing.T, w *threeWay) *party {
			b, _ := w.consulting()
			w.a.call.Hangup()
			return b
		},
		"blind": func(t *testing.T, w *threeWay) *party {
			w.transfer(call.TransferOptions{Blind: true})
			return newParty("B", 1700, <-w.b)
		},
		"REFER": func(t *testing.T, w *threeWay) *party {
			if told := w.refers(w.a.call, nil); told[0] != 100 || told[len(told)-1] != 200 {
				t.Errorf("NOTIFY told %v", told)
			}
			return newParty("B", 1700, <-w.b)
		},
		"REFER with Replaces": func(t *testing.T, w *threeWay) *party {
			if err := w.a.call.Hold(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			second := w.dial(w.a.call.Phone(), "1002")
			b := newParty("B", 1700, <-w.b)
			wait(t, "B answers", second.UpSignal())
			hears(t, "A consults, C is on hold", map[*party][]*party{}, w.c, b)
			if told := w.refers(w.a.call, second); !slices.Equal(told, []int{100, 200}) {
				t.Errorf("NOTIFY told %v", told)
			}
			return b
		},
		"INVITE with Replaces": func(t *testing.T, w *threeWay) *party {
			second, err := w.extension("1003", nil).Replace(t.Context(), "sip:1001@"+w.addr.String(), "", dialogName(w.a.call))
			if err != nil {
				t.Fatal(err)
			}
			return newParty("B", 1700, second)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newThreeWay(t, answer)
			b := form(t, w)
			wait(t, "A is let go", w.a.call.Done())
			hears(t, "after", map[*party][]*party{w.c: {b}, b: {w.c}}, w.c, b)
			settle(t, "calls of C and B are not relayed", func() int { return 2 - w.relayed() })
			if name != "INVITE with Replaces" {
				w.await("transfer_completed")
			}
			b.call.Hangup()
			if res := <-w.over; res.Result != call.ConnectAnswered {
				t.Errorf("C's connect returned %+v", res)
			}
			wait(t, "C's call ends with its flow", w.c.call.Done())
		})
	}
}

// relayed counts the calls whose packets are passed on as they are.
func (b *bench) relayed() int {
	n := 0
	for _, c := range b.x.Calls() {
		if m := c.Snapshot().Media; m != nil && strings.Contains(m.Path, "packets") {
			n++
		}
	}
	return n
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
	for name, b := range map[string]func(*phone.Call){"busy": reject(486), "rejected": reject(603), "not answered": ring(make(chan *phone.Call, 1))} {
		t.Run(name, func(t *testing.T) {
			w := newThreeWay(t, func(chan<- *phone.Call) func(*phone.Call) { return b })
			w.transfer(call.TransferOptions{RingTimeout: time.Second})
			w.await("transfer_failed")
			hears(t, "after", map[*party][]*party{w.c: {w.a}, w.a: {w.c}}, w.c, w.a)
		})
	}
}

// TestTransferCarriesItsContext holds that the context is in transfer_completed
// as it was given, and in the new party's INVITE as far as header fields allow.
func TestTransferCarriesItsContext(t *testing.T) {
	w := newThreeWay(t, answer)
	given := map[string]any{
		"issue": "billing dispute", "account": 12345678.0, "vip": true, "tags": []any{"a", "b"},
		"bad key": "x", "line\r\nbreak": "y", "Offhook-Line": "forged",
	}
	w.transfer(call.TransferOptions{Blind: true, Context: given})
	b := <-w.b
	invite := b.Dialog().Invite()
	for name, want := range map[string]string{"X-issue": "billing dispute", "X-account": "12345678", "X-vip": "true", "X-tags": `["a","b"]`} {
		if h := invite.GetHeader(name); h == nil || h.Value() != want {
			t.Errorf("%s in B's INVITE: %v, want %s", name, h, want)
		}
	}
	if h := invite.GetHeader("X-Offhook-Line"); h != nil {
		t.Errorf("a header field of ours was forged: %v", h)
	}
	var told struct{ Context map[string]any }
	if err := json.Unmarshal(w.await("transfer_completed").Data, &told); err != nil || !reflect.DeepEqual(told.Context, given) {
		t.Errorf("transfer_completed has %v, %v", told.Context, err)
	}
	if h := invite.GetHeader("X-bad key"); h != nil {
		t.Errorf("a key that is no token came through: %v", h)
	}
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
		_, _ = c.Connect(ctx, call.ConnectOptions{
			Destinations: []resource.Address{{Type: "extension", Target: "1001"}},
			Placed:       func(c *call.Call) { placed <- c },
		})
	})
	atA := make(chan *phone.Call, 1)
	b.extension("1001", answer(atA))
	b.number("+1555", "f")
	b.number("+1666", "target")
	caller := b.dial(b.phone("caller", "", nil), "+1555")
	wait(t, "answer", caller.UpSignal())
	hears(t, "before", nil, newParty("A", 1100, <-atA))
	_, err := (<-placed).Transfer(t.Context(), call.TransferOptions{
		Blind: true, Destinations: []resource.Address{tel("+1666")},
		Context: map[string]any{"issue": "billing"},
	})
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
