package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// rig is a Dialer on a store, with a line whose calls the test ends.
type rig struct {
	t    *testing.T
	dir  string
	db   *store.DB
	d    *Dialer
	line *fakeLine

	grace time.Duration // see Config

	mu     sync.Mutex
	events []string
}

const customer = "c1"

// fakeLine implements Line.
type fakeLine struct {
	db     *store.DB
	mu     sync.Mutex
	calls  []*fakeCall
	staff  Agents
	err    error
	answer func(*fakeCall) // how calls go; nil: the test tells
}

type fakeCall struct {
	Attempt
	row   resource.Call
	db    *store.DB
	heard func(Signal)
}

// Place implements Line.
func (l *fakeLine) Place(_ context.Context, a Attempt, heard func(Signal)) ([]string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	c := &fakeCall{Attempt: a, heard: heard, db: l.db}
	c.row = resource.Call{Identity: resource.Identity{ID: a.ReferenceID, CustomerID: a.CustomerID}, Status: "dialing"}
	row := c.row
	l.db.Enqueue(func(tx *store.Tx) error { return rows.Calls.Insert(tx, &row) })
	l.calls = append(l.calls, c)
	if l.answer != nil {
		go l.answer(c)
	}
	return nil, nil
}

// Staff implements Line.
func (l *fakeLine) Staff(string, string) Agents {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.staff
}

// placed returns the calls so far.
func (l *fakeLine) placed() []*fakeCall {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.calls)
}

func (c *fakeCall) pickUp() {
	c.row.Status, c.row.TMProgressing = "progressing", resource.Now()
	c.save()
	c.heard(Signal{})
}

func (c *fakeCall) save() {
	row := c.row
	c.db.Enqueue(func(tx *store.Tx) error { return rows.Calls.Put(tx, &row) })
}

func (c *fakeCall) hangUp(reason string) {
	c.row.Status, c.row.HangupReason = "hangup", reason
	c.save()
	c.heard(Signal{Ended: true, Answered: c.row.TMProgressing != nil, HangupReason: reason})
}

// newRig opens a store in a folder and starts a dialer.
func newRig(t *testing.T, dir string, change ...func(*rig)) *rig {
	t.Helper()
	r := &rig{t: t, dir: dir}
	for _, f := range change {
		f(r)
	}
	var err error
	if r.db, err = store.Open(t.Context(), store.Options{DataDir: dir, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	r.line = &fakeLine{db: r.db}
	r.db.OnCommit(func(list []resource.Event) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, e := range list {
			r.events = append(r.events, e.Type)
		}
	})
	r.d = New(Config{DB: r.db, Line: r.line, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)), Grace: r.grace})
	return r
}

// stop ends the dialer and the store, as a process does that is killed: what is
// up is not written down.
func (r *rig) stop() {
	r.t.Helper()
	if err := r.d.Stop(context.Background()); err != nil {
		r.t.Error(err)
	}
	if err := r.db.Close(); err != nil {
		r.t.Error(err)
	}
}

func insert[T any, P store.RowOf[T]](r *rig, c *store.Collection[T, P], row *T) {
	r.t.Helper()
	P(row).Identify().CustomerID = customer
	if err := r.db.Write(context.Background(), func(tx *store.Tx) error { return c.Insert(tx, row) }); err != nil {
		r.t.Fatal(err)
	}
}

// fill makes a campaign "camp" with targets t0, t1 and so on.
func (r *rig) fill(targets int, change ...func(*resource.Campaign, *resource.Outplan)) {
	c := resource.Campaign{
		Identity: resource.Identity{ID: "camp"}, Type: "call", Status: "stop", EndHandle: "stop",
		OutplanID: "plan", OutdialID: "dial", CallsPerSecond: 100, FlowID: "flow", Name: "Reminder",
	}
	p := resource.Outplan{Identity: resource.Identity{ID: "plan"}, MaxTryCount0: 2, TryInterval: 60_000, DialTimeout: 20_000}
	for _, f := range change {
		f(&c, &p)
	}
	insert(r, rows.Campaigns, &c)
	insert(r, rows.Outplans, &p)
	insert(r, rows.Outdials, &resource.Outdial{Identity: resource.Identity{ID: "dial"}, CampaignID: "camp"})
	for i := range targets {
		insert(r, rows.OutdialTargets, target(i))
	}
}

