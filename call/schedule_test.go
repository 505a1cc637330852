package call_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
)

// TestSchedulesOverSockets lets calls be hung up, transferred, held and muted at
// random moments, by all sides at once. Whatever happens, nothing may stay
// behind: no call, no leg, no port, no dialog (newBench checks the ports). The
// many schedules are those in virtual time, in call/conference.
func TestSchedulesOverSockets(t *testing.T) {
	const schedules = 60
	const beside = 20 // schedules at the same time
	b := newBench(t, func(ctx context.Context, c *call.Call, _ call.Script) {
		o := call.ConnectOptions{Destinations: []resource.Address{{Type: "extension", Target: "1001"}}, RingTimeout: 400 * time.Millisecond}
		switch rand.IntN(3) {
		case 0:
			o.Whisper = &call.Whisper{Message: call.Prompt{Kind: call.PromptBeep}, AcceptKey: "1", RejectKey: "2", Timeout: 100 * time.Millisecond}
		case 1:
			_ = c.Answer(ctx)
			_ = c.MusicStart("")
		}
		_, _ = c.Connect(ctx, o)
	})
	b.extension("1001", erratic)
	b.extension("1002", erratic)
	b.number("+1555", "f")
	p := b.phone("caller", "", nil)
	slots := make(chan struct{}, beside)
	var all sync.WaitGroup
	for range schedules {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			b.schedule(p)
		})
	}
	all.Wait()
	for _, c := range b.x.Calls() {
		c.Hangup(call.CauseOf(call.ReasonNormal)) // two who were left to each other by a transfer talk on
	}
	settle(t, "calls are left", b.x.Live)
	settle(t, "dialogs are left", b.x.Dialogs)
	if err := b.db.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	b.mu.Lock()
	for _, e := range b.events {
		counts[e.Type]++
	}
	b.mu.Unlock()
	t.Log(counts)
	for _, name := range []string{"call_progressing", "recording_finished"} {
		if counts[name] == 0 {
			t.Errorf("no schedule came to %s: the test does not test what it should", name)
		}
	}
	if counts["call_created"] != counts["call_hungup"] || counts["recording_started"] != counts["recording_finished"] {
		t.Errorf("what began has not all ended: %v", counts)
	}
}

// pause is a random moment of a call's life.
func pause() <-chan time.Time { return time.After(time.Duration(rand.IntN(150)) * time.Millisecond) }

// erratic treats a call to a phone in some way that people do.
func erratic(c *phone.Call) {
	<-pause()
	switch rand.IntN(6) {
	case 0:
		_ = c.Reject(486)
		return
	case 1:
		_ = c.Ring() // and never answered
		return
	case 2:
		_ = c.EarlyMedia()
	}
	<-pause()
	_ = c.Answer()
	<-pause()
	if rand.IntN(2) == 0 {
		_ = c.SendDigits(context.Background(), "1")
	}
	if rand.IntN(3) == 0 {
		c.Hangup()
	}
}

// schedule places one call and disturbs it.
func (b *bench) schedule(p *phone.Phone) {
	c := b.dial(p, "+1555")
	for range 4 {
		<-pause()
		b.disturb()
	}
	<-pause()
	c.Hangup()
	select {
	case <-c.Done():
	case <-time.After(time.Minute):
		b.t.Error("a caller's call did not end within a minute of its hang-up")
	}
}

// disturb does something to one of the live calls.
func (b *bench) disturb() {
	calls := b.x.Calls()
	if len(calls) == 0 {
		return
	}
	c := calls[rand.IntN(len(calls))]
	to := []resource.Address{{Type: "extension", Target: "1002"}}
	switch rand.IntN(7) {
	case 0:
		c.Hangup(call.CauseOf(call.ReasonNormal))
	case 1:
		_ = c.Hold(rand.IntN(2) == 0)
	case 2:
		c.Mute([]string{"in", "out", "both", ""}[rand.IntN(4)])
	case 3:
		_, _ = c.RecordStart(b.t.Context(), call.RecordOptions{})
	default:
		row, err := c.Transfer(b.t.Context(), call.TransferOptions{Blind: rand.IntN(2) == 0, Destinations: to, RingTimeout: 300 * time.Millisecond})
		if err != nil {
			return
		}
		if h, ok := b.x.FindTransfer(row.CustomerID, row.ID); ok {
			<-pause()
			ctx, cancel := context.WithTimeout(b.t.Context(), time.Second)
			defer cancel()
			if rand.IntN(2) == 0 {
				_, _ = h.Complete(ctx)
			} else {
				_, _ = h.Cancel(ctx)
			}
		}
	}
}
