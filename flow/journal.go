package flow

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"offhook/resource"
)

// quietAfter is how many actions in a row without audio or wait are journalled
// one by one; of those that follow, one in so many is.
const quietAfter = 100

// State returns the run as users see it.
func (r *Run) State() resource.Activeflow {
	vars := r.vars.snapshot()
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.state
	a.Variables = vars
	a.ExecutedActions = slices.Clone(a.ExecutedActions[max(0, len(a.ExecutedActions)-maxExecuted):])
	return a
}

// enter makes a the current action and returns how many in a row took no time.
func (r *Run) enter(a *action) int {
	shown := a.Action
	if a.option == nil && a.tree != nil {
		shown.Option = a.tree.appendJSON(nil, r.Substitute)
	}
	r.mu.Lock()
	r.idle++
	idle := r.idle
	r.state.CurrentAction, r.state.ForwardActionID = &shown, ""
	r.state.ExecuteCount++
	r.state.TMUpdate = resource.Now()
	if n := len(r.state.ExecutedActions); n >= 2*maxExecuted { // State shows the last ones
		r.state.ExecutedActions = slices.Delete(r.state.ExecutedActions, 0, n-maxExecuted)
	}
	r.state.ExecutedActions = append(r.state.ExecutedActions, shown)
	r.mu.Unlock()
	if idle <= quietAfter || idle%quietAfter == 0 {
		r.journal("activeflow_updated")
	}
	return idle
}

// journal tells what the run has become.
func (r *Run) journal(event string) {
	if r.host.Journal == nil {
		return
	}
	state := r.State()
	r.host.Journal.Changed(state)
	r.Emit(event, "activeflow", state.ID, told{Activeflow: state, Reason: state.EndReason})
}

// told is the data of the events of a run: the run, and its end once more under
// the name that clients know.
type told struct {
	resource.Activeflow
	Reason string `json:"reason,omitempty"`
}

// Emit publishes an event of the run. Data must be something that JSON can hold.
func (r *Run) Emit(event, kind, id string, data any) {
	if r.host.Journal == nil {
		return
	}
	raw, err := json.Marshal(data)
	if err != nil {
		r.log.Error("event lost", "event", event, "error", err)
		return
	}
	order := r.options.ID
	if r.options.ReferenceType == "call" {
		order = r.options.ReferenceID
	}
	r.host.Journal.Emit(resource.Event{
		CustomerID: r.options.CustomerID, Type: event, Resource: kind, ResourceID: id, OrderKey: order,
		WebhookURI: r.options.WebhookURI, Webhook: r.options.WebhookMethod, Time: time.Now().UTC(), Data: raw,
	})
}

// actionFailed is the data of the event activeflow_action_failed.
type actionFailed struct {
	ActiveflowID  string `json:"activeflow_id"`
	CustomerID    string `json:"customer_id"`
	ReferenceType string `json:"reference_type"`
	ReferenceID   string `json:"reference_id"`
	ActionID      string `json:"action_id"`
	ActionType    string `json:"action_type"`
	Reason        string `json:"reason"`
	Message       string `json:"message"`
}

// failed tells that an action could not do what it should; the flow goes on.
func (r *Run) failed(a *action, err error) {
	reason := "failed"
	var f *Failure
	if errors.As(err, &f) {
		reason = f.Reason
	}
	r.log.Warn("action failed", "action", a.ID, "type", a.Type, "reason", reason, "error", err)
	r.Emit("activeflow_action_failed", "activeflow", r.options.ID, actionFailed{
		ActiveflowID: r.options.ID, CustomerID: r.options.CustomerID,
		ReferenceType: r.options.ReferenceType, ReferenceID: r.options.ReferenceID,
		ActionID: a.ID, ActionType: a.Type, Reason: reason, Message: err.Error(),
	})
}
