package queue

import (
	"context"
	"errors"
	"strconv"
	"time"

	"offhook/event"
	"offhook/flow"
	"offhook/resource"
)

// visit is one caller's way through one queue. Its fields are the owner's,
// beside who, queue, decided and left.
type visit struct {
	who     Visitor
	queue   resource.Queue // as it was when the caller joined
	ctx     context.Context
	decided chan struct{} // closed when an agent took the call, or it was decided that none will
	talk    service       // set before decided is closed
	outcome string        // so is this: why the caller leaves without an agent
	over    chan struct{} // closed when the row says that the visit has ended

	row      resource.Queuecall
	joined   time.Time // this queue
	arrived  time.Time // the system of queues
	served   time.Time
	attempts map[string]*attempt
	back     bool   // the person has hung up and is called back
	taken    bool   // an agent took it; one who is called back has yet to answer
	personID string // the call of one who was called back
	shown    [2]int
	next     string // the queue that the agent transferred the caller to
}

// service is a conversation with an agent.
type service struct {
	agent  Answered
	id     string // of the agent
	ctx    context.Context
	cancel context.CancelCauseFunc
}

// Why conversations end before somebody hangs up.
var (
	errKicked  = errors.New("kicked")
	errTimeout = errors.New("service_timeout")
	errMoved   = errors.New("transferred")
)

// withdraw stops an agent from being rung.
func (v *visit) withdraw(agentID string) {
	if at := v.attempts[agentID]; at != nil {
		delete(v.attempts, agentID)
		at.cancel()
	}
}

// serve gives the caller to an agent.
func (v *visit) serve(side Answered) {
	ctx, cancel := context.WithCancelCause(v.ctx)
	v.talk = service{agent: side, id: v.row.ServiceAgentID, ctx: ctx, cancel: cancel}
	v.taken = true
	if !v.back {
		close(v.decided)
	}
}

// limit ends the conversation of a visit after its queue's service_timeout.
func (f *floor) limit(v *visit) {
	most := milliseconds(v.queue.ServiceTimeout)
	if d := f.desks[v.row.QueueID]; d != nil {
		most = milliseconds(d.row.ServiceTimeout)
	}
	if most > 0 {
		t := time.AfterFunc(most, func() { v.talk.cancel(errTimeout) })
		context.AfterFunc(v.talk.ctx, func() { t.Stop() })
	}
}

// place tells the caller's flow where in the line it is.
func (v *visit) place(n int, left time.Duration) {
	wait := seconds(left)
	if v.shown == [2]int{n, wait} || v.back {
		return
	}
	v.shown = [2]int{n, wait}
	v.who.Line.Set("voipbin.queuecall.position", strconv.Itoa(n))
	v.who.Line.Set("voipbin.queuecall.wait_estimate", strconv.Itoa(wait))
}

// Join lets a visitor wait in a queue and talk with an agent. It returns when
// that is over or the visitor has left the line, with an error only when ctx has
// ended.
func (c *Centre) Join(ctx context.Context, who Visitor, queueID string) (flow.QueueResult, error) {
	arrived := time.Now()
	visited := map[string]bool{}
	for {
		visited[queueID] = true
		v, next, refused := c.enter(ctx, who, queueID, arrived, visited)
		if v == nil && next == "" {
			return flow.QueueResult{Result: refused}, nil
		}
		if v != nil {
			var r flow.QueueResult
			if r, next = c.attend(ctx, v, visited); next == "" {
				return r, context.Cause(ctx)
			}
		}
		queueID = next
	}
}

// enter puts a visitor into a queue's line. A full queue gives the queue that
// it overflows to, or why the visitor is refused.
func (c *Centre) enter(ctx context.Context, who Visitor, queueID string, arrived time.Time, visited map[string]bool) (v *visit, next, refused string) {
	refused = "failed"
	c.with(who.CustomerID, func(f *floor, now time.Time) {
		d := f.desks[queueID]
		if d == nil {
			refused = "not_found"
			return
		}
		who.Line.Set("voipbin.queue.id", queueID)
		who.Line.Set("voipbin.queue.name", d.row.Name)
		who.Line.Set("voipbin.queue.detail", d.row.Detail)
		if d.row.MaxWaiting > 0 && f.line.Waits(queueID) >= d.row.MaxWaiting {
			refused = "full"
			next = d.overflow(visited)
			f.turnAway(d, who, next)
			return
		}
		v = f.admit(ctx, now, d, who, arrived)
	})
	return v, next, refused
}

