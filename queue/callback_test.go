package queue

import (
	"context"
	"slices"
	"testing"
	"time"

	"offhook/flow"
	"offhook/resource"
)

// promise lets a caller join and ask for a callback, and hang up.
func (d *desktop) promise(call string) {
	d.t.Helper()
	ctx, hangUp := context.WithCancel(d.t.Context())
	result := make(chan flow.QueueResult, 1)
	d.keys = make(chan byte)
	who := Visitor{CustomerID: "c", CallID: call, Line: d, Party: resource.Address{Type: "tel", Target: call}}
	go func() {
		r, _ := d.Join(ctx, who, "q")
		result <- r
	}()
	d.keys <- '5'
	d.want(result, "callback")
	hangUp()
	time.Sleep(time.Millisecond)
}

// answers says how people answer callbacks from now on.
func (d *desktop) answers(person func(context.Context, Callback) string) {
	d.mu.Lock()
	d.person = person
	d.mu.Unlock()
}

// called are the people who were called back.
func (d *desktop) called() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.calledBack)
}

// row is the queuecall that was written last.
func (d *desktop) row() (row resource.Queuecall) {
	d.with("c", func(*floor, time.Time) { row = d.last })
	return row
}

// callbacks is a queue whose callbacks are tried every minute for ten minutes.
func callbacks(q *resource.Queue) {
	q.CallbackKey, q.CallbackTries, q.CallbackInterval, q.CallbackExpiry = "5", 3, 60_000, 600_000
}

// talks is a person who answers a callback and talks for a minute.
func talks(_ context.Context, b Callback) string {
	b.Answered("second call")
	time.Sleep(time.Minute)
	b.Agent.Hangup()
	return ""
}

