package action

import (
	"context"

	"offhook/flow"
)

// Echo is the option of echo and stream_echo.
type Echo struct {
	Duration Milliseconds `json:"duration" default:"180000" minimum:"0" maximum:"86400000" doc:"Milliseconds"`
}

// Run implements flow.Option.
func (o *Echo) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	player, err := need(r.Host().Player, "echo")
	if err != nil {
		return flow.Continue(), err
	}
	return flow.Continue(), player.Echo(ctx, o.Duration.Duration())
}
