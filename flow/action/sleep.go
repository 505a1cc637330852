package action

import (
	"context"
	"time"

	"offhook/flow"
)

// Sleep is the option of sleep.
type Sleep struct {
	Duration Milliseconds `json:"duration" required:"true" minimum:"0" maximum:"86400000" doc:"Milliseconds to wait"`
}

// Run implements flow.Option.
func (o *Sleep) Run(ctx context.Context, _ *flow.Run) (flow.Next, error) {
	timer := time.NewTimer(o.Duration.Duration())
	defer timer.Stop()
	select {
	case <-timer.C:
		return flow.Continue(), nil
	case <-ctx.Done():
		return flow.Continue(), context.Cause(ctx)
	}
}
