package flow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"offhook/resource"
)

// Causes of a run's end. A starter cancels the context that it gave to Start
// with one of them, or any other error; Stop uses ErrStopped.
var (
	ErrHangup  = errors.New("the call ended")
	ErrStopped = errors.New("the run was stopped")
	ErrRestart = errors.New("the server stops")
)

// Limits of a run.
const (
	// MaxIdleActions is how many actions may follow each other without one
	// that took time with audio or waiting.
	MaxIdleActions = 10000
	// MaxCompletes is how many runs may follow a run by on_complete_flow_id.
	MaxCompletes = 5
	maxNesting   = 100                   // lists pushed on one another
	maxExecuted  = 100                   // executed actions that the state shows
	leastWait    = 20 * time.Millisecond // what counts as audio or waiting: one frame
)

// Options describe a run to start.
type Options struct {
	ID                    string // of the activeflow; made when empty
	CustomerID            string
	FlowID                string // "" for inline actions
	Program               *Program
	Variables             map[string]string
	ReferenceType         string // "": call or api, by whether there is a call
	ReferenceID           string // "": the call's id
	ReferenceActiveflowID string
	OnCompleteFlowID      string
	WebhookURI            string
	WebhookMethod         string
	Logger                *slog.Logger // nil: slog.Default
	// Followed is told of each run that on_complete_flow_id starts after this
	// one, before it begins. May be nil.
	Followed func(*Run)
	// Ended is told when this run has ended, and each that follows it. May be
	// nil.
	Ended func(*Run)

	completeCount int
	follows       bool
}

// Run is one execution of a flow. Its methods are safe for concurrent use.
type Run struct {
	host     Host
	options  Options
	verbs    *Verbs
	log      *slog.Logger
	vars     variables
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed when the run has ended
	over     chan struct{} // closed when all that followed has ended too
	work     sync.WaitGroup
	finalCtx context.Context // outlives the call, not the process

	mu         sync.Mutex
	state      resource.Activeflow
	loops      map[string]int // jumps of each goto
	idle       int            // actions since the last that took time
	performing int            // Performs inside each other
}

// Start begins to run a program in a goroutine of its own, which ends soon
// after ctx does. When it ends by itself it hangs the call up. Program must not
// be nil.
func Start(ctx context.Context, host Host, o Options) *Run {
	r, serve := Prepare(ctx, host, o)
	go serve()
	return r
}

// Prepare is Start for a caller that has a goroutine to give: the run begins
// with serve, which must be called once and returns when Wait does.
func Prepare(ctx context.Context, host Host, o Options) (r *Run, serve func()) {
	r = newRun(host, o)
	r.finalCtx = context.WithoutCancel(ctx)
	ctx, r.cancel = context.WithCancelCause(ctx)
	if o.follows && o.Followed != nil {
		o.Followed(r)
	}
	r.journal("activeflow_created")
	return r, func() { r.main(ctx) }
}

