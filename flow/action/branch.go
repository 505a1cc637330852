package action

import (
	"context"
	"strings"

	"offhook/flow"
)

// Branch is the option of branch.
type Branch struct {
	Variable      flow.VariableName `json:"variable" default:"voipbin.call.digits" doc:"Name of the variable to look at; it is cleared"`
	TargetIDs     map[string]string `json:"target_ids" target:"" doc:"The action to go to for each value"`
	DefaultTarget string            `json:"default_target_id" target:"" doc:"The action to go to for any other value; empty: the next one"`
}

// Run implements flow.Option.
func (o *Branch) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	name := bare(o.Variable)
	value := r.Variable(name)
	r.ClearVariable(name)
	if target, ok := o.TargetIDs[value]; ok {
		return flow.Jump(target), nil
	}
	return flow.Jump(o.DefaultTarget), nil
}

// bare returns the name of a variable that was written as ${name}, {{name}} or
// just name.
func bare(v flow.VariableName) string {
	name := strings.TrimSpace(string(v))
	if inner, ok := strings.CutPrefix(name, "${"); ok {
		name = strings.TrimSuffix(inner, "}")
	} else if inner, ok := strings.CutPrefix(name, "{{"); ok {
		name = strings.TrimSuffix(inner, "}}")
	}
	return strings.TrimSpace(name)
}