func target(i int) *resource.OutdialTarget {
	return &resource.OutdialTarget{
		Identity: resource.Identity{ID: fmt.Sprintf("t%d", i)}, OutdialID: "dial", Status: "idle",
		Data: `{"name":"Ann","visits":3}`, Destination0: &resource.Address{Type: "tel", Target: fmt.Sprintf("+1555000%04d", i)},
	}
}

func (r *rig) set(status string) resource.Campaign {
	r.t.Helper()
	c, err := r.d.SetStatus(context.Background(), customer, "camp", status)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) campaign() *resource.Campaign {
	r.t.Helper()
	c, err := rows.Campaigns.Load(context.Background(), r.db, customer, "camp")
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

func (r *rig) target(i int) *resource.OutdialTarget {
	r.t.Helper()
	if err := r.db.Flush(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	t, err := rows.OutdialTargets.Load(context.Background(), r.db, customer, fmt.Sprintf("t%d", i))
	if err != nil {
		r.t.Fatal(err)
	}
	return t
}

func (r *rig) attempts() []*resource.Campaigncall {
	r.t.Helper()
	if err := r.db.Flush(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	list, err := rows.All(context.Background(), r.db, rows.Campaigncalls, customer)
	if err != nil {
		r.t.Fatal(err)
	}
	slices.Reverse(list)
	return list
}

// inBubble runs a test in virtual time on a rig.
func inBubble(t *testing.T, test func(*testing.T, *rig)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir)
		defer r.stop()
		if err := r.d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(t, r)
	})
}

// pass lets time go by until all is quiet again.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestDialerRunsToTheEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(2, func(c *resource.Campaign, _ *resource.Outplan) { c.DialTimeout = 7000 })
		if c := r.set("run"); c.Status != "run" {
			t.Fatalf("%+v", c)
		}
		pass(time.Second)
		calls := r.line.placed()
		if len(calls) != 2 || calls[0].RingTimeout != 7*time.Second || calls[0].FlowID != "flow" {
			t.Fatalf("%+v", calls)
		}
		v := calls[0].Variables
		if v["voipbin.outdialtarget.data.name"] != "Ann" || v["voipbin.outdialtarget.data.visits"] != "3" || v["voipbin.campaign.name"] != "Reminder" {
			t.Errorf("variables %v", v)
		}
		calls[0].pickUp()
		pass(time.Second)
		if a := r.attempts()[0]; a.Status != "progressing" || r.target(0).Status != "progressing" {
			t.Errorf("%+v", a)
		}
		calls[0].hangUp("normal")
		calls[1].hangUp("busy")
		pass(30 * time.Second)
		if got := r.target(1); got.Status != "idle" || got.TryCount0 != 1 {
			t.Errorf("%+v", got)
		}
		if c := r.campaign(); c.Status != "run" || c.WaitingFor != WaitInterval {
			t.Errorf("%+v", c)
		}
		pass(31 * time.Second)
		if calls = r.line.placed(); len(calls) != 3 {
			t.Fatalf("%d calls", len(calls))
		}
		calls[2].hangUp("noanswer")
		pass(time.Second)
		told := 0
		for _, name := range r.events {
			if name == EventStats {
				told++
			}
		}
		if told < 2 || told > 8 { // within 63 s, at most each 10 s
			t.Errorf("the progress was told %d times", told)
		}
		if c := r.campaign(); c.Status != "stop" || r.target(0).Result != ResultSuccess || r.target(1).Result != ResultExhausted {
			t.Errorf("%+v %+v %+v", c, r.target(0), r.target(1))
		}
	})
}