func newRun(host Host, o Options) *Run {
	if o.ID == "" {
		o.ID = resource.NewID()
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.ReferenceType == "" {
		o.ReferenceType = "api"
	}
	r := &Run{
		host: host, verbs: o.Program.verbs, done: make(chan struct{}), over: make(chan struct{}), loops: map[string]int{},
		vars: variables{call: host.Call},
	}
	r.vars.begin(o.Variables)
	o.Variables = nil // nobody asks for them again
	if host.Call != nil {
		c := host.Call.Snapshot()
		if o.ReferenceID == "" {
			o.ReferenceType, o.ReferenceID = "call", c.ID
		}
		r.vars.seedCall(c)
		r.log = o.Logger.With("activeflow", o.ID, "call", c.ID)
	} else {
		r.log = o.Logger.With("activeflow", o.ID)
	}
	r.options = o
	r.state = resource.Activeflow{
		Identity: resource.Identity{ID: o.ID, CustomerID: o.CustomerID, TMCreate: resource.Now()},
		FlowID:   o.FlowID, Status: "running", ReferenceType: o.ReferenceType, ReferenceID: o.ReferenceID,
		ReferenceActiveflowID: o.ReferenceActiveflowID, OnCompleteFlowID: o.OnCompleteFlowID,
		WebhookURI: o.WebhookURI, WebhookMethod: o.WebhookMethod, ExecutedActions: []resource.Action{},
	}
	r.vars.seedRun(r.state, o.completeCount)
	return r
}

// Stop ends the run and with it the call. It does not wait.
func (r *Run) Stop() { r.cancel(ErrStopped) }

// Done is closed when the run has ended.
func (r *Run) Done() <-chan struct{} { return r.done }

// Wait returns when the run has ended and everything that it left behind is
// done: messages on their way, and runs that follow by on_complete_flow_id.
func (r *Run) Wait() { <-r.over }

// Over is closed when Wait returns.
func (r *Run) Over() <-chan struct{} { return r.over }

// ID returns the activeflow's id.
func (r *Run) ID() string { return r.options.ID }

// CustomerID returns whose run it is.
func (r *Run) CustomerID() string { return r.options.CustomerID }

// Host returns what the run runs on. Nobody may change it.
func (r *Run) Host() *Host { return &r.host }

// Verbs returns the table of verbs of the run's program.
func (r *Run) Verbs() *Verbs { return r.verbs }

// Logger returns a logger with the ids of run and call.
func (r *Run) Logger() *slog.Logger { return r.log }

// Variable returns a variable's value, empty when it is unknown. Built-in names
// may lack their prefix.
func (r *Run) Variable(name string) string {
	value, _ := r.vars.lookup(name)
	return value
}

// Variables returns a copy of all variables.
func (r *Run) Variables() map[string]string { return r.vars.snapshot() }

// SetVariable sets a variable.
func (r *Run) SetVariable(name, value string) { r.vars.set(name, value) }

// ClearVariable empties a variable, found as Variable finds it.
func (r *Run) ClearVariable(name string) { r.vars.clear(name) }

// Value returns what an option's VariableName stands for: the text with its
// placeholders filled, or the value of the variable of that name.
func (r *Run) Value(name VariableName) string {
	if hasPlaceholder(string(name)) {
		return r.Substitute(string(name))
	}
	return r.Variable(string(name))
}

// Substitute fills the placeholders of a text; unknown variables are empty.
func (r *Run) Substitute(text string) string { return substitute(text, r.fill) }

// fill is Variable for substitute: every name is known, if only as empty.
func (r *Run) fill(name string) (string, bool) { return r.Variable(name), true }

// Count counts one jump of the action that runs now and reports whether it may
// still be taken: limit times in a run. A negative limit is no limit.
func (r *Run) Count(actionID string, limit int) bool {
	if limit < 0 {
		return true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.loops[actionID] >= limit {
		return false
	}
	r.loops[actionID]++
	return true
}

// Go does something beside the run that Wait waits for. Its context outlives
// the call, but not timeout.
func (r *Run) Go(timeout time.Duration, f func(ctx context.Context)) {
	r.work.Go(func() {
		ctx, cancel := context.WithTimeout(r.finalCtx, timeout)
		defer cancel()
		defer r.guard("background work", nil)
		f(ctx)
	})
}

// Beside does something beside the run that ends with the call, or after
// timeout, and that Wait waits for. Ctx is the one that the verb was given.
func (r *Run) Beside(ctx context.Context, timeout time.Duration, f func(ctx context.Context)) {
	r.work.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		defer r.guard("background work", nil)
		f(ctx)
	})
}

// main is the goroutine of a run.
func (r *Run) main(ctx context.Context) {
	defer close(r.over)
	reason, message := r.execute(ctx)
	r.end(reason, message)
	r.follow()
	r.work.Wait()
}

func (r *Run) execute(ctx context.Context) (reason, message string) {
	return r.loop(ctx, &stack{frames: []frame{{program: r.options.Program, origin: r.options.FlowID}}})
}

// end closes the run: it hangs up, unless the call has ended, and tells.
func (r *Run) end(reason, message string) {
	r.cancel(nil)
	if c := r.host.Call; c != nil {
		switch {
		case reason == EndFailed:
			c.Hangup("failed")
		case reason != EndHangup:
			c.Hangup("normal")
		}
		r.vars.settle(c.Snapshot())
	}
	r.mu.Lock()
	r.state.Status, r.state.EndReason, r.state.EndMessage = "ended", reason, message
	r.state.TMEnd, r.state.ForwardActionID = resource.Now(), ""
	r.mu.Unlock()
	r.log.Info("flow ended", "reason", reason, "message", message)
	r.journal("activeflow_ended")
	close(r.done)
	if r.options.Ended != nil {
		r.options.Ended(r)
	}
}
