package queue

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"offhook/event"
	"offhook/resource"
)

// floor is a customer's queues, agents and callers. Everything in it is the
// owner's.
type floor struct {
	c          *Centre
	customerID string
	line       *Line
	desks      map[string]*desk
	agents     map[string]*person
	visits     map[string]*visit
	rung       map[string]chan struct{} // by agent: closed when the last attempt is over
	timer      *time.Timer              // the line's next alarm
	refresh    *time.Timer              // what users see of places is written then
	refreshed  time.Time                // when it last was
}

// desk is a queue's row and what is counted of it.
type desk struct {
	row     resource.Queue
	serving map[string]bool
	tally   tally
	dirty   bool
}

// person is an agent's row and where the agent is reached.
type person struct {
	resource.Agent
	targets map[string]bool
}

func newPerson(a resource.Agent) *person {
	p := &person{a, map[string]bool{}}
	for _, address := range a.Addresses {
		p.targets[address.Target] = true
	}
	return p
}

func (p *person) reachedAt(targets []string) bool {
	return slices.ContainsFunc(targets, func(t string) bool { return p.targets[t] })
}

// attempt is an agent who is rung for a caller.
type attempt struct{ cancel context.CancelFunc }

func newFloor(c *Centre, customerID string) *floor {
	return &floor{
		c: c, customerID: customerID, line: NewLine(c.cfg.Seed), desks: map[string]*desk{},
		agents: map[string]*person{}, visits: map[string]*visit{}, rung: map[string]chan struct{}{},
	}
}

func (f *floor) close() {
	for _, t := range []*time.Timer{f.timer, f.refresh} {
		if t != nil {
			t.Stop()
		}
	}
}

