package flow_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"offhook/flow"
	"offhook/resource"
)

// The verbs of these tests: each shows one thing that the engine does.

type say struct { // takes a while and notes its text
	Text string `json:"text" required:"true" doc:"What"`
	Long int    `json:"long" default:"100" minimum:"0" maximum:"100000" doc:"Milliseconds"`
	Loud bool   `json:"loud" doc:"In capitals"`
}

func (o *say) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	text := o.Text
	if o.Loud {
		text = strings.ToUpper(text)
	}
	r.Host().Journal.(*diary).note(text)
	select {
	case <-time.After(time.Duration(o.Long) * time.Millisecond):
		return flow.Continue(), nil
	case <-ctx.Done():
		return flow.Continue(), context.Cause(ctx)
	}
}

type set struct {
	Name  string `json:"name" doc:"Which"`
	Value string `json:"value" doc:"What"`
}

func (o *set) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	r.SetVariable(o.Name, o.Value)
	return flow.Continue(), nil
}

type hop struct {
	To    string `json:"to" required:"true" target:"nowhere" doc:"Where"`
	Times int    `json:"times" default:"-1" doc:"How often"`
}

func (o *hop) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	if !r.Count(flow.ActionID(ctx), o.Times) {
		return flow.Continue(), nil
	}
	return flow.Jump(o.To), nil
}

type include struct {
	Flow    string            `json:"flow" doc:"By id"`
	Actions []resource.Action `json:"actions" doc:"Or these"`
	Inside  bool              `json:"inside" doc:"Perform instead of push"`
}

func (o *include) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	if o.Inside {
		return flow.Continue(), r.Perform(ctx, o.Flow)
	}
	if o.Flow == "" {
		p, err := r.ParseNested(ctx, o.Actions)
		if err != nil {
			return flow.Continue(), err
		}
		return flow.Push(p, ""), nil
	}
	p, err := r.Document(ctx, o.Flow)
	if err != nil {
		return flow.Continue(), err
	}
	return flow.Push(p, o.Flow), nil
}

type quit struct{}

func (*quit) Run(context.Context, *flow.Run) (flow.Next, error) {
	return flow.Finish(flow.EndStopped), nil
}

type crash struct{}

func (*crash) Run(context.Context, *flow.Run) (flow.Next, error) { panic("out of order") }

type fail struct{}

func (*fail) Run(context.Context, *flow.Run) (flow.Next, error) {
	return flow.Continue(), &flow.Failure{Reason: "broken", Message: "it is broken"}
}

type beside struct{}

func (*beside) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	r.Go(time.Minute, func(ctx context.Context) {
		select {
		case <-time.After(time.Second):
			r.Host().Journal.(*diary).note("sent")
		case <-ctx.Done():
		}
	})
	return flow.Continue(), nil
}

func of[T any, P interface {
	*T
	flow.Option
}]() func() flow.Option {
	return func() flow.Option { return P(new(T)) }
}

var verbs = flow.NewVerbs([]flow.Verb{
	{Name: "say", Aliases: []string{"tell"}, Blocks: true, New: of[say]()},
	{Name: "shout", Needs: flow.NeedsAnswer, Blocks: true, New: of[say]()},
	{Name: "set", New: of[set]()},
	{Name: "hop", New: of[hop]()},
	{Name: "include", Blocks: true, New: of[include]()},
	{Name: "quit", New: of[quit]()},
	{Name: "crash", New: of[crash]()},
	{Name: "fail", New: of[fail]()},
	{Name: "beside", New: of[beside]()},
}, map[string]string{"fax": "paper is not carried"})

// diary is a Host's Journal, Documents and Call.
type diary struct {
	mu     sync.Mutex
	said   []string
	events []resource.Event
	states []resource.Activeflow
	flows  map[string]string
	then   map[string]string // on_complete_flow_id
	ended  string            // with what reason the call was hung up
	forget bool              // keep no states and events
}

func (d *diary) note(s string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.said = append(d.said, s)
}

func (d *diary) Changed(a resource.Activeflow) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.forget {
		d.states = append(d.states, a)
	}
}

func (d *diary) Emit(e resource.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.forget {
		d.events = append(d.events, e)
	}
}

func (d *diary) Flow(_ context.Context, _, id string) (*resource.Flow, error) {
	text, ok := d.flows[id]
	if !ok {
		return nil, errors.New("unknown flow")
	}
	var list []resource.Action
	err := json.Unmarshal([]byte(text), &list)
	return &resource.Flow{Identity: resource.Identity{ID: id}, Actions: list, OnCompleteFlowID: d.then[id]}, err
}

