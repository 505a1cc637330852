package flow

import (
	"context"
	"fmt"

	"offhook/resource"
)

// endedError is the cause with which a performed flow ends the run around it.
type endedError struct{ reason, message string }

func (e *endedError) Error() string { return "the flow ended: " + e.reason }

// Perform runs a flow of the customer's inside this run, with its variables and
// in the goroutine that calls it, and returns when its actions are through or
// ctx, which must descend from the one that the verb was given, has ended. It is
// for services that a verb waits for, such as a queue's wait flow; one at a time.
// Its jumps stay inside it; when one of its actions ends the flow, the whole run
// ends and so does ctx.
func (r *Run) Perform(ctx context.Context, flowID string) error {
	program, err := r.Document(ctx, flowID)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.performing++
	depth := r.performing
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.performing--
		r.mu.Unlock()
	}()
	reason, message := EndFailed, fmt.Sprintf("more than %d flows are performed inside each other", maxNesting)
	if depth <= maxNesting {
		reason, message = r.loop(ctx, &stack{frames: []frame{{program: program, origin: flowID}}})
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case reason == EndFinished:
		return nil
	}
	ended := &endedError{reason, message}
	r.cancel(ended)
	return ended
}

// Document finds one of the customer's flows and checks it, for a verb to push.
func (r *Run) Document(ctx context.Context, flowID string) (*Program, error) {
	program, _, err := r.lookup(ctx, flowID)
	return program, err
}

func (r *Run) lookup(ctx context.Context, flowID string) (*Program, *resource.Flow, error) {
	if r.host.Documents == nil {
		return nil, nil, &Failure{Reason: "not_available", Message: "this run has no flows to look up"}
	}
	f, err := r.host.Documents.Flow(ctx, r.options.CustomerID, flowID)
	if err != nil {
		return nil, nil, fmt.Errorf("flow %q: %w", flowID, err)
	}
	program, err := Parse(f.Actions, r.verbs)
	if err != nil {
		return nil, nil, fmt.Errorf("flow %q: %w", flowID, err)
	}
	return program, f, nil
}
