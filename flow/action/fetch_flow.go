package action

import (
	"context"

	"offhook/flow"
)

// FetchFlow is the option of fetch_flow.
type FetchFlow struct {
	FlowID string `json:"flow_id" required:"true" doc:"The flow whose actions run now"`
}

// Run implements flow.Option.
func (o *FetchFlow) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	program, err := r.Document(ctx, o.FlowID)
	if err != nil {
		return flow.Continue(), err
	}
	return flow.Push(program, o.FlowID), nil
}