func TestStopLetsCallsGoOn(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(5, func(c *resource.Campaign, _ *resource.Outplan) { c.MaxConcurrentCalls = 2 })
		r.set("run")
		pass(5 * time.Second)
		if c := r.campaign(); c.WaitingFor != WaitCapacity {
			t.Errorf("waits for %q", c.WaitingFor)
		}
		if c := r.set("stop"); c.Status != "stopping" {
			t.Fatalf("%+v", c)
		}
		calls := r.line.placed()
		calls[0].hangUp("normal")
		pass(time.Second)
		if c := r.campaign(); c.Status != "stopping" || len(r.line.placed()) != 2 {
			t.Fatalf("%+v", c)
		}
		calls[1].pickUp()
		calls[1].hangUp("normal")
		pass(time.Second)
		if c := r.campaign(); c.Status != "stop" {
			t.Fatalf("%+v", c)
		}
		for _, want := range []string{event.CampaignRun, event.CampaignStopping, event.CampaignStop} {
			if !slices.Contains(r.events, want) {
				t.Errorf("no %s", want)
			}
		}
		r.set("run")
		pass(time.Second)
		if n := len(r.line.placed()); n != 4 {
			t.Errorf("%d calls after a new start", n)
		}
	})
}

// TestStatsSurviveARestart holds that what was counted is counted on in the next
// process, and shown of a campaign that has stopped.
func TestStatsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir)
		r.fill(4, func(c *resource.Campaign, _ *resource.Outplan) { c.MaxConcurrentCalls = 1 })
		if err := r.d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.set("run")
		for i, reason := range []string{"normal", "busy", "media_lost"} {
			pass(time.Second)
			call := r.line.placed()[i]
			if reason != "busy" {
				call.pickUp()
			}
			call.hangUp(reason)
		}
		pass(0)
		r.stop()
		r = newRig(t, dir)
		if err := r.d.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Minute) // the one that rang at the end is in the dark until then
		last := r.line.placed()[0]
		last.pickUp()
		pass(0)
		want := Progress{Placed: 5, Answered: 3, Success: 1, BrokenOff: 1, Results: map[string]int{"normal": 1, "busy": 1, "media_lost": 1, "restart": 1}}
		check := func(when string) {
			t.Helper()
			got, err := r.d.Stats(t.Context(), customer, "camp")
			if err != nil || got.Placed != want.Placed || got.Answered != want.Answered || got.Success != want.Success ||
				got.BrokenOff != want.BrokenOff || !maps.Equal(got.Results, want.Results) {
				t.Errorf("%s: %+v %v", when, got, err)
			}
		}
		check("in the next process")
		r.set("stop")
		last.hangUp("normal")
		pass(time.Second)
		want.Success, want.Results["normal"] = 2, 2
		check("stopped")
		r.stop()
		r = newRig(t, dir)
		defer r.stop()
		check("stopped, after another start")
		row := r.campaign()
		r.d.Changed(row, true)
		pass(time.Second)
		want = Progress{}
		check("deleted")
	})
}

// TestWindowEndsWhileCallsAreUp holds that the end of the schedule ends dialling,
// not calls.
func TestWindowEndsWhileCallsAreUp(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) { // begins at midnight UTC
		r.fill(3, func(c *resource.Campaign, _ *resource.Outplan) {
			c.MaxConcurrentCalls = 1
			c.Schedule = &resource.Schedule{Timezone: "UTC", StartTime: "00:00", EndTime: "00:10"}
		})
		r.set("run")
		pass(9 * time.Minute)
		call := r.line.placed()[0]
		call.pickUp()
		pass(5 * time.Minute)
		if a := r.attempts()[0]; a.Status != "progressing" {
			t.Errorf("%+v", a)
		}
		call.hangUp("normal")
		pass(time.Hour)
		if c := r.campaign(); c.Status != "run" || c.WaitingFor != WaitSchedule || len(r.line.placed()) != 1 || r.target(0).Result != ResultSuccess {
			t.Errorf("%+v after %d calls", c, len(r.line.placed()))
		}
		pass(23 * time.Hour)
		if n := len(r.line.placed()); n != 2 {
			t.Errorf("%d calls when the window has opened again", n)
		}
	})
}

