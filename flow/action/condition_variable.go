package action

import (
	"context"
	"strconv"
	"strings"
	"unicode/utf8"

	"offhook/flow"
)

// ConditionVariable is the option of condition_variable.
type ConditionVariable struct {
	Condition     string            `json:"condition" default:"==" enum:"==,!=,>,>=,<,<=,equal,not_equal,greater,greater_equal,less,less_equal," doc:"How the variable is compared with the value: variable condition value"`
	Variable      flow.VariableName `json:"variable" required:"true" doc:"Name of the variable, or text with variables such as ${tier}"`
	ValueType     string            `json:"value_type" default:"string" enum:"string,number,length," doc:"What to compare: the text, the number that it is, or the length of the text"`
	ValueString   string            `json:"value_string" doc:"For string; texts are compared letter by letter"`
	ValueNumber   float64           `json:"value_number" doc:"For number; a text that is no number makes the condition false"`
	ValueLength   int               `json:"value_length" doc:"For length"`
	FalseTargetID string            `json:"false_target_id" target:"" doc:"The action to go to when the condition is false; empty: the next one"`
}

// Run implements flow.Option.
func (o *ConditionVariable) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	if o.true(r.Value(o.Variable)) {
		return flow.Continue(), nil
	}
	return flow.Jump(o.FalseTargetID), nil
}

func (o *ConditionVariable) true(value string) bool {
	switch o.ValueType {
	case "number":
		number, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		return err == nil && holds(number, o.Condition, o.ValueNumber)
	case "length":
		return holds(utf8.RuneCountInString(value), o.Condition, o.ValueLength)
	}
	return holds(value, o.Condition, o.ValueString)
}
