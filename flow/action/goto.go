package action

import (
	"context"

	"offhook/flow"
)

// Goto is the option of goto.
type Goto struct {
	TargetID  string `json:"target_id" required:"true" target:"" doc:"The action to go to"`
	LoopCount *int   `json:"loop_count" minimum:"-1" doc:"How many times to jump in a run before going on with the next action; -1: for ever"`
}

// Validate implements flow.Validator.
func (o *Goto) Validate(c *flow.Check) {
	if o.LoopCount == nil {
		c.Missing("loop_count", "is required: how many times to jump, or -1 for ever")
	}
}

// Run implements flow.Option.
func (o *Goto) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	if o.LoopCount == nil || !r.Count(flow.ActionID(ctx), *o.LoopCount) {
		return flow.Continue(), nil
	}
	return flow.Jump(o.TargetID), nil
}
