package action

import (
	"context"
	"strings"

	"offhook/flow"
)

// VariableSet is the option of variable_set.
type VariableSet struct {
	Key   string `json:"key" required:"true" doc:"Name of the variable"`
	Value string `json:"value" doc:"Its value; may hold other variables"`
}

// Validate implements flow.Validator.
func (o *VariableSet) Validate(c *flow.Check) {
	if strings.ContainsAny(o.Key, "{}$") {
		c.Fault("key", "is the bare name of a variable, without ${}")
	}
	if len(o.Key) > flow.MaxName {
		c.Fault("key", "at most %d bytes, not %d", flow.MaxName, len(o.Key))
	}
}

// Run implements flow.Option.
func (o *VariableSet) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	r.SetVariable(o.Key, o.Value)
	return flow.Continue(), nil
}
