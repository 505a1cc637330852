package action

import (
	"context"

	"offhook/flow"
)

// Mute is the option of mute.
type Mute struct {
	Direction string `json:"direction" default:"both" enum:"in,out,both,none," doc:"in: nobody hears the party, out: the party hears nothing, both, or none to end it"`
}

// Run implements flow.Option.
func (o *Mute) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	switch o.Direction {
	case "none":
		r.Host().Call.Mute("")
	case "":
		r.Host().Call.Mute("both")
	default:
		r.Host().Call.Mute(o.Direction)
	}
	return flow.Continue(), nil
}
