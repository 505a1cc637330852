// Package callflow runs flows on calls: it lets flow's verbs use a call
// (line.go), starts the run that a call's script asks for, and keeps what users
// may see of runs.
package callflow

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"offhook/call"
	"offhook/flow"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// Services gives a call what is beyond the exchange. A nil one makes the verbs
// that need it say so and go on.
type Services struct {
	Rooms      func(*call.Call) flow.Rooms
	Queues     func(*call.Call) flow.Queues
	Transcribe func(*call.Call) flow.Transcriber
	Assistant  func(*call.Call) flow.Assistant
	Writing    func() flow.Assistant // of runs without a call
}

// Config is what a Runner is made of.
type Config struct {
	DB       *store.DB
	Verbs    *flow.Verbs
	Web      flow.Web
	Services Services
	Logger   *slog.Logger
}

// Runner runs flows.
type Runner struct {
	cfg Config
	x   *call.Exchange

	flows    *store.Cache[resource.Flow, *resource.Flow] // shared rows, changed by nobody
	programs programs

	mu         sync.Mutex
	runs       map[string]*flow.Run   // by customer and id, those that have not ended
	unfinished map[*flow.Run]struct{} // those that have ended may still have followers to come
}

// New makes a runner; Use gives it the exchange.
func New(cfg Config) *Runner {
	return &Runner{cfg: cfg, flows: store.NewCache(cfg.DB, rows.Flows), programs: programs{verbs: cfg.Verbs}, runs: map[string]*flow.Run{}, unfinished: map[*flow.Run]struct{}{}}
}

// Use sets the exchange, whose configuration needs the runner's Run first, and
// the services, which need both. It is called once, before any call.
func (r *Runner) Use(x *call.Exchange, s Services) { r.x, r.cfg.Services = x, s }

// Run runs a script on a call and returns when it is over. It is call.Config's
// Run.
func (r *Runner) Run(ctx context.Context, c *call.Call, s call.Script) {
	if serve := r.begin(ctx, c, s); serve != nil {
		serve()
	}
}

// begin prepares a script's run; nil when it can't be run. It is not part of
// Run because a goroutine waits in Run as long as the call lasts, and would
// keep what begin has on its stack.
func (r *Runner) begin(ctx context.Context, c *call.Call, s call.Script) (serve func()) {
	o, err := r.options(ctx, c.CustomerID(), s.FlowID, s.Actions)
	if err != nil {
		r.cfg.Logger.Warn("flow not run", "call", c.ID(), "flow", s.FlowID, "error", err)
		return nil
	}
	o.Variables = s.Variables
	o.ReferenceType, o.ReferenceID = "call", c.ID()
	c.BindActiveflow(o.ID, o.FlowID, call.Webhook{URI: o.WebhookURI, Method: o.WebhookMethod})
	_, serve = r.prepare(ctx, r.HostOf(c), o)
	return serve
}

// options prepares a run of a stored flow, or of actions of its own.
func (r *Runner) options(ctx context.Context, customerID, flowID string, actions []resource.Action) (flow.Options, error) {
	o := flow.Options{ID: resource.NewID(), CustomerID: customerID, FlowID: flowID, Logger: r.cfg.Logger}
	if flowID != "" {
		f, err := r.Flow(ctx, customerID, flowID)
		if err != nil {
			return o, err
		}
		actions, o.OnCompleteFlowID = f.Actions, f.OnCompleteFlowID
		o.WebhookURI, o.WebhookMethod = f.WebhookURI, f.WebhookMethod
	}
	var err error
	o.Program, err = r.programs.of(customerID, flowID, actions)
	return o, err
}

// prepare makes a run that begins with serve. It can be found until it has
// ended, and so can those that follow it.
func (r *Runner) prepare(ctx context.Context, host flow.Host, o flow.Options) (run *flow.Run, serve func()) {
	host.Journal = &journal{db: r.cfg.DB, change: r.changed(host)}
	o.Followed, o.Ended = r.keep, r.drop
	run, main := flow.Prepare(ctx, host, o)
	r.keep(run)
	r.mu.Lock()
	r.unfinished[run] = struct{}{}
	r.mu.Unlock()
	return run, func() {
		main()
		r.mu.Lock()
		delete(r.unfinished, run)
		r.mu.Unlock()
	}
}

// changed shows a call which action it is at; nil for a run without one.
func (r *Runner) changed(host flow.Host) func(*resource.Action) {
	if l, ok := host.Call.(line); ok {
		return l.c.AtAction
	}
	return nil
}

func runKey(customerID, id string) string { return customerID + "\x00" + id }

// keep lets a run be found, until drop.
func (r *Runner) keep(run *flow.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.runs[runKey(run.CustomerID(), run.ID())] = run
}

func (r *Runner) drop(run *flow.Run) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.runs, runKey(run.CustomerID(), run.ID()))
}

// find returns a run that has not ended.
func (r *Runner) find(customerID, id string) (*flow.Run, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	run, ok := r.runs[runKey(customerID, id)]
	return run, ok
}

// Running returns how many runs there are.
func (r *Runner) Running() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.runs)
}