// overflow is where callers of a queue go when it can't have them; nowhere for
// those who have been there.
func (d *desk) overflow(visited map[string]bool) string {
	if visited[d.row.OverflowQueueID] {
		return ""
	}
	return d.row.OverflowQueueID
}

// admit makes a visit.
func (f *floor) admit(ctx context.Context, now time.Time, d *desk, who Visitor, arrived time.Time) *visit {
	v := &visit{
		who: who, queue: d.row, ctx: ctx, decided: make(chan struct{}), over: make(chan struct{}),
		joined: now, arrived: arrived, attempts: map[string]*attempt{},
	}
	v.row = f.newRow(d, who)
	v.row.TMJoined = stamp(arrived)
	f.visits[v.row.ID] = v
	d.row.TotalIncomingCount++
	d.tally.joined++
	f.c.counters.joined.Add(1)
	f.c.counters.waiting.Add(1)
	v.who.Line.Set("voipbin.queuecall.id", v.row.ID)
	v.who.Line.Set("voipbin.queuecall.timeout_wait", strconv.Itoa(d.row.WaitTimeout))
	v.who.Line.Set("voipbin.queuecall.timeout_service", strconv.Itoa(d.row.ServiceTimeout))
	v.row.Position = f.line.Place(d.row.ID, arrived)
	v.place(v.row.Position, f.line.Outlook(d.row.ID).Wait(v.row.Position, arrived))
	f.c.cfg.Ledger.Visit(v.row, who, true, event.QueuecallCreated)
	f.line.Join(now, v.row.ID, d.row.ID, arrived)
	return v
}

func (f *floor) newRow(d *desk, who Visitor) resource.Queuecall {
	return resource.Queuecall{
		Identity: resource.Identity{ID: resource.NewID(), CustomerID: f.customerID, TMCreate: resource.Now()},
		QueueID:  d.row.ID, ActiveflowID: who.ActiveflowID, ReferenceType: "call", ReferenceID: who.CallID, Status: "initiating",
	}
}

// turnAway tells of a visitor that found the queue full.
func (f *floor) turnAway(d *desk, who Visitor, next string) {
	row := f.newRow(d, who)
	f.c.cfg.Ledger.Visit(row, who, true, event.QueuecallCreated)
	row.Status, row.EndReason, row.TMEnd = "abandoned", "full", resource.Now()
	if next != "" {
		row.EndReason = "overflow"
	}
	d.row.TotalIncomingCount++
	d.row.TotalAbandonedCount++
	d.tally.joined++
	d.tally.abandoned++
	f.c.counters.joined.Add(1)
	f.c.counters.abandoned.Add(1)
	f.c.cfg.Ledger.Visit(row, who, false, event.QueuecallAbandoned)
	f.soil(d.row.ID)
}

// attend lets a caller wait, and talk when an agent took the call. It returns
// the queue to go on to, where the caller overflows.
func (c *Centre) attend(ctx context.Context, v *visit, visited map[string]bool) (r flow.QueueResult, next string) {
	r.QueuecallID = v.row.ID
	silence := c.entertain(ctx, v)
	defer silence()
	keys, stop := v.who.Line.Keys()
	defer stop()
	var late <-chan time.Time
	if v.queue.WaitTimeout > 0 {
		t := time.NewTimer(milliseconds(v.queue.WaitTimeout))
		defer t.Stop()
		late = t.C
	}
	for {
		left := ""
		select {
		case <-v.decided:
			if v.outcome != "" {
				r.Result = v.outcome
				return r, ""
			}
			stop()
			silence()
			r.Result, r.AgentID = "answered", v.talk.id
			v.who.Line.Talk(v.talk.ctx, v.talk.agent, v.queue.Record)
			if next = c.finish(v); ctx.Err() != nil {
				next = ""
			}
			clear(visited)
			return r, next
		case k := <-keys:
			left = v.wish(string(k))
		case <-late:
			left = "wait_timeout"
		case <-ctx.Done():
			left = "hangup"
			if c.closing.Load() {
				left = "restart"
			}
		case <-c.ended:
			r.Result = "failed"
			return r, ""
		}
		if left == "" {
			continue
		}
		if r.Result, next = c.leave(v, left, visited); r.Result != "" || next != "" {
			return r, next
		}
		late = nil // an agent took the call at this moment
		if ctx.Err() != nil {
			<-v.decided
		}
	}
}

