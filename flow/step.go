package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"offhook/resource"
)

// loop steps a stack to its end and says why it ended.
func (r *Run) loop(ctx context.Context, st *stack) (reason, message string) {
	for {
		if ctx.Err() != nil {
			return r.endOf(context.Cause(ctx))
		}
		a := st.next()
		if a == nil {
			return EndFinished, ""
		}
		if idle := r.enter(a); idle > MaxIdleActions {
			return EndLoopLimit, fmt.Sprintf("%d actions ran without any audio or wait between them; the last was %q (%s)", MaxIdleActions, a.ID, a.Type)
		}
		next, err := r.step(ctx, a, st)
		if ctx.Err() != nil && next.kind != finish {
			return r.endOf(context.Cause(ctx))
		}
		var panicked *panicError
		if errors.As(err, &panicked) {
			return EndFailed, fmt.Sprintf("action %q (%s): %v", a.ID, a.Type, err)
		}
		if err != nil {
			r.failed(a, err)
		}
		if reason, message := r.turn(a, next, st); reason != "" {
			return reason, message
		}
	}
}

// endOf translates a cause into an end.
func (r *Run) endOf(cause error) (reason, message string) {
	var ended *endedError
	switch {
	case errors.As(cause, &ended):
		return ended.reason, ended.message
	case errors.Is(cause, ErrStopped):
		return EndStopped, ""
	case errors.Is(cause, ErrRestart):
		return EndRestart, ""
	case r.host.Call != nil:
		return EndHangup, ""
	}
	return EndStopped, cause.Error()
}

// turn goes where an action says, and returns a reason when that is the end.
func (r *Run) turn(a *action, next Next, st *stack) (reason, message string) {
	switch next.kind {
	case finish:
		return next.reason, ""
	case jump:
		if st.jump(next.target) {
			return "", ""
		}
		r.failed(a, &Failure{Reason: "unknown_target", Message: fmt.Sprintf("no action has the id %q", next.target)})
	case push:
		if a.NextID != "" {
			st.jump(a.NextID)
		}
		if !st.push(next.push, next.origin) {
			return EndFailed, fmt.Sprintf("action %q (%s): more than %d lists of actions are nested", a.ID, a.Type, maxNesting)
		}
		return "", ""
	}
	if a.NextID != "" {
		st.jump(a.NextID)
	}
	return "", ""
}

// step runs one action.
func (r *Run) step(ctx context.Context, a *action, st *stack) (next Next, err error) {
	defer r.guard(a.Type, &err)
	option, err := r.ready(ctx, a)
	if err != nil {
		return Next{}, err
	}
	began := time.Now()
	next, err = option.Run(context.WithValue(ctx, stepKey{}, &present{action: a, stack: st}), r)
	if err == nil && a.verb.Blocks && time.Since(began) >= leastWait {
		r.mu.Lock()
		r.idle = 0
		r.mu.Unlock()
	}
	return next, err
}

// ready returns an action's option when the call is as the action needs it, which
// is answered if need be.
func (r *Run) ready(ctx context.Context, a *action) (Option, error) {
	if a.verb.Needs >= NeedsCall && r.host.Call == nil {
		return nil, &Failure{Reason: "no_call", Message: fmt.Sprintf("%s needs a call, and this run has none", a.Type)}
	}
	option, err := r.option(a)
	if err != nil {
		return nil, err
	}
	if early, ok := option.(EarlyMedia); a.verb.Needs == NeedsAnswer && !(ok && early.Early()) {
		if err := r.host.Call.Answer(ctx); err != nil {
			return nil, fmt.Errorf("answer: %w", err)
		}
	}
	return option, nil
}

// option returns an action's option with its variables filled in.
func (r *Run) option(a *action) (Option, error) {
	if a.option != nil {
		return a.option, nil
	}
	d := &decoding{verbs: r.verbs, value: r.fill, faults: &Faults{}, open: map[string]bool{}}
	option := d.option(a, "option")
	if err := d.faults.err(); err != nil {
		return nil, &Failure{Reason: "option_invalid", Message: err.Error()}
	}
	return option, nil
}

// stepKey finds the present action in a verb's context.
type stepKey struct{}

type present struct {
	action *action
	stack  *stack
}

// ActionID returns the id of the action that ctx, as Option.Run was given it,
// belongs to. It tells actions of different documents apart.
func ActionID(ctx context.Context) string {
	p, ok := ctx.Value(stepKey{}).(*present)
	if !ok {
		return ""
	}
	return p.stack.origin() + "/" + p.action.ID
}

// ParseNested checks actions that a verb is about to push: their targets may
// also be actions of the lists that are being run.
func (r *Run) ParseNested(ctx context.Context, actions []resource.Action) (*Program, error) {
	p := r.nested(ctx)
	program := p.program(actions, "actions")
	if err := p.faults.err(); err != nil {
		return nil, err
	}
	return program, nil
}

// ParseNestedJSON is ParseNested for text.
func (r *Run) ParseNestedJSON(ctx context.Context, raw []byte) (*Program, error) {
	return parseJSON(raw, r.nested(ctx))
}

func (r *Run) nested(ctx context.Context) *parser {
	p := &parser{verbs: r.verbs, faults: &Faults{}}
	if now, ok := ctx.Value(stepKey{}).(*present); ok {
		p.outside = now.stack.knows
	}
	return p
}

// panicError is a panic of a verb. It ends the run, not the process.
type panicError struct{ value any }

func (p *panicError) Error() string { return fmt.Sprintf("internal fault: %v", p.value) }

// guard turns a panic into an error, once the log has its stack.
func (r *Run) guard(what string, err *error) {
	v := recover()
	if v == nil {
		return
	}
	r.log.Error("panic in a flow", "in", what, "panic", v, "stack", string(debug.Stack()))
	if err != nil {
		*err = &panicError{value: v}
	}
}
