package main

import (
	"context"
	"errors"
	"time"

	"offhook/call"
	"offhook/call/callflow"
	"offhook/campaign"
	"offhook/queue"
	"offhook/resource"
)

// makeDialer makes the dialer, in which no campaign runs until it is started.
func (s *Server) makeDialer(context.Context) error {
	s.dialer = campaign.New(campaign.Config{DB: s.db, Line: outboundLine{s}, Logger: s.log})
	s.exchange.OnStray(s.dialer.Stray)
	return nil
}

// campaigns implements api.Campaigns.
type campaigns struct{ d *campaign.Dialer }

// SetStatus implements api.Campaigns.
func (c campaigns) SetStatus(ctx context.Context, customerID, id, status string) (resource.Campaign, error) {
	row, err := c.d.SetStatus(ctx, customerID, id, status)
	if errors.Is(err, campaign.ErrClosed) {
		err = refusal{"UNAVAILABLE", "SERVICE_UNAVAILABLE", err}
	}
	return row, err
}

// Stats implements api.Campaigns.
func (c campaigns) Stats(ctx context.Context, customerID, id string) (any, error) {
	return c.d.Stats(ctx, customerID, id)
}

// DryRun implements api.Campaigns.
func (c campaigns) DryRun(ctx context.Context, customerID, id string) (any, error) {
	return c.d.DryRun(ctx, customerID, id)
}

// outboundLine places the calls of campaigns: it implements campaign.Line.
type outboundLine struct{ s *Server }

// Place implements campaign.Line.
func (l outboundLine) Place(ctx context.Context, a campaign.Attempt, heard func(campaign.Signal)) ([]string, error) {
	if a.Flow {
		_, err := l.s.runner.Start(ctx, callflow.Detached{
			ID: a.ReferenceID, CustomerID: a.CustomerID, FlowID: a.FlowID, Actions: a.Actions, Variables: a.Variables,
			ReferenceType: "campaign", ReferenceID: a.Variables["voipbin.campaigncall.id"],
		})
		return nil, err
	}
	o := call.DialOptions{
		CustomerID: a.CustomerID, Source: a.Source, Destinations: []resource.Address{a.Destination}, RingTimeout: a.RingTimeout,
		Script: call.Script{FlowID: a.FlowID, Actions: a.Actions, Variables: a.Variables}, Durable: true,
	}
	switch a.Destination.Type {
	case resource.TypeExtension, resource.TypeAgent:
		o.Group, o.GroupID = true, a.ReferenceID
	default:
		o.CallID = a.ReferenceID
	}
	calls, _, err := l.s.exchange.Dial(ctx, o)
	switch {
	case errors.Is(err, call.ErrFull):
		return nil, campaign.ErrBusy
	case err != nil:
		return nil, err
	}
	ids := make([]string, len(calls))
	for i, c := range calls {
		ids[i] = c.ID()
	}
	go l.follow(calls, heard)
	return ids, nil
}

// follow tells what becomes of the calls to one destination, of which at most
// one is answered.
func (l outboundLine) follow(calls []*call.Call, heard func(campaign.Signal)) {
	over := make(chan struct{})
	up := make(chan *call.Call, len(calls))
	for _, c := range calls {
		go func() {
			select {
			case <-c.AnsweredSignal():
				up <- c
			case <-over:
			}
		}()
	}
	go func() {
		defer close(over)
		for _, c := range calls {
			<-c.Done()
		}
	}()
	end := campaign.Signal{Ended: true, HangupReason: call.ReasonFailed}
	if len(calls) > 0 {
		end.HangupReason = ""
	}
	var last resource.Call
	select {
	case c := <-up:
		heard(campaign.Signal{ActiveflowID: c.Snapshot().ActiveflowID})
		<-over
		last = c.Snapshot()
	case <-over:
		last = lastOf(calls)
	}
	if last.ID != "" {
		end.HangupReason, end.ActiveflowID, end.Answered = last.HangupReason, last.ActiveflowID, last.TMProgressing != nil
	}
	// What the call told goes before its end. A store that is closed has told
	// all that it will.
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	_ = l.s.db.Flush(ctx)
	heard(end)
}

// flushTime bounds the wait for the events of a call.
const flushTime = 10 * time.Second

// lastOf is the call that says most: one that was answered, else any.
func lastOf(calls []*call.Call) resource.Call {
	var last resource.Call
	for _, c := range calls {
		row := c.Snapshot()
		if last.ID == "" || row.TMProgressing != nil {
			last = row
		}
	}
	return last
}

// Staff implements campaign.Line.
func (l outboundLine) Staff(customerID, queueID string) campaign.Agents {
	stats, err := l.s.queues.Stats(customerID, queueID)
	if err != nil {
		return campaign.Agents{}
	}
	return campaign.Agents{
		Free: stats.Agents[queue.Available] - stats.Waiting, Ringing: stats.Agents[queue.Ringing], Busy: stats.Agents[queue.Busy],
	}
}
