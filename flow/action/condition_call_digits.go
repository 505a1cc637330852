package action

import (
	"context"
	"strings"

	"offhook/flow"
)

// ConditionCallDigits is the option of condition_call_digits.
type ConditionCallDigits struct {
	Length        int    `json:"length" minimum:"0" doc:"True when at least so many digits were collected; 0: not looked at"`
	Key           string `json:"key" doc:"True when this is among the digits; empty: not looked at"`
	FalseTargetID string `json:"false_target_id" target:"" doc:"The action to go to when neither is true; empty: the next one"`
}

// Run implements flow.Option.
func (o *ConditionCallDigits) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	digits := r.Variable(flow.DigitsVariable)
	enough := o.Length > 0 && len(digits) >= o.Length
	found := o.Key != "" && strings.Contains(digits, o.Key)
	if enough || found {
		return flow.Continue(), nil
	}
	return flow.Jump(o.FalseTargetID), nil
}
