package resource

import "time"

// Flow is a list of actions that calls run.
type Flow struct {
	Identity
	Type             string   `json:"type" doc:"flow, conference, queue, campaign or transfer"`
	Name             string   `json:"name" doc:"For people"`
	Detail           string   `json:"detail" doc:"For people"`
	Actions          []Action `json:"actions" doc:"What to do, in order"`
	OnCompleteFlowID string   `json:"on_complete_flow_id" doc:"Runs its non-media actions when a run of this flow has ended"`
	WebhookURI       string   `json:"webhook_uri,omitempty" doc:"Gets the events of this flow's runs besides the customer's webhook"`
	WebhookMethod    string   `json:"webhook_method,omitempty" doc:"POST by default"`
}

// Activeflow is one execution of a flow.
type Activeflow struct {
	Identity
	FlowID                string            `json:"flow_id" doc:"The flow; empty when the actions came inline"`
	Status                string            `json:"status" doc:"running or ended"`
	ReferenceType         string            `json:"reference_type" doc:"call, api, campaign, recording, transcribe or ai"`
	ReferenceID           string            `json:"reference_id" doc:"What it runs on"`
	ReferenceActiveflowID string            `json:"reference_activeflow_id" doc:"The execution whose end started this one"`
	OnCompleteFlowID      string            `json:"on_complete_flow_id" doc:"Runs when this execution has ended"`
	WebhookURI            string            `json:"webhook_uri" doc:"Gets this execution's events besides the customer's webhook"`
	WebhookMethod         string            `json:"webhook_method" doc:"POST by default"`
	CurrentAction         *Action           `json:"current_action" doc:"Where it is"`
	ForwardActionID       string            `json:"forward_action_id" doc:"Where it jumps next"`
	ExecutedActions       []Action          `json:"executed_actions" doc:"What it did: the last 100 actions"`
	ExecuteCount          int               `json:"execute_count" doc:"How many actions it has run"`
	Variables             map[string]string `json:"variables,omitempty" doc:"Its variables"`
	EndReason             string            `json:"end_reason,omitempty" doc:"Why it ended: finished, hangup, stopped, loop_limit, failed, restart"`
	EndMessage            string            `json:"end_message,omitempty" doc:"The fault that ended it, for people"`
	TMEnd                 *time.Time        `json:"tm_end" doc:"When it ended"`
}
