package main

import (
	"context"
	"errors"
	"fmt"

	"offhook/api"
	"offhook/call"
	"offhook/call/callflow"
	"offhook/flow"
	"offhook/resource"
)

// live lets the API reach live calls: it implements api.Live.
type live struct {
	runner *callflow.Runner
	x      *call.Exchange
}

// refusal is an error with a status of the API's own.
type refusal struct {
	status, reason string
	err            error
}

// Error implements error.
func (r refusal) Error() string { return r.err.Error() }

// Unwrap gives the cause.
func (r refusal) Unwrap() error { return r.err }

// Refusal implements api.Refusal.
func (r refusal) Refusal() (status, reason string) { return r.status, r.reason }

// refused gives the exchange's errors the API's words.
func refused(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, call.ErrState):
		return refusal{"FAILED_PRECONDITION", "CALL_STATE_INVALID", err}
	case errors.Is(err, call.ErrSource):
		return refusal{"INVALID_ARGUMENT", "INVALID_SOURCE", err}
	case errors.Is(err, call.ErrFull):
		return refusal{"UNAVAILABLE", "SERVICE_UNAVAILABLE", err}
	}
	return err
}

// Host implements api.Live.
func (l live) Host(customerID, callID string) (flow.Host, bool) {
	return l.runner.Host(customerID, callID)
}

// Media implements api.Live.
func (l live) Media(customerID, callID string) *resource.CallMedia {
	c, ok := l.x.Find(customerID, callID)
	if !ok {
		return nil
	}
	return c.Snapshot().Media
}

// Dial implements api.Live.
func (l live) Dial(ctx context.Context, r api.CallRequest) ([]resource.Call, []resource.Groupcall, error) {
	o := l.runner.DialOptions(r.DialRequest)
	o.CallID = r.ID
	calls, groups, err := l.x.Dial(ctx, o)
	list := make([]resource.Call, 0, len(calls))
	for _, c := range calls {
		list = append(list, c.Snapshot())
	}
	return list, groups, refused(err)
}

// DialGroup implements api.Live.
func (l live) DialGroup(ctx context.Context, r api.GroupRequest) (resource.Groupcall, error) {
	o := l.runner.DialOptions(r.DialRequest)
	o.Group, o.GroupID, o.RingMethod = true, r.ID, r.RingMethod
	_, groups, err := l.x.Dial(ctx, o)
	if err != nil {
		return resource.Groupcall{}, refused(err)
	}
	return groups[0], nil
}

// HangupGroup implements api.Live.
func (l live) HangupGroup(customerID, id string) error {
	for _, c := range l.x.Calls() {
		row := c.Snapshot()
		if row.CustomerID == customerID && row.GroupcallID == id {
			c.Hangup(call.CauseOf(call.ReasonNormal))
		}
	}
	return nil
}

// find returns a live call, or the error that says it is over.
func (l live) find(customerID, id string) (*call.Call, error) {
	c, ok := l.x.Find(customerID, id)
	if !ok {
		return nil, refusal{"FAILED_PRECONDITION", "CALL_ALREADY_HANGUP", fmt.Errorf("call %s has ended", id)}
	}
	return c, nil
}

// Hold implements api.Live.
func (l live) Hold(customerID, callID string, on bool) error {
	c, err := l.find(customerID, callID)
	if err != nil {
		return err
	}
	return refused(c.Hold(on))
}

// StartActiveflow implements api.Live.
func (l live) StartActiveflow(ctx context.Context, r api.ActiveflowRequest) (resource.Activeflow, error) {
	return l.runner.Start(ctx, callflow.Detached{
		ID: r.ID, CustomerID: r.CustomerID, FlowID: r.FlowID, Actions: r.Actions, Variables: r.Variables,
		ReferenceType: "api", WebhookURI: r.WebhookURI, WebhookMethod: r.WebhookMethod,
	})
}

// StopActiveflow implements api.Live.
func (l live) StopActiveflow(customerID, id string) bool { return l.runner.Stop(customerID, id) }

// Transfer implements api.Live.
func (l live) Transfer(ctx context.Context, customerID string, r api.TransferRequest) (resource.Transfer, error) {
	c, err := l.find(customerID, r.CallID)
	if err != nil {
		return resource.Transfer{}, err
	}
	t, err := c.Transfer(ctx, call.TransferOptions{ID: r.ID, Blind: r.Type == "blind", Destinations: r.Destinations, Context: r.Context})
	return t, refused(err)
}

// TransferComplete implements api.Live.
func (l live) TransferComplete(ctx context.Context, customerID, id string) (resource.Transfer, error) {
	t, err := l.transfer(customerID, id)
	if err != nil {
		return resource.Transfer{}, err
	}
	return t.Complete(ctx)
}

// TransferCancel implements api.Live.
func (l live) TransferCancel(ctx context.Context, customerID, id string) (resource.Transfer, error) {
	t, err := l.transfer(customerID, id)
	if err != nil {
		return resource.Transfer{}, err
	}
	return t.Cancel(ctx)
}

func (l live) transfer(customerID, id string) (*call.Handover, error) {
	t, ok := l.x.FindTransfer(customerID, id)
	if !ok {
		return nil, refusal{"FAILED_PRECONDITION", "STATE_INVALID", fmt.Errorf("transfer %s is over", id)}
	}
	return t, nil
}

// registrations implements api.Registrations.
type registrations struct{ x *call.Exchange }

// Contacts implements api.Registrations.
func (r registrations) Contacts(e resource.Extension) []resource.Contact { return r.x.Registered(&e) }

// carriers implements api.Carriers.
type carriers struct{ x *call.Exchange }

// State implements api.Carriers.
func (c carriers) State(customerID, id string) (health, register string) {
	return c.x.CarrierState(customerID, id)
}
