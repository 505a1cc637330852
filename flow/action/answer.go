package action

import (
	"context"

	"offhook/flow"
)

// Answer is the option of answer, which has none.
type Answer struct{}

// Run implements flow.Option.
func (*Answer) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	return flow.Continue(), r.Host().Call.Answer(ctx)
}