func (d *diary) Snapshot() resource.Call {
	return resource.Call{Identity: resource.Identity{ID: "c1"}, Status: "progressing", Direction: "incoming", HangupReason: d.ended, Source: resource.Address{Type: "tel", Target: "+1"}}
}
func (d *diary) Answer(context.Context) error { d.note("(answered)"); return nil }
func (d *diary) Hangup(reason string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = reason
}
func (d *diary) HangupLike(string) {}
func (d *diary) Mute(string)       {}

// begin starts a flow with a call.
func (d *diary) begin(t *testing.T, text string, change ...func(*flow.Host, *flow.Options)) (*flow.Run, context.CancelCauseFunc) {
	t.Helper()
	p, err := flow.ParseJSON([]byte(text), verbs)
	if err != nil {
		t.Fatal(err)
	}
	host := flow.Host{Call: d, Journal: d, Documents: d}
	o := flow.Options{ID: "r", CustomerID: "acme", Program: p, Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&host, &o)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	return flow.Start(ctx, host, o), cancel
}

func words(list ...string) []string { return list }

var engineTests = []struct {
	name  string
	flow  string
	flows map[string]string
	then  map[string]string
	want  []string
	end   string
	vars  map[string]string
}{
	{name: "nothing", flow: `[]`, end: flow.EndFinished},
	{name: "in order", flow: `[{"type":"say","option":{"text":"a"}},{"type":"tell","option":{"text":"b"}}]`, want: words("a", "b"), end: flow.EndFinished},
	{name: "answers first", flow: `[{"type":"shout","option":{"text":"a"}}]`, want: words("(answered)", "a"), end: flow.EndFinished},
	{name: "next_id", flow: `[{"type":"say","next_id":"c","option":{"text":"a"}},{"type":"say","option":{"text":"b"}},{"id":"c","type":"say","option":{"text":"c"}}]`, want: words("a", "c"), end: flow.EndFinished},
	{name: "variables", flow: `[{"type":"set","option":{"name":"x","value":"${call.source.target}{{ none }}!"}},{"type":"set","option":{"name":"on","value":"true"}},{"type":"say","option":{"text":"${x}","loud":"${on}","long":"{{nothing}}"}}]`, want: words("+1!"), end: flow.EndFinished, vars: map[string]string{"x": "+1!", "voipbin.activeflow.id": "r", "voipbin.call.id": "c1"}},
	{name: "values are not substituted again", flow: `[{"type":"set","option":{"name":"x","value":"$"}},{"type":"say","option":{"text":"${x}{y}"}}]`, want: words("${y}"), end: flow.EndFinished},
	{name: "an option that turns out wrong is told and the flow goes on", flow: `[{"type":"set","option":{"name":"n","value":"soon"}},{"type":"say","option":{"text":"a","long":"${n}"}},{"type":"say","option":{"text":"b"}}]`, want: words("b"), end: flow.EndFinished},
	{name: "loops are counted over the run", flow: `[{"id":"o","type":"say","option":{"text":"o"}},{"id":"i","type":"say","option":{"text":"i"}},{"type":"hop","option":{"to":"i","times":1}},{"type":"hop","option":{"to":"o","times":1}}]`, want: words("o", "i", "i", "o", "i"), end: flow.EndFinished},
	{name: "a stack returns", flow: `[{"type":"include","option":{"flow":"in"}},{"type":"say","option":{"text":"back"}}]`, flows: map[string]string{"in": `[{"type":"say","option":{"text":"in"}}]`}, want: words("in", "back"), end: flow.EndFinished},
	{name: "next_id of what pushed", flow: `[{"type":"include","next_id":"c","option":{"flow":"in"}},{"type":"say","option":{"text":"b"}},{"id":"c","type":"say","option":{"text":"c"}}]`, flows: map[string]string{"in": `[{"type":"say","option":{"text":"in"}}]`}, want: words("in", "c"), end: flow.EndFinished},
	{name: "a jump out of a nested list", flow: `[{"type":"set","option":{"name":"to","value":"far"}},{"type":"include","option":{"flow":"in"}},{"type":"say","option":{"text":"skipped"}},{"id":"far","type":"say","option":{"text":"far"}}]`, flows: map[string]string{"in": `[{"type":"hop","option":{"to":"${to}"}},{"type":"say","option":{"text":"never"}}]`}, want: words("far"), end: flow.EndFinished},
	{name: "a target that is nowhere", flow: `[{"type":"set","option":{"name":"to","value":"x"}},{"type":"hop","option":{"to":"${to}"}},{"type":"say","option":{"text":"on"}}]`, want: words("on"), end: flow.EndFinished},
	{name: "an inner end ends all", flow: `[{"type":"include","option":{"flow":"in"}},{"type":"say","option":{"text":"no"}}]`, flows: map[string]string{"in": `[{"type":"quit"}]`}, end: flow.EndStopped},
	{name: "performed inside", flow: `[{"type":"include","option":{"flow":"in","inside":true}},{"type":"say","option":{"text":"out ${n}"}}]`, flows: map[string]string{"in": `[{"type":"say","option":{"text":"in"}},{"type":"set","option":{"name":"n","value":"1"}}]`}, want: words("in", "out 1"), end: flow.EndFinished},
	{name: "an end inside of what is performed ends all", flow: `[{"type":"include","option":{"flow":"in","inside":true}},{"type":"say","option":{"text":"no"}}]`, flows: map[string]string{"in": `[{"type":"quit"}]`}, end: flow.EndStopped},
	{name: "too deep", flow: `[{"type":"include","option":{"flow":"in"}}]`, flows: map[string]string{"in": `[{"type":"include","option":{"flow":"in"}},{"type":"say","option":{"text":"x"}}]`}, end: flow.EndFailed},
	{name: "a failure is told and the flow goes on", flow: `[{"type":"fail"},{"type":"say","option":{"text":"on"}}]`, want: words("on"), end: flow.EndFinished},
	{name: "a panic ends the run", flow: `[{"type":"crash"},{"type":"say","option":{"text":"no"}}]`, end: flow.EndFailed},
	{name: "a loop without sound ends", flow: `[{"id":"a","type":"set"},{"type":"hop","option":{"to":"a"}}]`, end: flow.EndLoopLimit},
	{name: "a loop with sound that takes no time ends", flow: `[{"id":"a","type":"set"},{"type":"include","option":{"actions":[]}},{"type":"hop","option":{"to":"a"}}]`, end: flow.EndLoopLimit},
	{name: "finish by VoIPBIN's id", flow: `[{"type":"set","next_id":"00000000-0000-0000-0000-000000000002"},{"type":"say","option":{"text":"no"}}]`, end: flow.EndFinished},
	{name: "what goes on beside is waited for", flow: `[{"type":"beside"}]`, want: words("sent"), end: flow.EndFinished},
}

