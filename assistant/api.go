package assistant

import (
	"context"
	"fmt"

	"offhook/call"
	"offhook/resource"
)

// Request is a conversation that the API asks for.
type Request struct {
	ID        string // "": made here
	AIID      string
	Parameter map[string]any // on top of the assistant's own
}

// spec is who the assistant of a request is.
func (s *Service) spec(ctx context.Context, customerID string, r Request) (Spec, error) {
	ai, err := s.assistantOf(ctx, customerID, r.AIID)
	if err != nil {
		return Spec{}, err
	}
	spec := specOf(ai, func(text string) string { return text })
	spec.AIID = r.AIID
	if len(r.Parameter) > 0 {
		merged := map[string]any{}
		for _, p := range []map[string]any{spec.Parameter, r.Parameter} {
			for name, value := range p {
				merged[name] = value
			}
		}
		spec.Parameter = merged
	}
	return spec, nil
}

// Join lets an assistant talk with the party of a live call, and returns at
// once. Actions that it asks for, such as joining a queue, are given to then,
// which may block until they are done.
func (s *Service) Join(ctx context.Context, c *call.Call, r Request, then func([]resource.Action)) (resource.Aicall, error) {
	spec, err := s.spec(ctx, c.CustomerID(), r)
	if err != nil {
		return resource.Aicall{}, err
	}
	if message := s.missing(&spec, true); message != "" {
		return resource.Aicall{}, fmt.Errorf("%w: %s", ErrNotConfigured, message)
	}
	if err := c.Answer(ctx); err != nil {
		return resource.Aicall{}, err
	}
	started := make(chan resource.Aicall, 1)
	s.work.Go(func() {
		e := s.converse(c.Context(), c, conversing{id: r.ID, spec: spec, started: started})
		if len(e.next) > 0 {
			then(e.next)
		}
	})
	return <-started, nil
}
