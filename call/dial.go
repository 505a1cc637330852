package call

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// ErrSource is returned when a tel source is not one of the customer's numbers
// and the configuration asks for that.
var ErrSource = errors.New("the source is not one of your numbers")

// ErrFull is returned while draining or above max_calls.
var ErrFull = errors.New("no new calls are taken now")

// DialOptions describe calls of their own.
type DialOptions struct {
	CustomerID     string
	Source         resource.Address
	Destinations   []resource.Address
	Script         Script
	EarlyExecution bool
	Anonymous      string
	RingTimeout    time.Duration
	RingMethod     string // of groupcalls: ring_all or linear
	Metadata       map[string]string
	Master         *Call  // they end with it
	Group          bool   // all destinations are one group: the first answer wins
	GroupID        string // chosen by the client
	CallID         string // chosen by the client, for a single destination
	// Durable has the calls written down before they are dialled and before an
	// answer is acknowledged, so that after a crash it is known of each whether
	// somebody answered. GroupID or CallID must be unique in the world.
	Durable bool
}

// Dial places calls and returns without waiting for an answer. A tel or sip
// destination is a call; an extension or an agent is a group of calls, of
// which the first that is answered runs the script.
func (x *Exchange) Dial(ctx context.Context, o DialOptions) ([]*Call, []resource.Groupcall, error) {
	if x.full() {
		return nil, nil, ErrFull
	}
	if !x.mayShow(ctx, o.CustomerID, o.Source) {
		return nil, nil, fmt.Errorf("%w: %q", ErrSource, o.Source.Target)
	}
	var calls []*Call
	var groups []resource.Groupcall
	if o.Group {
		g := x.newGroup(o, o.Destinations)
		row := g.start(ctx)
		return g.placed(), []resource.Groupcall{row}, nil
	}
	for _, d := range o.Destinations {
		if d.Type == resource.TypeExtension || d.Type == resource.TypeAgent {
			g := x.newGroup(o, []resource.Address{d})
			groups = append(groups, g.start(ctx))
			calls = append(calls, g.placed()...)
			continue
		}
		for _, p := range x.plans(ctx, o.CustomerID, []resource.Address{d}) {
			script := o.Script
			calls = append(calls, x.dial(dialOptions{
				customerID: o.CustomerID, id: o.CallID, source: o.Source, plan: p, script: &script,
				early: o.EarlyExecution, timeout: o.RingTimeout, master: o.Master, anonymous: o.Anonymous, metadata: o.Metadata, durable: o.Durable,
			}))
		}
	}
	return calls, groups, nil
}

// mayShow reports whether a customer's calls may come from an address: where
// the configuration asks for that, a telephone number must be one of its own.
func (x *Exchange) mayShow(ctx context.Context, customerID string, a resource.Address) bool {
	if !x.cfg.RequireOwnedSource || a.Type != resource.TypeTel && !isNumber(a.Target) {
		return true
	}
	return x.numberFor(ctx, customerID, a.Target) != nil
}

// group is a groupcall: destinations of which the first that answers gets the
// script.
type group struct {
	x     *Exchange
	o     DialOptions
	to    []resource.Address
	mu    sync.Mutex
	row   resource.Groupcall
	calls []*Call
}

func (x *Exchange) newGroup(o DialOptions, to []resource.Address) *group {
	g := &group{x: x, o: o, to: to}
	g.row = resource.Groupcall{
		Identity: resource.Identity{ID: o.GroupID, CustomerID: o.CustomerID, TMCreate: resource.Now()},
		Status:   resource.StatusProgressing, FlowID: o.Script.FlowID, Source: o.Source, Destinations: to,
		RingMethod: o.RingMethod, AnswerMethod: "hangup_others", CallIDs: []string{}, GroupcallIDs: []string{},
	}
	if g.row.ID == "" {
		g.row.ID = resource.NewID()
	}
	if g.row.RingMethod == "" {
		g.row.RingMethod = "ring_all"
	}
	if o.Master != nil {
		g.row.MasterCallID = o.Master.ID()
	}
	return g
}

// start rings in the background and returns once the first calls are placed.
func (g *group) start(ctx context.Context) resource.Groupcall {
	row := g.snapshot()
	g.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		if err := rows.Groupcalls.Insert(tx, &row); err != nil {
			return err
		}
		return emit(tx, []resource.Event{event.OfGroupcall(event.GroupcallCreated, row), event.OfGroupcall(event.GroupcallProgressing, row)})
	})
	first := make(chan struct{})
	open := sync.OnceFunc(func() { close(first) })
	expect := len(g.x.plans(ctx, g.o.CustomerID, g.to))
	if g.row.RingMethod == "linear" {
		expect = min(expect, 1)
	}
	g.x.work.Go(func() {
		defer open()
		g.run(func() {
			if len(g.placed()) >= expect {
				open()
			}
		})
	})
	select {
	case <-first:
	case <-ctx.Done():
	}
	return g.snapshot()
}

// run rings until somebody answers, and lets that call run the script.
func (g *group) run(placed func()) {
	c, _ := g.x.ring(context.Background(), ringOptions{
		customerID: g.o.CustomerID, source: g.o.Source, destinations: g.to, timeout: g.o.RingTimeout,
		linear: g.row.RingMethod == "linear", master: g.o.Master, anonymous: g.o.Anonymous,
		groupcall: g.row.ID, metadata: g.o.Metadata, durable: g.o.Durable,
		onCall: func(c *Call) {
			g.change(func() {
				g.calls = append(g.calls, c)
				g.row.CallIDs = append(g.row.CallIDs, c.ID())
				g.row.CallCount++
				if g.row.RingMethod == "linear" {
					g.row.DialIndex = min(len(g.calls), len(g.to)) - 1
				}
			})
			placed()
		},
	})
	if c != nil {
		g.change(func() { g.row.AnswerCallID, g.row.CallCount = c.ID(), 1 })
		script := g.o.Script
		c.mu.Lock()
		c.script = &script
		c.row.FlowID = script.FlowID
		c.start()
		alone := !c.running
		c.mu.Unlock()
		if alone {
			c.Hangup(CauseOf(ReasonNormal)) // nothing to run: answered and over
		}
		<-c.done
	}
	g.change(func() { g.row.Status, g.row.CallCount = resource.StatusHangup, 0 }, event.GroupcallHangup)
}

// change changes the group and has it written, so that who reads it sees its
// calls and its answer while it lasts; events are told of the changed group.
func (g *group) change(f func(), events ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f()
	g.row.TMUpdate = resource.Now()
	row := g.row
	row.CallIDs = slices.Clone(row.CallIDs)
	g.x.cfg.DB.Enqueue(func(tx *store.Tx) error { // under the lock: writes are in the order of changes
		if err := rows.Groupcalls.Put(tx, &row); err != nil {
			return err
		}
		for _, name := range events {
			if err := tx.Emit(event.OfGroupcall(name, row)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (g *group) placed() []*Call {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.calls)
}

func (g *group) snapshot() resource.Groupcall {
	g.mu.Lock()
	defer g.mu.Unlock()
	row := g.row
	row.CallIDs = slices.Clone(row.CallIDs)
	return row
}