func TestEngine(t *testing.T) {
	for _, tt := range engineTests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &diary{flows: tt.flows, then: tt.then}
				run, _ := d.begin(t, tt.flow)
				run.Wait()
				if diff := cmp.Diff(tt.want, d.said); diff != "" {
					t.Errorf("-want +got\n%s", diff)
				}
				if a := run.State(); a.EndReason != tt.end || a.Status != "ended" {
					t.Errorf("%s %s (%s), want %s", a.Status, a.EndReason, a.EndMessage, tt.end)
				}
				if d.ended == "" {
					t.Error("the call was not hung up")
				}
				for name, value := range tt.vars {
					if got := run.Variable(name); got != value {
						t.Errorf("%s = %q, want %q", name, got, value)
					}
				}
			})
		})
	}
}

// TestHangup ends a run in the middle of an action, with the cause's reason.
func TestHangup(t *testing.T) {
	for cause, want := range map[error]string{
		flow.ErrHangup: flow.EndHangup, flow.ErrStopped: flow.EndStopped, flow.ErrRestart: flow.EndRestart,
		fmt.Errorf("caller: %w", flow.ErrHangup): flow.EndHangup,
	} {
		synctest.Test(t, func(t *testing.T) {
			d := &diary{}
			run, cancel := d.begin(t, `[{"type":"say","option":{"text":"a","long":100000}},{"type":"say","option":{"text":"b"}}]`)
			time.AfterFunc(time.Second, func() { cancel(cause) })
			began := time.Now()
			<-run.Done()
			if took := time.Since(began); took != time.Second {
				t.Errorf("%v: ended after %v", cause, took)
			}
			if a := run.State(); a.EndReason != want || len(d.said) != 1 {
				t.Errorf("%v: %s after %v, want %s", cause, a.EndReason, d.said, want)
			}
		})
	}
}

