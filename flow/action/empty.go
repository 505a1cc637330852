package action

import (
	"context"

	"offhook/flow"
)

// Empty is the option of empty, which has none.
type Empty struct{}

// Run implements flow.Option.
func (*Empty) Run(context.Context, *flow.Run) (flow.Next, error) { return flow.Continue(), nil }