func milliseconds(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func (f *floor) setQueue(now time.Time, q resource.Queue) {
	d := f.desks[q.ID]
	if d == nil {
		d = &desk{serving: map[string]bool{}}
		f.desks[q.ID] = d
		d.row = q
	}
	q.TotalIncomingCount, q.TotalServicedCount, q.TotalAbandonedCount =
		d.row.TotalIncomingCount, d.row.TotalServicedCount, d.row.TotalAbandonedCount
	d.row = q
	f.line.SetQueue(now, q.ID, Rules{Method: q.RoutingMethod, Tags: q.TagIDs, Priority: q.Priority, WrapUp: milliseconds(q.WrapUp)})
}

func (f *floor) dropQueue(now time.Time, id string) {
	if f.desks[id] == nil {
		return
	}
	for _, caller := range f.line.DropQueue(now, id) {
		f.abandon(now, f.visits[caller], "kicked")
	}
	for _, v := range f.visits { // callbacks that have yet to come back to the line
		if v.row.QueueID == id && v.back && !v.taken {
			f.abandon(now, v, "kicked")
		}
	}
	delete(f.desks, id)
}

func (f *floor) setAgent(now time.Time, a resource.Agent) {
	status := cmp.Or(a.Status, Offline)
	if known := f.agents[a.ID]; known != nil {
		a.Status, a.TMStatus, a.CallID, a.CallsTaken, a.PhoneLost = known.Status, known.TMStatus, known.CallID, known.CallsTaken, known.PhoneLost
	}
	f.agents[a.ID] = newPerson(a)
	f.line.SetAgent(now, a.ID, Profile{Tags: a.TagIDs, Skills: a.Skills}, status)
}

// settle does and tells what follows from a change of the line.
func (f *floor) settle(now time.Time) {
	s := f.line.Take()
	for _, ch := range s.Agents {
		f.agentChanged(ch)
	}
	for _, w := range s.Withdrawn {
		if v := f.visits[w.Caller]; v != nil {
			v.withdraw(w.Agent)
		}
	}
	for _, ch := range s.Callers {
		if v := f.visits[ch.Caller]; v != nil {
			f.callerChanged(now, v, ch)
		}
	}
	for _, o := range s.Offers {
		if v, a := f.visits[o.Caller], f.agents[o.Agent]; v != nil && a != nil {
			f.attempt(now, v, a)
		}
	}
	f.arm(now)
}

// arm sets the timer for the line's next alarm.
func (f *floor) arm(now time.Time) {
	at, ok := f.line.Next()
	if !ok {
		return
	}
	wait := max(0, at.Sub(now))
	if f.timer == nil {
		f.timer = time.AfterFunc(wait, func() { f.c.with(f.customerID, func(*floor, time.Time) {}) })
		return
	}
	f.timer.Reset(wait)
}

func (f *floor) agentChanged(ch AgentChange) {
	a := f.agents[ch.Agent]
	if a == nil {
		return
	}
	a.Status, a.TMStatus = ch.Status, resource.Now()
	a.CallsTaken = f.line.Taken(ch.Agent)
	if ch.Status != Busy {
		a.CallID = ""
	}
	f.c.cfg.Ledger.Agent(a.Agent, event.AgentStatusUpdated)
}

// callerChanged tells a caller's state and remembers it.
func (f *floor) callerChanged(now time.Time, v *visit, ch CallerChange) {
	v.row.ServiceAgentID = ch.Agent
	v.row.Position = f.line.PlaceOf(v.row.ID)
	switch {
	case ch.State == Waiting:
		v.row.Status = string(Waiting)
		f.save(v, event.QueuecallWaiting)
	case ch.State == Connecting:
		v.row.Status = string(Connecting)
		f.save(v, event.QueuecallConnecting)
	case v.back:
		f.try(v)
	default:
		f.served(now, v)
	}
	f.soil(v.row.QueueID)
}

// served notes that a visit's conversation has begun.
func (f *floor) served(now time.Time, v *visit) {
	v.row.Status, v.row.Position, v.row.TMService = string(Service), 0, stamp(now)
	v.row.DurationWaiting = int(now.Sub(v.joined).Milliseconds())
	v.served = now
	f.c.counters.waiting.Add(-1)
	f.c.counters.serving.Add(1)
	f.c.counters.serviced.Add(1)
	if d := f.desks[v.row.QueueID]; d != nil {
		d.serving[v.row.ID] = true
		d.row.TotalServicedCount++
		if v.back {
			d.tally.calledBack++
		} else {
			d.tally.answer(now.Sub(v.arrived), d.level())
		}
	}
	f.save(v, event.QueuecallServiced)
}

// stamp is a time as rows carry it.
func stamp(t time.Time) *time.Time {
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

func (f *floor) save(v *visit, events ...string) {
	row := v.row
	if row.Callback != nil {
		b := *row.Callback // the ledger writes it later
		row.Callback = &b
	}
	f.c.cfg.Ledger.Visit(row, v.who, false, events...)
}

// attempt rings an agent for a caller. An attempt for the same agent that was
// withdrawn a moment ago ends first, so that the phone is not called twice.
func (f *floor) attempt(now time.Time, v *visit, a *person) {
	ctx, cancel := context.WithCancel(v.ctx)
	at := &attempt{cancel}
	v.attempts[a.ID] = at
	before, over := f.rung[a.ID], make(chan struct{})
	f.rung[a.ID] = over
	r := Ring{CustomerID: f.customerID, CallID: v.who.CallID, Agent: a.Agent, Source: v.who.Party, Timeout: defaultRing}
	if v.back {
		r.CallID = ""
	}
	if d := f.desks[v.row.QueueID]; d != nil {
		if d.row.RingTimeout > 0 {
			r.Timeout = milliseconds(d.row.RingTimeout)
		}
		if d.row.Whisper {
			r.Whisper = whisper(d.row.Name, now.Sub(v.joined), v.back)
		}
	}
	go func() {
		if before != nil {
			<-before
		}
		var side Answered
		if ctx.Err() == nil {
			side = f.c.cfg.Switch.Ring(ctx, r)
		}
		defer close(over)
		if !f.c.with(f.customerID, func(f *floor, now time.Time) { f.reached(now, v, r.Agent.ID, at, side) }) && side != nil {
			side.Hangup()
		}
	}()
}

// defaultRing is how long an agent's phone rings where the queue says nothing.
const defaultRing = 20 * time.Second

// reached goes on when an agent took the call, or did not.
func (f *floor) reached(now time.Time, v *visit, agentID string, at *attempt, side Answered) {
	at.cancel()
	if v.attempts[agentID] != at { // withdrawn meanwhile
		if side != nil {
			side.Hangup()
		}
		return
	}
	delete(v.attempts, agentID)
	if side == nil {
		f.line.Failed(now, v.row.ID, agentID)
		return
	}
	if a := f.agents[agentID]; a != nil {
		a.CallID = side.ID()
	}
	if !f.line.Accepted(now, v.row.ID, agentID) {
		side.Hangup()
		return
	}
	go func() {
		<-side.Ended()
		f.c.with(f.customerID, func(f *floor, now time.Time) { f.line.Released(now, agentID) })
	}()
	v.serve(side)
	if v.back {
		go f.c.callBack(v)
	} else {
		f.limit(v)
	}
}

// placesEvery bounds how often waiting callers' flows and the queues' rows are
// told of places in line.
const placesEvery = 500 * time.Millisecond

// soil notes that places in a queue have changed; they are written down soon.
func (f *floor) soil(queueID string) {
	d := f.desks[queueID]
	if d == nil || d.dirty {
		return
	}
	d.dirty = true
	again := func() { f.c.with(f.customerID, func(f *floor, _ time.Time) { f.places() }) }
	soon := max(0, placesEvery-time.Since(f.refreshed)) // at once where it was quiet: who reads a queue sees its line
	if f.refresh == nil {
		f.refresh = time.AfterFunc(soon, again)
		return
	}
	f.refresh.Reset(soon)
}

// places brings places in line, estimates and the lists of queues up to date.
func (f *floor) places() {
	f.refreshed = time.Now()
	for id, d := range f.desks {
		if !d.dirty {
			continue
		}
		d.dirty = false
		waiting := f.line.InLine(id)
		outlook := f.line.Outlook(id)
		for i, caller := range waiting {
			if v := f.visits[caller]; v != nil {
				v.place(i+1, outlook.Wait(i+1, v.arrived))
			}
		}
		serving := make([]string, 0, len(d.serving))
		for caller := range d.serving {
			serving = append(serving, caller)
		}
		d.row.WaitQueuecallIDs, d.row.ServiceQueuecallIDs = waiting, serving
		f.c.cfg.Ledger.Queue(d.row)
	}
}

// seconds rounds a time up to whole seconds.
func seconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
