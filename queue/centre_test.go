package queue

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/flow"
	"offhook/resource"
)

// desktop is a centre in virtual time whose people do what a test says. It
// implements Switch and Ledger.
type desktop struct {
	*Centre
	t    *testing.T
	ring func(ctx context.Context, r Ring) bool // how agents answer; nil: after a second
	talk time.Duration
	keys chan byte

	mu         sync.Mutex
	person     func(ctx context.Context, b Callback) string // how people answer callbacks; nil: they do not
	calledBack []string
	events     []string // the owner's
	last       resource.Queuecall
	rows       []resource.Queue // as written, one after the other
}

// inDesktop runs a test in virtual time.
func inDesktop(t *testing.T, queues []resource.Queue, test func(d *desktop)) {
	synctest.Test(t, func(t *testing.T) {
		d := &desktop{t: t, talk: time.Minute}
		d.Centre = New(Config{Switch: d, Ledger: d})
		ctx, stop := context.WithCancel(t.Context())
		go d.Run(ctx)
		for _, q := range queues {
			q.CustomerID = "c"
			d.SetQueue(q)
		}
		test(d)
		time.Sleep(time.Hour)
		stop()
		time.Sleep(time.Hour)
	})
}

func (d *desktop) agent(id string) {
	d.SetAgent(resource.Agent{Identity: resource.Identity{ID: id, CustomerID: "c"}, Status: Available})
}

// join lets somebody join a queue; the result comes on the channel.
func (d *desktop) join(ctx context.Context, call string) <-chan flow.QueueResult {
	return d.joinQueue(ctx, call, "q")
}

func (d *desktop) joinQueue(ctx context.Context, call, queue string) <-chan flow.QueueResult {
	result := make(chan flow.QueueResult, 1)
	go func() {
		r, _ := d.Join(ctx, Visitor{CustomerID: "c", CallID: call, Line: d}, queue)
		result <- r
	}()
	synctest.Wait()
	return result
}

func (d *desktop) want(result <-chan flow.QueueResult, want string) {
	d.t.Helper()
	if r := <-result; r.Result != want {
		d.t.Errorf("result %q, want %q", r.Result, want)
	}
	synctest.Wait()
}

// told takes what was told, without the agents' statuses.
func (d *desktop) told(want string) {
	d.t.Helper()
	var got string
	d.with("c", func(*floor, time.Time) { got, d.events = strings.Join(d.events, " "), nil })
	if got != want {
		d.t.Errorf("told %q\n\twant %q", got, want)
	}
}

func (d *desktop) Ring(ctx context.Context, r Ring) Answered {
	answer := func(context.Context, Ring) bool { return pause(ctx, time.Second) }
	if d.ring != nil {
		answer = d.ring
	}
	if !answer(ctx, r) {
		return nil
	}
	s := &simAnswer{id: r.Agent.ID + "'s call", ended: make(chan struct{})}
	s.over = func() {
		select {
		case <-s.ended:
		default:
			close(s.ended)
		}
	}
	return s
}

// CallBack implements Switch.
func (d *desktop) CallBack(ctx context.Context, b Callback) string {
	d.mu.Lock()
	d.calledBack = append(d.calledBack, b.To.Target)
	person := d.person
	d.mu.Unlock()
	if person == nil {
		return "noanswer"
	}
	return person(ctx, b)
}

func (d *desktop) Wait(ctx context.Context, _ string)             { <-ctx.Done() }
func (d *desktop) Keys() (<-chan byte, func())                    { return d.keys, func() {} }
func (d *desktop) Set(string, string)                             {}
func (d *desktop) Talk(ctx context.Context, a Answered, _ string) { pause(ctx, d.talk); a.Hangup() }

func (d *desktop) Visit(row resource.Queuecall, _ Visitor, _ bool, events ...string) {
	d.last = row
	for _, e := range events {
		e = strings.TrimPrefix(e, "queuecall_")
		if row.EndReason != "" {
			e += "(" + row.EndReason + ")"
		}
		d.events = append(d.events, row.ReferenceID+":"+e)
	}
}
func (d *desktop) Agent(resource.Agent, ...string) {}

func (d *desktop) Queue(row resource.Queue) {
	d.mu.Lock()
	d.rows = append(d.rows, row)
	d.mu.Unlock()
}

func queueWith(change func(*resource.Queue)) []resource.Queue {
	q := resource.Queue{Identity: resource.Identity{ID: "q"}}
	change(&q)
	return []resource.Queue{q, {Identity: resource.Identity{ID: "r"}}}
}