// TestCallsOfANumberOverCampaigns holds that a number's calls of a day count over
// all campaigns.
func TestCallsOfANumberOverCampaigns(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.line.answer = func(c *fakeCall) { c.hangUp("busy") }
		r.fill(1, func(c *resource.Campaign, p *resource.Outplan) { c.MaxAttemptsPerDay, p.MaxTryCount0 = 2, 5 })
		insert(r, rows.Campaigns, &resource.Campaign{
			Identity: resource.Identity{ID: "other"}, Type: "call", Status: "stop", EndHandle: "stop",
			OutplanID: "plan", OutdialID: "dial2", MaxAttemptsPerDay: 2,
		})
		twin := target(1)
		twin.OutdialID, twin.Destination0 = "dial2", target(0).Destination0
		insert(r, rows.OutdialTargets, twin)
		r.set("run")
		if _, err := r.d.SetStatus(t.Context(), customer, "other", "run"); err != nil {
			t.Fatal(err)
		}
		pass(23 * time.Hour)
		if n := len(r.line.placed()); n != 2 {
			t.Errorf("%d calls in a day by two campaigns", n)
		}
	})
}

func TestEndHandleContinueTakesNewTargets(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.line.answer = func(c *fakeCall) { c.pickUp(); c.hangUp("normal") }
		r.fill(1, func(c *resource.Campaign, _ *resource.Outplan) { c.EndHandle = "continue" })
		r.set("run")
		pass(5 * time.Second)
		if c := r.campaign(); c.Status != "run" || c.WaitingFor != WaitTargets {
			t.Fatalf("%+v", c)
		}
		one := target(1)
		insert(r, rows.OutdialTargets, one)
		r.d.Changed(one, false)
		pass(5 * time.Second)
		if got := r.target(1); got.Result != ResultSuccess {
			t.Errorf("%+v", got)
		}
	})
}

func TestNextCampaignFollows(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.line.answer = func(c *fakeCall) { c.pickUp(); c.hangUp("normal") }
		r.fill(1, func(c *resource.Campaign, _ *resource.Outplan) { c.NextCampaignID = "next" })
		insert(r, rows.Campaigns, &resource.Campaign{Identity: resource.Identity{ID: "next"}, Type: "call", Status: "stop", EndHandle: "stop", OutplanID: "plan", OutdialID: "dial2"})
		second := target(7)
		second.OutdialID = "dial2"
		insert(r, rows.OutdialTargets, second)
		r.set("run")
		pass(10 * time.Second)
		if got := r.target(7); got.Result != ResultSuccess {
			t.Errorf("%+v", got)
		}
	})
}

func TestQueueCampaign(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(3, func(c *resource.Campaign, _ *resource.Outplan) { c.QueueID, c.ServiceLevel = "q", 100 })
		r.set("run")
		pass(2 * time.Second)
		if c := r.campaign(); c.WaitingFor != WaitAgents || len(r.line.placed()) != 0 {
			t.Fatalf("%+v", c)
		}
		r.line.mu.Lock()
		r.line.staff = Agents{Free: 1}
		r.line.mu.Unlock()
		tell := func(name, resourceID string, data any) {
			err := r.db.Write(t.Context(), func(tx *store.Tx) error { return tx.Emit(event.With(name, customer, resourceID, "", data)) })
			if err != nil {
				t.Error(err)
			}
		}
		tell(event.AgentStatusUpdated, "a1", map[string]string{"status": "available"})
		pass(time.Second)
		calls := r.line.placed()
		if len(calls) != 1 {
			t.Fatalf("%d calls for one agent", len(calls))
		}
		if last := calls[0].Actions[len(calls[0].Actions)-1]; last.Type != "queue_join" || calls[0].Actions[0].Type != "fetch_flow" || !json.Valid(last.Option) {
			t.Errorf("%+v", calls[0].Actions)
		}
		calls[0].pickUp()
		tell(event.QueuecallCreated, "qc1", map[string]string{"reference_id": calls[0].ReferenceID})
		pass(5 * time.Second)
		calls[0].hangUp("normal")
		pass(time.Second)
		stats, err := r.d.Stats(t.Context(), customer, "camp")
		if err != nil || stats.Abandoned != 1 || stats.Answered != 1 || stats.Done != 1 || stats.Left != 2 {
			t.Errorf("%+v %v", stats, err)
		}
	})
}