// TestStop ends a run from outside and hangs up.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		run, _ := d.begin(t, `[{"type":"say","option":{"text":"a","long":100000}}]`)
		synctest.Wait()
		run.Stop()
		run.Wait()
		if a := run.State(); a.EndReason != flow.EndStopped || d.ended != "normal" {
			t.Errorf("%s, hung up %q", a.EndReason, d.ended)
		}
	})
}

// TestOnComplete runs the flows that follow, without the call, and no more than
// the limit.
func TestOnComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{flows: map[string]string{
			"after": `[{"type":"shout","option":{"text":"needs a call"}},{"type":"say","option":{"text":"${n} ${activeflow.complete_count} ${activeflow.reference_activeflow_id}"}}]`,
		}, then: map[string]string{"after": "after"}}
		var followed []*flow.Run
		run, cancel := d.begin(t, `[{"type":"set","option":{"name":"n","value":"7"}},{"type":"say","option":{"text":"first","long":5000}}]`,
			func(_ *flow.Host, o *flow.Options) {
				o.OnCompleteFlowID = "after"
				o.Followed = func(r *flow.Run) { followed = append(followed, r) }
			})
		time.AfterFunc(time.Second, func() { cancel(flow.ErrHangup) })
		run.Wait()
		if len(followed) != flow.MaxCompletes-1 {
			t.Fatalf("%d runs followed", len(followed))
		}
		if len(d.said) != flow.MaxCompletes || d.said[1] != "7 1 r" || !strings.HasPrefix(d.said[4], "7 4 ") {
			t.Errorf("said %q", d.said)
		}
		a := followed[0].State()
		if a.ReferenceType != "call" || a.ReferenceID != "c1" || a.ReferenceActiveflowID != "r" || a.EndReason != flow.EndFinished {
			t.Errorf("%+v", a)
		}
	})
}

// TestJournal tells the steps in order, with the variables filled in.
func TestJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		run, _ := d.begin(t, `[{"id":"one","type":"say","option":{"text":"to ${call.source.target}"}},{"id":"two","type":"fail"}]`,
			func(_ *flow.Host, o *flow.Options) { o.WebhookURI, o.WebhookMethod = "http://x/", "PUT" })
		run.Wait()
		var told []string
		for _, e := range d.events {
			told = append(told, e.Type)
			if e.OrderKey != "c1" || e.CustomerID != "acme" || e.WebhookURI != "http://x/" || e.Webhook != "PUT" || e.ResourceID != "r" {
				t.Errorf("event %+v", e)
			}
		}
		want := words("activeflow_created", "activeflow_updated", "activeflow_updated", "activeflow_action_failed", "activeflow_ended")
		if diff := cmp.Diff(want, told); diff != "" {
			t.Error(diff)
		}
		if got := string(d.states[1].CurrentAction.Option); got != `{"text":"to +1"}` {
			t.Errorf("current action shows %s", got)
		}
		if raw := string(d.events[4].Data); !strings.Contains(raw, `"reason":"finished"`) || !strings.Contains(raw, `"id":"r"`) {
			t.Errorf("the end is told as %s", raw)
		}
		last := d.states[len(d.states)-1]
		if last.ExecuteCount != 2 || len(last.ExecutedActions) != 2 || last.TMEnd == nil || last.Variables["voipbin.call.id"] != "c1" {
			t.Errorf("%+v", last)
		}
	})
}

// TestLongLoop keeps the state small and the journal quiet in long loops.
func TestLongLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{}
		run, _ := d.begin(t, `[{"id":"a","type":"set"},{"type":"hop","option":{"to":"a"}}]`)
		run.Wait()
		a := run.State()
		if len(a.ExecutedActions) != 100 || a.ExecuteCount != flow.MaxIdleActions+1 {
			t.Errorf("%d shown of %d", len(a.ExecutedActions), a.ExecuteCount)
		}
		if len(d.states) > 300 {
			t.Errorf("%d states journalled", len(d.states))
		}
	})
}

// TestSoundResetsTheLimit lets a flow with sound in it run on.
func TestSoundResetsTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &diary{forget: true}
		run, _ := d.begin(t, `[{"id":"a","type":"say","option":{"text":"a"}},{"type":"hop","option":{"to":"a","times":6000}}]`)
		run.Wait()
		if a := run.State(); a.EndReason != flow.EndFinished || a.ExecuteCount != 12002 {
			t.Errorf("%s after %d", a.EndReason, a.ExecuteCount)
		}
	})
}
