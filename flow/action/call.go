package action

import (
	"context"
	"maps"
	"strings"

	"offhook/flow"
	"offhook/resource"
)

// Call is the option of call.
type Call struct {
	Source         resource.Address   `json:"source" doc:"Who calls"`
	Destinations   []resource.Address `json:"destinations" required:"true" doc:"Who to call; each gets a call of its own"`
	FlowID         string             `json:"flow_id" doc:"The flow that the new calls run"`
	Actions        []resource.Action  `json:"actions" doc:"Instead of flow_id. Variables in them are filled in by this run where it knows them, and else by the new call's"`
	Chained        bool               `json:"chained" doc:"End the new calls when this one ends"`
	EarlyExecution bool               `json:"early_execution" doc:"The new calls run their flow while they ring"`
	Anonymous      string             `json:"anonymous" enum:"yes,no,auto," doc:"Hide the number of source"`
	Variables      map[string]string  `json:"variables" doc:"Variables of the new calls' runs besides this run's own"`
}

// Validate implements flow.Validator.
func (o *Call) Validate(c *flow.Check) {
	checkDestinations(c, o.Destinations)
	if o.FlowID == "" && len(o.Actions) == 0 {
		c.Missing("flow_id", "give flow_id or actions: what the new calls do")
	}
}

// Run implements flow.Option.
func (o *Call) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	dialer, err := need(r.Host().Dialer, "dialling")
	if err != nil {
		return flow.Continue(), err
	}
	request := flow.DialRequest{
		CustomerID: r.CustomerID(), Source: o.Source, Destinations: o.Destinations, FlowID: o.FlowID,
		EarlyExecution: o.EarlyExecution, Anonymous: o.Anonymous, Variables: o.inherited(r),
	}
	if o.FlowID == "" {
		request.Actions = o.Actions
	}
	if call := r.Host().Call; call != nil {
		snapshot := call.Snapshot()
		if o.Chained {
			request.MasterCallID = snapshot.ID
		}
		if o.Source.Target == "" {
			request.Source = snapshot.Destination
		}
	}
	_, _, err = dialer.Dial(ctx, request)
	return flow.Continue(), err
}

// inherited returns the variables of the new calls: those of this run that are
// not the server's, and the option's.
func (o *Call) inherited(r *flow.Run) map[string]string {
	vars := r.Variables()
	maps.DeleteFunc(vars, func(name, _ string) bool { return strings.HasPrefix(strings.ToLower(name), "voipbin.") })
	maps.Copy(vars, o.Variables)
	return vars
}