// TestAnswerWhileGivenUp: a person who picks up at the moment at which the dial
// timeout ends has answered, met nobody, and is not called again.
func TestAnswerWhileGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(1, func(_ *resource.Campaign, p *resource.Outplan) { p.MaxTryCount0, p.TryInterval = 3, 1000 })
		r.set("run")
		pass(time.Second)
		c := r.line.placed()[0]
		c.row.TMProgressing = resource.Now()
		c.hangUp("dialout")
		pass(time.Minute)
		if n := len(r.line.placed()); n != 1 {
			t.Errorf("called %d times", n)
		}
		stats, err := r.d.Stats(t.Context(), customer, "camp")
		if err != nil || stats.Answered != 1 || stats.Abandoned != 1 || stats.Done != 1 || stats.BrokenOff != 1 {
			t.Errorf("%+v %v", stats, err)
		}
	})
}

func TestBusyLineGivesTriesBack(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(1)
		r.line.err = ErrBusy
		r.set("run")
		pass(5 * time.Second)
		if got := r.target(0); got.TryCount0 != 0 || got.Status != "idle" || len(r.attempts()) != 0 {
			t.Fatalf("%+v, %d attempts", got, len(r.attempts()))
		}
		r.line.mu.Lock()
		r.line.err = nil
		r.line.mu.Unlock()
		pass(5 * time.Second)
		if len(r.line.placed()) != 1 {
			t.Error("not dialled when the line was free again")
		}
	})
}

func TestFaultStopsTheCampaign(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(2)
		r.line.err = errors.New("the source is not one of your numbers")
		r.set("run")
		pass(5 * time.Second)
		c := r.campaign()
		if c.Status != "stop" || c.WaitingFor != r.line.err.Error() || r.target(0).TryCount0 != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func TestDeletedTargetIsNotDialled(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(2, func(c *resource.Campaign, _ *resource.Outplan) { c.MaxConcurrentCalls = 1 })
		r.set("run")
		pass(time.Second)
		gone := target(1)
		gone.CustomerID = customer
		if err := r.db.Write(t.Context(), func(tx *store.Tx) error { return rows.OutdialTargets.Delete(tx, customer, "t1") }); err != nil {
			t.Fatal(err)
		}
		r.line.placed()[0].hangUp("normal")
		pass(10 * time.Second) // not even when nobody told
		if n := len(r.line.placed()); n > 2 || n == 2 && r.line.placed()[1].Destination.Target == gone.Destination0.Target {
			t.Errorf("%d calls", n)
		}
	})
}

func TestDryRunCountsAndChangesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(4)
		done, tried, none := target(4), target(5), target(6)
		done.Status, done.Result = "done", ResultSuccess
		tried.TryCount0 = 2
		none.Destination0 = nil
		for _, x := range []*resource.OutdialTarget{done, tried, none} {
			insert(r, rows.OutdialTargets, x)
		}
		got, err := r.d.DryRun(t.Context(), customer, "camp")
		if err != nil || got.Targets != 7 || got.Dial != 4 || got.Now != 4 || got.Skipped["done"] != 1 ||
			got.Skipped["exhausted"] != 1 || got.Skipped["no_destination"] != 1 || len(got.Faults) != 0 {
			t.Errorf("%+v %v", got, err)
		}
		if len(r.line.placed()) != 0 || len(r.attempts()) != 0 {
			t.Error("a dry run dialled")
		}
	})
}

