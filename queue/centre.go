package queue

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"offhook/resource"
)

// Errors of a Centre.
var (
	ErrUnknown = errors.New("unknown agent, queue or queuecall")
	ErrClosed  = errors.New("the queues are closed")
)

// Config is what a Centre is made of.
type Config struct {
	Switch Switch
	Ledger Ledger
	Logger *slog.Logger
	Seed   uint64 // of the method random
}

// Centre is every queue and agent of this server. One goroutine owns them; all
// methods may be called from any other.
type Centre struct {
	cfg   Config
	jobs  chan func()
	ended chan struct{}

	floors  map[string]*floor // by customer; the owner's
	closing atomic.Bool

	counters counters
}

// counters are totals over all customers.
type counters struct {
	waiting, serving            atomic.Int64
	joined, serviced, abandoned atomic.Uint64
}

// Counters is how all queues do together.
type Counters struct {
	Waiting, Serving            int64
	Joined, Serviced, Abandoned uint64 // since the start
}

// New returns a centre without queues and agents; Run lets it work.
func New(cfg Config) *Centre {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	return &Centre{cfg: cfg, jobs: make(chan func()), ended: make(chan struct{}), floors: map[string]*floor{}}
}

// Run owns queues and agents until ctx ends.
func (c *Centre) Run(ctx context.Context) {
	defer close(c.ended)
	for {
		select {
		case job := <-c.jobs:
			job()
		case <-ctx.Done():
			for _, f := range c.floors {
				f.close()
			}
			return
		}
	}
}

// Close says that the server stops: callers who are hung up from now on end with
// the reason restart.
func (c *Centre) Close() { c.closing.Store(true) }

// do has the owner run a job and returns when it has; false when there is no
// owner any more.
func (c *Centre) do(job func()) bool {
	done := make(chan struct{})
	select {
	case c.jobs <- func() { defer close(done); job() }:
		<-done
		return true
	case <-c.ended:
		return false
	}
}

// with runs a job on a customer's floor and does what follows from it.
func (c *Centre) with(customerID string, job func(f *floor, now time.Time)) bool {
	return c.do(func() {
		f := c.floors[customerID]
		if f == nil {
			f = newFloor(c, customerID)
			c.floors[customerID] = f
		}
		now := time.Now()
		f.line.Tick(now)
		f.settle(now) // what was due is told before what the job does
		job(f, now)
		f.settle(now)
	})
}

// Counters returns totals for metrics.
func (c *Centre) Counters() Counters {
	n := &c.counters
	return Counters{
		Waiting: n.waiting.Load(), Serving: n.serving.Load(),
		Joined: n.joined.Load(), Serviced: n.serviced.Load(), Abandoned: n.abandoned.Load(),
	}
}

// SetQueue makes a queue known or changes it.
func (c *Centre) SetQueue(q resource.Queue) {
	c.with(q.CustomerID, func(f *floor, now time.Time) { f.setQueue(now, q) })
}

// DropQueue forgets a queue: who waits in it leaves, kicked; who is served is
// served to the end.
func (c *Centre) DropQueue(customerID, id string) {
	c.with(customerID, func(f *floor, now time.Time) { f.dropQueue(now, id) })
}

// SetAgent makes an agent known or changes it. The status counts for one who is
// new.
func (c *Centre) SetAgent(a resource.Agent) {
	c.with(a.CustomerID, func(f *floor, now time.Time) { f.setAgent(now, a) })
}

// DropAgent forgets an agent.
func (c *Centre) DropAgent(customerID, id string) {
	c.with(customerID, func(f *floor, now time.Time) {
		f.line.DropAgent(now, id)
		delete(f.agents, id)
	})
}

// SetStatus says what an agent wants to be: available, away, busy or offline.
// While the agent talks it counts for the time after the call; while it is rung,
// leaving ends the ringing and the caller goes to somebody else.
func (c *Centre) SetStatus(customerID, agentID, status string) error {
	err := ErrClosed
	c.with(customerID, func(f *floor, now time.Time) {
		err = nil
		if a := f.agents[agentID]; a == nil || !f.setStatus(now, a, status) {
			err = ErrUnknown
		}
	})
	return err
}

// Engaged says that the agents who are reached at any of some targets are on a
// call, of a queue or not, until ended is closed. It returns then.
func (c *Centre) Engaged(customerID, callID string, ended <-chan struct{}, targets ...string) {
	var agents []string
	c.with(customerID, func(f *floor, now time.Time) {
		for _, a := range f.agents {
			if !a.reachedAt(targets) {
				continue
			}
			agents = append(agents, a.ID)
			if a.CallID == "" {
				a.CallID = callID
			}
			f.line.Engaged(now, a.ID)
		}
	})
	if len(agents) == 0 {
		return
	}
	<-ended
	c.with(customerID, func(f *floor, now time.Time) {
		for _, id := range agents {
			f.line.Disengaged(now, id)
		}
	})
}

// Agents returns a customer's agents as they are now.
func (c *Centre) Agents(customerID string) []resource.Agent {
	var list []resource.Agent
	c.with(customerID, func(f *floor, _ time.Time) {
		for _, a := range f.agents {
			list = append(list, a.Agent)
		}
	})
	return list
}

// Kick takes a caller out of its queue, whatever its state, and returns when it
// has left: who waits leaves, what rings for it ends, and a conversation with an
// agent ends. Its flow goes on. It does nothing when the caller is not there.
func (c *Centre) Kick(ctx context.Context, customerID, queuecallID string) error {
	var v *visit
	c.with(customerID, func(f *floor, now time.Time) {
		if v = f.visits[queuecallID]; v != nil {
			f.kick(now, v, "kicked")
		}
	})
	if v == nil {
		return nil
	}
	select {
	case <-v.over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Conversation returns the calls of the caller and of the agent of a queuecall
// that is served; ErrUnknown when it is not.
func (c *Centre) Conversation(customerID, queuecallID string) (callerID, agentID string, err error) {
	err = ErrClosed
	c.with(customerID, func(f *floor, _ time.Time) {
		err = ErrUnknown
		if v := f.visits[queuecallID]; v != nil && !v.served.IsZero() {
			callerID, agentID, err = cmp.Or(v.personID, v.who.CallID), v.talk.agent.ID(), nil
		}
	})
	return callerID, agentID, err
}

// Place is the place in line of a queuecall, from 1; 0 when it is not in line.
func (c *Centre) Place(customerID, queuecallID string) (place int) {
	c.with(customerID, func(f *floor, _ time.Time) { place = f.line.PlaceOf(queuecallID) })
	return place
}

// Resume takes a callback up again that the last process promised: the person
// has its place, its tries and its time as before. Agents may be rung at once.
func (c *Centre) Resume(row resource.Queuecall) {
	c.with(row.CustomerID, func(f *floor, now time.Time) { f.resume(now, row) })
}

// Transfer lets the caller whom an agent serves with a call go on to another
// queue, with its flow and variables, at the place of when it first came. It
// reports false when the call serves no caller of queues, or there is no such
// queue.
func (c *Centre) Transfer(customerID, agentCallID, queueID string) (moved bool) {
	c.with(customerID, func(f *floor, _ time.Time) {
		for _, v := range f.visits {
			if v.served.IsZero() || v.back || v.talk.agent.ID() != agentCallID || f.desks[queueID] == nil {
				continue
			}
			v.next, moved = queueID, true
			v.talk.cancel(errMoved)
		}
	})
	return moved
}