// Wait returns when every run is over, with those that follow runs whose calls
// have ended, or when ctx ends. What is left then is closed at the next start.
func (r *Runner) Wait(ctx context.Context) {
	r.mu.Lock()
	runs := slices.Collect(maps.Keys(r.unfinished))
	r.mu.Unlock()
	for _, run := range runs {
		select {
		case <-run.Over():
		case <-ctx.Done():
			return
		}
	}
}

// Stop ends a run and its call; false when it does not run.
func (r *Runner) Stop(customerID, id string) bool {
	run, ok := r.find(customerID, id)
	if ok {
		run.Stop()
	}
	return ok
}

// Detached describes a run without a call.
type Detached struct {
	ID            string // empty: made here
	CustomerID    string
	FlowID        string
	Actions       []resource.Action
	Variables     map[string]string
	ReferenceType string // api, recording …
	ReferenceID   string
	WebhookURI    string
	WebhookMethod string
}

// Start runs a flow without a call and returns at once.
func (r *Runner) Start(ctx context.Context, d Detached) (resource.Activeflow, error) {
	o, err := r.options(ctx, d.CustomerID, d.FlowID, d.Actions)
	if err != nil {
		return resource.Activeflow{}, err
	}
	if d.ID != "" {
		o.ID = d.ID
	}
	o.Variables, o.ReferenceType, o.ReferenceID = d.Variables, d.ReferenceType, d.ReferenceID
	if d.WebhookURI != "" {
		o.WebhookURI, o.WebhookMethod = d.WebhookURI, d.WebhookMethod
	}
	host := flow.Host{Dialer: r, OptOuts: r, Documents: r, Web: r.cfg.Web}
	if r.cfg.Services.Writing != nil {
		host.Assistant = r.cfg.Services.Writing()
	}
	run, serve := r.prepare(context.WithoutCancel(ctx), host, o)
	go serve()
	return run.State(), nil
}

// Host returns what a customer's live call can do; false when there is none.
func (r *Runner) Host(customerID, callID string) (flow.Host, bool) {
	c, ok := r.x.Find(customerID, callID)
	if !ok {
		return flow.Host{}, false
	}
	return r.HostOf(c), true
}

// HostOf returns what a call can do.
func (r *Runner) HostOf(c *call.Call) flow.Host {
	l := line{r, c}
	h := flow.Host{Call: l, Player: l, Keypad: l, Connector: l, Recorder: l, Detector: l, Dialer: r, OptOuts: r, Documents: r, Web: r.cfg.Web}
	s := r.cfg.Services
	if s.Rooms != nil {
		h.Rooms = s.Rooms(c)
	}
	if s.Queues != nil {
		h.Queues = s.Queues(c)
	}
	if s.Transcribe != nil {
		h.Transcribe = s.Transcribe(c)
	}
	if s.Assistant != nil {
		h.Assistant = s.Assistant(c)
	}
	return h
}

// Flow implements flow.Documents.
func (r *Runner) Flow(ctx context.Context, customerID, id string) (*resource.Flow, error) {
	f, err := r.flows.Load(ctx, customerID, id)
	if err != nil {
		return nil, fmt.Errorf("flow %q: %w", id, err)
	}
	return f, nil
}

// Dial implements flow.Dialer.
func (r *Runner) Dial(ctx context.Context, d flow.DialRequest) ([]resource.Call, []resource.Groupcall, error) {
	calls, groups, err := r.x.Dial(ctx, r.DialOptions(d))
	list := make([]resource.Call, 0, len(calls))
	for _, c := range calls {
		list = append(list, c.Snapshot())
	}
	return list, groups, err
}

// DialOptions turns a flow's request into the exchange's.
func (r *Runner) DialOptions(d flow.DialRequest) call.DialOptions {
	o := call.DialOptions{
		CustomerID: d.CustomerID, Source: d.Source, Destinations: d.Destinations,
		Script:         call.Script{FlowID: d.FlowID, Actions: d.Actions, Variables: d.Variables},
		EarlyExecution: d.EarlyExecution, Anonymous: d.Anonymous,
	}
	if d.MasterCallID != "" {
		o.Master, _ = r.x.Find(d.CustomerID, d.MasterCallID)
	}
	return o
}

// Recorded runs the flow that follows a finished recording. It is
// call.Config's Recorded.
func (r *Runner) Recorded(rec resource.Recording) {
	if rec.OnEndFlowID == "" {
		return
	}
	_, err := r.Start(context.Background(), Detached{
		CustomerID: rec.CustomerID, FlowID: rec.OnEndFlowID, ReferenceType: "recording", ReferenceID: rec.ID,
		Variables: map[string]string{
			"voipbin.recording.id": rec.ID, "voipbin.recording.reference_type": rec.ReferenceType,
			"voipbin.recording.reference_id": rec.ReferenceID, "voipbin.recording.format": rec.Format,
			"voipbin.recording.recording_name": rec.ID, "voipbin.recording.filenames": rec.ID + "." + rec.Format,
		},
	})
	if err != nil {
		r.cfg.Logger.Warn("flow after a recording not run", "recording", rec.ID, "flow", rec.OnEndFlowID, "error", err)
	}
}