// TestRestart ends the process in every state of a call.
func TestRestart(t *testing.T) {
	for _, c := range []struct {
		name   string
		before func(*fakeCall)
		status string
		result string
		tries  int
	}{
		{"while it rings", func(*fakeCall) {}, "idle", "", 1},
		{"while it is up", func(c *fakeCall) { c.pickUp() }, "done", ResultAnswered, 1},
		{"after a machine was hung up on", func(c *fakeCall) { c.pickUp(); c.row.Status, c.row.HangupReason = "hangup", "amd"; c.save() }, "idle", "", 1},
		{"after its normal end", func(c *fakeCall) { c.pickUp(); c.row.Status, c.row.HangupReason = "hangup", "normal"; c.save() }, "done", ResultSuccess, 1},
		{"before it was placed", func(c *fakeCall) {
			c.db.Enqueue(func(tx *store.Tx) error { return rows.Calls.Delete(tx, customer, c.ReferenceID) })
		}, "idle", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, dir)
				r.fill(1)
				if err := r.d.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.set("run")
				pass(time.Second)
				c.before(r.line.placed()[0])
				pass(time.Second)
				r.stop()

				r = newRig(t, dir)
				defer r.stop()
				closeCalls(r)
				if err := r.d.recover(t.Context()); err != nil {
					t.Fatal(err)
				}
				if got := r.target(0).Status; c.name == "while it rings" && got != "progressing" {
					t.Errorf("a target whose phone may still ring is %s", got)
				}
				pass(30 * time.Second)
				if got := r.target(0); got.Status != c.status || got.Result != c.result || got.TryCount0 != c.tries {
					t.Errorf("%+v", got)
				}
				if err := r.d.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(2 * time.Minute)
				if again := len(r.line.placed()) == 1; again != (c.status == "idle") {
					t.Errorf("dialled again: %v", again)
				}
				for _, a := range r.attempts() {
					if open := a.Status != "done"; open && c.status == "done" {
						t.Errorf("open: %+v", a)
					}
				}
			})
		})
	}
}

// TestInTheDark ends the process while a phone rings, for the only try of a
// target, and lets become known what happened, or not.
func TestInTheDark(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int // of the answer that is heard after the start; 0: none
		after  time.Duration
		result string
		calls  int
	}{
		{"somebody answered", 200, time.Second, ResultAnswered, 0},
		{"it was busy", 486, time.Second, "", 1},
		{"nothing is heard", 0, 26 * time.Second, "", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, dir)
				r.fill(1, func(_ *resource.Campaign, p *resource.Outplan) { p.MaxTryCount0, p.TryInterval = 1, 0 })
				if err := r.d.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				r.set("run")
				pass(time.Second)
				ref := r.line.placed()[0].ReferenceID
				r.stop()
				r = newRig(t, dir) // is killed too, before anything is heard
				closeCalls(r)
				if err := r.d.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				r.stop()
				r = newRig(t, dir)
				if err := r.d.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				pass(time.Second)
				if n, row := len(r.line.placed()), r.campaign(); n != 0 || row.Status != "run" {
					t.Errorf("%d calls while a phone may ring, campaign %s", n, row.Status)
				}
				defer r.stop()
				if c.status > 0 {
					if r.d.Stray(ref, c.status) || r.d.Stray("other", c.status) {
						t.Error("hung up before it was written, or another's")
					}
				}
				pass(c.after)
				if got := r.target(0); got.Result != c.result {
					t.Errorf("%+v", got)
				}
				calls := r.line.placed()
				if len(calls) != c.calls {
					t.Fatalf("%d calls, not %d", len(calls), c.calls)
				}
				if hung := r.d.Stray(ref, 200); hung != (c.status == 200) {
					t.Errorf("an answer that is sent again is hung up: %v", hung)
				}
				for _, call := range calls {
					call.pickUp()
					call.hangUp("normal")
				}
				pass(time.Second)
				stats, err := r.d.Stats(t.Context(), customer, "camp")
				if err != nil || stats.Placed != 1+c.calls || stats.Answered != 1 || stats.Status != "stop" {
					t.Errorf("%+v %v", stats, err)
				}
			})
		})
	}
}

