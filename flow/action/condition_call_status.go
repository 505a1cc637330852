package action

import (
	"context"

	"offhook/flow"
)

// ConditionCallStatus is the option of condition_call_status.
type ConditionCallStatus struct {
	Status        string `json:"status" required:"true" enum:"dialing,ringing,progressing,terminating,canceling,hangup" doc:"The status that the call has to have"`
	FalseTargetID string `json:"false_target_id" target:"" doc:"The action to go to when it has another; empty: the next one"`
}

// Run implements flow.Option.
func (o *ConditionCallStatus) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	if r.Host().Call.Snapshot().Status == o.Status {
		return flow.Continue(), nil
	}
	return flow.Jump(o.FalseTargetID), nil
}