// entertain lets a caller hear the wait flow until the returned func is called,
// which returns when it is quiet, or does not end at once.
func (c *Centre) entertain(ctx context.Context, v *visit) (silence func()) {
	ctx, cancel := context.WithCancel(ctx)
	quiet := make(chan struct{})
	go func() {
		defer close(quiet)
		v.who.Line.Wait(ctx, v.queue.WaitFlowID)
	}()
	return func() {
		cancel()
		t := time.NewTimer(quietWithin)
		defer t.Stop()
		select {
		case <-quiet:
		case <-t.C:
		}
	}
}

// quietWithin is how long an answered caller waits for its wait flow to end.
const quietWithin = 100 * time.Millisecond

// wish is what a key of a waiting caller asks for; empty: nothing.
func (v *visit) wish(key string) string {
	switch key {
	case "":
	case v.queue.ExitKey:
		return "exit_key"
	case v.queue.CallbackKey:
		return "callback"
	}
	return ""
}

// results are what a flow is told, by the reason of the end.
var results = map[string]string{
	"wait_timeout": "timeout", "no_agents": "no_agents", "hangup": "abandoned", "restart": "abandoned", "kicked": "kicked", "exit_key": "exit", "callback": "callback",
}

// leave takes a caller out of the line, unless an agent took the call before:
// then it returns nothing.
func (c *Centre) leave(v *visit, reason string, visited map[string]bool) (result, next string) {
	ok := c.with(v.who.CustomerID, func(f *floor, now time.Time) {
		if f.visits[v.row.ID] != v || !v.served.IsZero() {
			result = v.outcome
			return
		}
		if reason == "callback" {
			f.postpone(now, v)
			result = "callback"
			return
		}
		if d := f.desks[v.row.QueueID]; reason == "wait_timeout" && d != nil {
			if next = d.overflow(visited); next != "" {
				reason = "overflow"
			} else if !f.line.Staffed(v.row.QueueID) {
				reason = "no_agents"
			}
		}
		f.line.Leave(now, v.row.ID)
		f.abandon(now, v, reason)
		if next == "" {
			result = results[reason]
		}
	})
	if !ok {
		return "failed", ""
	}
	return result, next
}

// kick ends a visit in whatever state it is.
func (f *floor) kick(now time.Time, v *visit, reason string) {
	if v.taken {
		v.talk.cancel(errKicked)
		return
	}
	f.line.Leave(now, v.row.ID)
	f.abandon(now, v, reason)
}

// abandon ends a visit without an agent; the line has let the caller go.
func (f *floor) abandon(now time.Time, v *visit, reason string) {
	for agent := range v.attempts {
		v.withdraw(agent)
	}
	delete(f.visits, v.row.ID)
	v.row.Status, v.row.EndReason, v.row.TMEnd = "abandoned", reason, resource.Now()
	v.row.DurationWaiting, v.row.Position, v.row.ServiceAgentID = int(now.Sub(v.joined).Milliseconds()), 0, ""
	v.outcome = results[reason]
	close(v.decided)
	f.c.counters.waiting.Add(-1)
	f.c.counters.abandoned.Add(1)
	if d := f.desks[v.row.QueueID]; d != nil {
		d.row.TotalAbandonedCount++
		d.tally.abandoned++
	}
	f.save(v, event.QueuecallAbandoned)
	close(v.over)
	f.soil(v.row.QueueID)
}

// finish ends a visit that an agent served. It returns the queue that the agent
// transferred the caller to.
func (c *Centre) finish(v *visit) (next string) {
	reason := "answered"
	switch cause := context.Cause(v.talk.ctx); {
	case errors.Is(cause, errKicked), errors.Is(cause, errTimeout), errors.Is(cause, errMoved):
		reason = cause.Error()
	case cause != nil && !v.back:
		reason = "hangup"
	}
	v.talk.cancel(nil)
	v.talk.agent.Hangup()
	c.with(v.who.CustomerID, func(f *floor, now time.Time) {
		next = v.next
		f.done(now, v, reason)
	})
	return next
}

func (f *floor) done(now time.Time, v *visit, reason string) {
	delete(f.visits, v.row.ID)
	f.line.Leave(now, v.row.ID)
	v.row.Status, v.row.EndReason, v.row.TMEnd = "done", reason, resource.Now()
	v.row.DurationService = int(now.Sub(v.served).Milliseconds())
	f.c.counters.serving.Add(-1)
	if d := f.desks[v.row.QueueID]; d != nil {
		delete(d.serving, v.row.ID)
		d.tally.talked(now.Sub(v.served))
	}
	f.save(v, event.QueuecallDone)
	close(v.over)
	f.soil(v.row.QueueID)
}