// TestRowFollowsTheLine holds that who reads a queue after something happened sees
// it, and that a crowd is written twice a second.
func TestRowFollowsTheLine(t *testing.T) {
	inDesktop(t, queueWith(func(*resource.Queue) {}), func(d *desktop) {
		ctx, leave := context.WithCancel(d.t.Context())
		written := func(rows, waiting, abandoned int) {
			d.t.Helper()
			d.mu.Lock()
			defer d.mu.Unlock()
			if last := d.rows[len(d.rows)-1]; len(d.rows) > rows || len(last.WaitQueuecallIDs) != waiting || last.TotalAbandonedCount != abandoned {
				d.t.Errorf("%d rows, the last %+v; want at most %d with %d waiting, %d lost", len(d.rows), last, rows, waiting, abandoned)
			}
		}
		d.join(ctx, "a")
		synctest.Wait()
		written(1, 1, 0)
		for _, call := range []string{"b", "c", "e"} {
			d.join(ctx, call)
		}
		time.Sleep(placesEvery)
		synctest.Wait()
		written(2, 4, 0)
		time.Sleep(placesEvery)
		leave()
		time.Sleep(placesEvery)
		synctest.Wait()
		written(4, 0, 4)
	})
}

func TestWaitTimeout(t *testing.T) {
	inDesktop(t, queueWith(func(q *resource.Queue) { q.WaitTimeout = 5000 }), func(d *desktop) {
		began := time.Now()
		d.want(d.join(d.t.Context(), "a"), "no_agents")
		if waited := time.Since(began); waited < 5*time.Second || waited > 6*time.Second {
			d.t.Errorf("waited %v", waited)
		}
		d.ring = func(ctx context.Context, r Ring) bool { pause(ctx, r.Timeout); return false }
		d.agent("anna")
		d.want(d.join(d.t.Context(), "b"), "timeout")
		d.told("a:created a:waiting a:abandoned(no_agents) b:created b:waiting b:connecting b:abandoned(wait_timeout)")
		if s, _ := d.Stats("c", "q"); s.Abandoned != 2 || s.Agents[Available] != 1 {
			d.t.Errorf("stats %+v", s)
		}
	})
}

func TestFullAndOverflow(t *testing.T) {
	inDesktop(t, queueWith(func(q *resource.Queue) { q.MaxWaiting = 1 }), func(d *desktop) {
		ctx, hangUp := context.WithCancel(d.t.Context())
		first := d.join(ctx, "a")
		d.want(d.join(ctx, "b"), "full")
		q := queueWith(func(q *resource.Queue) {
			q.CustomerID, q.MaxWaiting, q.OverflowQueueID, q.WaitTimeout = "c", 1, "r", 9000
		})
		d.SetQueue(q[0])
		third := d.join(ctx, "d")
		d.told("a:created a:waiting b:created b:abandoned(full) d:created d:abandoned(overflow) d:created d:waiting")
		hangUp()
		d.want(first, "abandoned")
		d.want(third, "abandoned")
	})
}

// TestOverflowKeepsThePlace holds that who overflows after wait_timeout goes
// before those who came to the other queue later than it to the first.
func TestOverflowKeepsThePlace(t *testing.T) {
	inDesktop(t, queueWith(func(q *resource.Queue) { q.WaitTimeout, q.OverflowQueueID = 9000, "r" }), func(d *desktop) {
		first := d.join(d.t.Context(), "a")
		time.Sleep(5 * time.Second)
		second := d.joinQueue(d.t.Context(), "b", "r")
		time.Sleep(5 * time.Second)
		var rung []string
		d.ring = func(ctx context.Context, r Ring) bool {
			rung = append(rung, r.CallID)
			return pause(ctx, time.Second)
		}
		d.agent("anna")
		d.want(first, "answered")
		d.want(second, "answered")
		if !slices.Equal(rung, []string{"a", "b"}) {
			d.t.Errorf("rung for %v", rung)
		}
		d.told("a:created a:waiting b:created b:waiting a:abandoned(overflow) a:created a:waiting a:connecting a:serviced " +
			"a:done(answered) b:connecting b:serviced b:done(answered)")
	})
}