func TestCallbackIsTriedAgain(t *testing.T) {
	inDesktop(t, queueWith(callbacks), func(d *desktop) {
		d.promise("a")
		d.agent("anna")
		d.answers(func(context.Context, Callback) string { return "busy" })
		time.Sleep(30 * time.Second)
		d.told("a:created a:waiting a:callback a:waiting a:connecting a:callback a:callback")
		if row := d.row(); row.Status != "waiting" || row.HangupReason != "busy" || row.Callback.Tries != 1 {
			t.Errorf("after the first try: %+v %+v", row, row.Callback)
		}
		if s, _ := d.Stats("c", "q"); s.Callbacks != 1 || s.Answered+s.CalledBack != 0 || s.Agents[Available] != 1 {
			t.Errorf("stats %+v", s)
		}
		d.answers(talks)
		time.Sleep(2 * time.Minute)
		d.told("a:waiting a:connecting a:callback a:serviced a:done(answered)")
		if s, _ := d.Stats("c", "q"); s.CalledBack != 1 || s.Callbacks != 0 || s.Abandoned != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestCallbackNobodyAnswers(t *testing.T) {
	inDesktop(t, queueWith(callbacks), func(d *desktop) {
		d.agent("anna")
		d.SetStatus("c", "anna", Away)
		d.promise("a")
		d.SetStatus("c", "anna", Available)
		time.Sleep(5 * time.Minute)
		row := d.row()
		if row.Status != "abandoned" || row.EndReason != "callback_unanswered" || row.HangupReason != "noanswer" || len(d.called()) != 3 {
			t.Errorf("%+v after %v", row, d.called())
		}
		if s, _ := d.Stats("c", "q"); s.Abandoned != 1 || s.Callbacks != 0 || s.Agents[Available] != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestCallbackExpires(t *testing.T) {
	inDesktop(t, queueWith(callbacks), func(d *desktop) {
		d.promise("a")
		time.Sleep(11 * time.Minute)
		if row := d.row(); row.EndReason != "callback_expired" || len(d.called()) != 0 {
			t.Errorf("%+v after %v", row, d.called())
		}
	})
}

// TestCallbackBrokenOff holds that a try that the agent did not wait for is none
// of the person's.
func TestCallbackBrokenOff(t *testing.T) {
	inDesktop(t, queueWith(callbacks), func(d *desktop) {
		left := 5
		d.answers(func(ctx context.Context, b Callback) string {
			if left--; left > 0 {
				return brokenOff
			}
			return talks(ctx, b)
		})
		d.promise("a")
		d.agent("anna")
		time.Sleep(5 * time.Minute)
		if row := d.row(); row.EndReason != "answered" || row.Callback.Tries != 1 {
			t.Errorf("%+v", row)
		}
	})
}

// TestCallbackKicked kicks a callback, and deletes its queue, in every state.
func TestCallbackKicked(t *testing.T) {
	rings := func(ctx context.Context, _ Callback) string { pause(ctx, time.Minute); return "noanswer" }
	for _, c := range []struct {
		name   string
		agent  bool
		person func(context.Context, Callback) string
		after  time.Duration
		status string // by a kick
		keeps  bool   // when the queue is deleted
	}{
		{"in line", false, nil, time.Second, "abandoned", false},
		{"its agent is rung", true, nil, 500 * time.Millisecond, "abandoned", false},
		{"the person is rung", true, rings, 10 * time.Second, "abandoned", true},
		{"between two tries", true, nil, 10 * time.Second, "abandoned", false},
		{"they talk", true, func(ctx context.Context, b Callback) string {
			b.Answered("x")
			pause(ctx, time.Hour)
			b.Agent.Hangup()
			return ""
		}, 10 * time.Second, "done", true},
	} {
		for _, deleted := range []bool{false, true} {
			inDesktop(t, queueWith(callbacks), func(d *desktop) {
				d.answers(c.person)
				d.promise("a")
				if c.agent {
					d.agent("anna")
				}
				time.Sleep(c.after)
				if deleted {
					d.DropQueue("c", "q")
				} else if err := d.Kick(d.t.Context(), "c", d.row().ID); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
				row := d.row()
				if ended := row.Status == c.status && row.EndReason == "kicked"; ended == (deleted && c.keeps) {
					t.Errorf("%s, deleted %v: %+v", c.name, deleted, row)
				}
				time.Sleep(2 * time.Hour)
				if d.row().TMEnd == nil || c.agent && d.line("anna") != Available {
					t.Errorf("%s, deleted %v: at the end %+v, agent %s", c.name, deleted, d.row(), d.line("anna"))
				}
			})
		}
	}
}

// line is an agent's status.
func (d *desktop) line(agent string) (status string) {
	d.with("c", func(f *floor, _ time.Time) { status = f.line.Status(agent) })
	return status
}

// TestCallbackKeepsItsPlace holds that a callback goes before those who came
// later, also when it was taken up again.
func TestCallbackKeepsItsPlace(t *testing.T) {
	inDesktop(t, queueWith(callbacks), func(d *desktop) {
		d.promise("a")
		first := d.row()
		time.Sleep(time.Minute)
		d.Kick(d.t.Context(), "c", first.ID)
		d.promise("b")
		time.Sleep(time.Minute)
		d.Resume(first)
		if s, _ := d.Stats("c", "q"); s.Callbacks != 2 || s.Waiting != 2 || s.LongestWait != 0 {
			t.Errorf("stats %+v", s)
		}
		if got := d.Place("c", first.ID); got != 1 {
			t.Errorf("place %d", got)
		}
		d.answers(talks)
		d.agent("anna")
		time.Sleep(9 * time.Minute)
		if got, want := d.called(), []string{"a", "b"}; !slices.Equal(got, want) {
			t.Errorf("called back %v, want %v", got, want)
		}
	})
}

func TestPhoneLostAndBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		status string        // before
		after  time.Duration // the phone is back
		want   string
		chosen string // by the agent, meanwhile
	}{
		{"soon", Available, phoneGrace, Available, ""},
		{"soon, in a pause", Away, time.Minute, Away, ""},
		{"next day", Available, phoneGrace + time.Second, Offline, ""},
		{"logged out before", Offline, time.Minute, Offline, ""},
		{"logged out meanwhile", Available, time.Minute, Offline, Offline},
		{"logged in elsewhere meanwhile", Away, time.Minute, Available, Available},
	} {
		inDesktop(t, queueWith(func(*resource.Queue) {}), func(d *desktop) {
			d.agent("anna")
			d.SetStatus("c", "anna", c.status)
			if lost := d.PhoneLost("c", "anna"); lost != (c.status != Offline) || d.line("anna") != Offline {
				t.Errorf("%s: %v, %s", c.name, lost, d.line("anna"))
			}
			if c.chosen != "" {
				d.SetStatus("c", "anna", c.chosen)
			}
			time.Sleep(c.after)
			d.PhoneBack("c", "anna")
			if got := d.line("anna"); got != c.want {
				t.Errorf("%s: %s, want %s", c.name, got, c.want)
			}
		})
	}
}

// TestPhoneLostInACall holds that an agent whose registration lapses while it
// talks goes on, and is what it was when the phone is back before the end.
func TestPhoneLostInACall(t *testing.T) {
	inDesktop(t, queueWith(func(*resource.Queue) {}), func(d *desktop) {
		d.agent("anna")
		call := d.join(d.t.Context(), "a")
		time.Sleep(2 * time.Second)
		d.PhoneLost("c", "anna")
		if d.line("anna") != Busy {
			t.Error(d.line("anna"))
		}
		d.PhoneBack("c", "anna")
		d.want(call, "answered")
		time.Sleep(time.Second)
		if d.line("anna") != Available {
			t.Error(d.line("anna"))
		}
	})
}