// closeCalls is what the exchange does at start.
func closeCalls(r *rig) {
	open, err := rows.Calls.Find(context.Background(), r.db, rows.KeyLive, "1")
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range open {
		c.Status, c.HangupReason = "hangup", "restart"
		if err := r.db.Write(context.Background(), func(tx *store.Tx) error { return rows.Calls.Put(tx, c) }); err != nil {
			r.t.Fatal(err)
		}
	}
}

func TestDoNotCall(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.fill(2)
		insert(r, rows.DoNotCalls, &resource.DoNotCall{Number: target(0).Destination0.Target})
		run, err := r.d.DryRun(t.Context(), customer, "camp")
		if err != nil || run.Skipped[ResultDoNotCall] != 1 || run.Dial != 1 {
			t.Errorf("%+v %v", run, err)
		}
		r.set("run")
		pass(2 * time.Second)
		calls := r.line.placed()
		if len(calls) != 1 || calls[0].Destination.Target != target(1).Destination0.Target {
			t.Fatalf("%+v", calls)
		}
		if got := r.target(0); got.Status != "done" || got.Result != ResultDoNotCall || got.TryCount0 != 0 {
			t.Errorf("%+v", got)
		}
		insert(r, rows.DoNotCalls, &resource.DoNotCall{Number: target(1).Destination0.Target}) // opts out in the call
		calls[0].hangUp("busy")
		pass(2 * time.Minute)
		if got := r.target(1); got.Result != ResultDoNotCall || len(r.line.placed()) != 1 {
			t.Errorf("%+v", got)
		}
	})
}

func TestCallsOfANumberADay(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) {
		r.line.answer = func(c *fakeCall) { c.hangUp("busy") }
		r.fill(1, func(c *resource.Campaign, p *resource.Outplan) { c.MaxAttemptsPerDay, p.MaxTryCount0 = 3, 5 })
		twin := target(1)
		twin.Destination0 = target(0).Destination0
		insert(r, rows.OutdialTargets, twin)
		r.set("run")
		pass(23 * time.Hour)
		if n := len(r.line.placed()); n != 3 {
			t.Fatalf("%d calls in a day", n)
		}
		pass(3 * time.Hour)
		if n := len(r.line.placed()); n != 6 {
			t.Errorf("%d calls in two days", n)
		}
	})
}

func TestCallingHours(t *testing.T) {
	inBubble(t, func(t *testing.T, r *rig) { // begins at midnight UTC
		r.fill(0, func(c *resource.Campaign, p *resource.Outplan) {
			c.CallingHours = &resource.Hours{StartTime: "09:00", EndTime: "18:00"}
		})
		for i, number := range []string{"+4930901820", "+12125550123", "+81312345678", "1234"} {
			x := target(i)
			x.Destination0.Target = number
			insert(r, rows.OutdialTargets, x)
		}
		r.set("run")
		for _, step := range []struct {
			hour int
			want string // Tokyo 00:00 UTC, Berlin 08:00, New York 14:00
		}{{0, "+81312345678 1234"}, {8, "+4930901820"}, {14, "+12125550123"}} {
			before := len(r.line.placed())
			start := time.Date(2000, 1, 1, step.hour, 0, 1, 0, time.UTC)
			pass(time.Until(start.Add(-2 * time.Second)))
			if n := len(r.line.placed()); n != before && step.hour > 0 {
				t.Errorf("before %d:00: %d calls", step.hour, n)
			}
			pass(time.Until(start))
			got := ""
			for _, c := range r.line.placed()[min(before, len(r.line.placed())):] {
				got += " " + c.Destination.Target
			}
			if len(got) != len(step.want)+1 || step.hour > 0 && got != " "+step.want {
				t.Errorf("at %d:00:%s, not %s", step.hour, got, step.want)
			}
			for _, c := range r.line.placed() {
				c.pickUp()
				c.hangUp("normal")
			}
			pass(0)
		}
		if c := r.campaign(); c.Status != "stop" {
			t.Errorf("%+v", c)
		}
	})
}
