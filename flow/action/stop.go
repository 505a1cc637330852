package action

import (
	"context"

	"offhook/flow"
)

// Stop is the option of stop, which has none.
type Stop struct{}

// Run implements flow.Option.
func (*Stop) Run(context.Context, *flow.Run) (flow.Next, error) {
	return flow.Finish(flow.EndStopped), nil
}