// TestKickInEveryState kicks a caller, and deletes its queue, while it waits,
// while its agent is rung, and while they talk.
func TestKickInEveryState(t *testing.T) {
	for _, c := range []struct {
		state  string
		agent  bool
		after  time.Duration
		want   string // what the flow is told
		status string // in the end
	}{
		{"waiting", false, 0, "kicked", "abandoned"},
		{"connecting", true, 500 * time.Millisecond, "kicked", "abandoned"},
		{"service", true, 5 * time.Second, "answered", "done"},
	} {
		for _, deleted := range []bool{false, true} {
			inDesktop(t, queueWith(func(*resource.Queue) {}), func(d *desktop) {
				if c.agent {
					d.agent("anna")
				}
				result := d.join(d.t.Context(), "a")
				time.Sleep(c.after)
				row := d.row()
				if row.Status != c.state {
					t.Fatalf("%s, not %s", row.Status, c.state)
				}
				began := time.Now()
				if deleted {
					d.DropQueue("c", "q")
				} else if err := d.Kick(d.t.Context(), "c", row.ID); err != nil {
					t.Error(err)
				}
				d.want(result, c.want)
				if at := time.Since(began); at > 0 && !(deleted && c.state == "service") {
					t.Errorf("%s: left after %v", c.state, at)
				}
				time.Sleep(2 * time.Minute)
				if row = d.row(); row.Status != c.status || c.agent && d.line("anna") != Available {
					t.Errorf("%s, deleted %v: %+v, agent %s", c.state, deleted, row, d.line("anna"))
				}
				if err := d.Kick(d.t.Context(), "c", row.ID); err != nil {
					t.Errorf("kicked after its end: %v", err)
				}
			})
		}
	}
}

func TestServiceTimeout(t *testing.T) {
	inDesktop(t, queueWith(func(q *resource.Queue) { q.ServiceTimeout = 9000 }), func(d *desktop) {
		d.agent("anna")
		d.want(d.join(d.t.Context(), "a"), "answered")
		d.told("a:created a:waiting a:connecting a:serviced a:done(service_timeout)")
		if d.last.DurationService != 9000 || d.last.DurationWaiting != 1000 {
			d.t.Errorf("queuecall %+v", d.last)
		}
	})
}

func TestQueueDeleted(t *testing.T) {
	inDesktop(t, queueWith(func(*resource.Queue) {}), func(d *desktop) {
		d.agent("anna")
		served := d.join(d.t.Context(), "a")
		time.Sleep(2 * time.Second)
		waits := d.join(d.t.Context(), "b")
		d.DropQueue("c", "q")
		d.want(waits, "kicked")
		d.want(served, "answered")
		d.told("a:created a:waiting a:connecting a:serviced b:created b:waiting b:abandoned(kicked) a:done(answered)")
		d.want(d.join(d.t.Context(), "e"), "not_found")
	})
}

// TestCallerHangsUpWhileRung holds that what rings ends, and the agent serves the
// next.
func TestCallerHangsUpWhileRung(t *testing.T) {
	inDesktop(t, queueWith(func(*resource.Queue) {}), func(d *desktop) {
		var rung []string
		d.ring = func(ctx context.Context, r Ring) bool {
			rung = append(rung, r.CallID)
			return pause(ctx, 5*time.Second)
		}
		d.agent("anna")
		ctx, hangUp := context.WithCancel(d.t.Context())
		first := d.join(ctx, "a")
		second := d.join(d.t.Context(), "b")
		hangUp()
		d.want(first, "abandoned")
		d.want(second, "answered")
		if !slices.Equal(rung, []string{"a", "b"}) {
			d.t.Errorf("rung for %v", rung)
		}
	})
}

func TestServerStops(t *testing.T) {
	inDesktop(t, queueWith(func(*resource.Queue) {}), func(d *desktop) {
		ctx, hangUp := context.WithCancel(d.t.Context())
		first := d.join(ctx, "a")
		d.Close()
		hangUp()
		d.want(first, "abandoned")
		d.told("a:created a:waiting a:abandoned(restart)")
	})
}

// TestCustomersApart holds that a customer's agents and callers are unknown to
// others.
func TestCustomersApart(t *testing.T) {
	inDesktop(t, queueWith(func(*resource.Queue) {}), func(d *desktop) {
		d.SetAgent(resource.Agent{Identity: resource.Identity{ID: "anna", CustomerID: "other"}, Status: Available})
		ctx, hangUp := context.WithCancel(d.t.Context())
		first := d.join(ctx, "a")
		if err := d.Kick(ctx, "other", d.last.ID); err != nil {
			d.t.Error(err)
		}
		if err := d.SetStatus("c", "anna", Away); err == nil {
			d.t.Error("the status of another customer's agent was set")
		}
		if _, err := d.Stats("other", "q"); err == nil {
			d.t.Error("another customer's queue has stats")
		}
		d.told("a:created a:waiting")
		hangUp()
		d.want(first, "abandoned")
	})
}
