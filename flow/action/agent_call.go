package action

import (
	"context"

	"offhook/flow"
	"offhook/resource"
)

// AgentCall is the option of agent_call.
type AgentCall struct {
	AgentID string `json:"agent_id" required:"true" doc:"The agent to connect the caller with"`
}

// Run implements flow.Option.
func (o *AgentCall) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	connect := Connect{
		Destinations: []resource.Address{{Type: resource.TypeAgent, Target: o.AgentID}},
		RingTimeout:  defaultRing,
	}
	return connect.Run(ctx, r)
}
