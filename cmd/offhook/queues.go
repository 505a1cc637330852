package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"offhook/call"
	"offhook/event"
	"offhook/flow"
	"offhook/queue"
	"offhook/resource"
	"offhook/speech"
	"offhook/store/rows"
)

// startQueues makes the queues of the last run known and lets them work until
// the server ends.
func (s *Server) startQueues(ctx context.Context) error {
	ledger := queue.StoreLedger{DB: s.db}
	if err := ledger.Recover(ctx); err != nil {
		return err
	}
	s.queues = queue.New(queue.Config{Switch: agentRinger{s.exchange}, Ledger: ledger, Logger: s.log, Seed: uint64(time.Now().UnixNano())})
	go s.queues.Run(s.live)
	s.db.OnCommit(s.callsAnswered)
	s.exchange.OnFeature(s.agentCode)
	s.exchange.OnRegistration(s.phoneChanged)
	s.exchange.OnTransferToQueue(func(c *call.Call, queueID string) bool { return s.queues.Transfer(c.CustomerID(), c.ID(), queueID) })
	return ledger.Load(ctx, s.queues)
}

// queuesChanged lets the queues heed a changed resource at once.
func (s *Server) queuesChanged(row any, deleted bool) {
	switch r := row.(type) {
	case *resource.Queue:
		if deleted {
			s.queues.DropQueue(r.CustomerID, r.ID)
		} else {
			s.queues.SetQueue(*r)
		}
	case *resource.Agent:
		if deleted {
			s.queues.DropAgent(r.CustomerID, r.ID)
		} else {
			s.queues.SetAgent(*r)
		}
	}
}

// queues implements api.Queues.
type queues struct{ s *Server }

// SetAgentStatus implements api.Queues.
func (q queues) SetAgentStatus(ctx context.Context, customerID, agentID, status string) (resource.Agent, error) {
	if err := q.s.queues.SetStatus(customerID, agentID, status); err != nil {
		return resource.Agent{}, unknownAs("AGENT_NOT_FOUND", err)
	}
	if err := q.s.db.Flush(ctx); err != nil {
		return resource.Agent{}, err
	}
	row, err := rows.Agents.Load(ctx, q.s.db, customerID, agentID)
	if err != nil {
		return resource.Agent{}, err
	}
	return *row, nil
}

// Kick implements api.Queues.
func (q queues) Kick(ctx context.Context, customerID, queuecallID string) error {
	if err := q.s.queues.Kick(ctx, customerID, queuecallID); err != nil {
		return err
	}
	return q.s.db.Flush(ctx)
}

// Stats implements api.Queues.
func (q queues) Stats(_ context.Context, customerID, queueID string) (any, error) {
	stats, err := q.s.queues.Stats(customerID, queueID)
	return stats, unknownAs("QUEUE_NOT_FOUND", err)
}

// superviseRing is how long a supervisor's phone rings.
const superviseRing = 25 * time.Second

// Supervise implements api.Supervisor.
func (q queues) Supervise(ctx context.Context, customerID, queuecallID, mode string, to resource.Address) (resource.Call, error) {
	x := q.s.exchange
	callerID, agentID, err := q.s.queues.Conversation(customerID, queuecallID)
	if err != nil {
		return resource.Call{}, unknownAs("QUEUECALL_NOT_FOUND", err)
	}
	if mode == "whisper" {
		callerID = agentID
	}
	party, up := x.Find(customerID, callerID)
	if !up {
		return resource.Call{}, refusal{"FAILED_PRECONDITION", "CALL_ALREADY_HANGUP", fmt.Errorf("call %s has ended", callerID)}
	}
	placed := make(chan *call.Call, 1)
	go func() {
		defer close(placed)
		ringing, cancel := context.WithCancel(q.s.live)
		defer cancel()
		defer context.AfterFunc(party.Context(), cancel)() // nobody is rung for what is over
		c, _ := x.Ring(ringing, call.RingOptions{
			CustomerID: customerID, Source: party.Snapshot().Source,
			Destinations: []resource.Address{to}, Timeout: superviseRing, Placed: func(c *call.Call) {
				select {
				case placed <- c:
				default: // another phone of the same supervisor
				}
			},
		})
		if c == nil {
			return
		}
		if err := c.Supervise(q.s.live, party, mode); err != nil {
			q.s.log.Info("not supervised: the conversation is over", "queuecall", queuecallID, "error", err)
		}
		c.Hangup(call.CauseOf(call.ReasonNormal))
	}()
	select {
	case c, ok := <-placed:
		if !ok {
			return resource.Call{}, refusal{"FAILED_PRECONDITION", "NO_ANSWER", fmt.Errorf("%s can't be called", to.Target)}
		}
		return c.Snapshot(), nil
	case <-ctx.Done():
		return resource.Call{}, context.Cause(ctx)
	}
}

// Place implements api.Placer.
func (q queues) Place(customerID, queuecallID string) int {
	return q.s.queues.Place(customerID, queuecallID)
}

// unknownAs gives a queue's error the API's words.
func unknownAs(reason string, err error) error {
	switch {
	case errors.Is(err, queue.ErrUnknown):
		return refusal{"NOT_FOUND", reason, err}
	case errors.Is(err, queue.ErrClosed):
		return refusal{"UNAVAILABLE", "SERVICE_UNAVAILABLE", err}
	}
	return err
}

// queuesOf is what a call can do with queues.
func (s *Server) queuesOf(c *call.Call) flow.Queues { return queueJoiner{s, c} }

// queueJoiner implements flow.Queues for a call.
type queueJoiner struct {
	s *Server
	c *call.Call
}

// JoinQueue implements flow.Queues.
func (j queueJoiner) JoinQueue(ctx context.Context, queueID string, run *flow.Run) (flow.QueueResult, error) {
	row, state := j.c.Snapshot(), run.State()
	party, dialled := row.Source, row.Destination
	if row.Direction == resource.DirectionOutgoing {
		party, dialled = dialled, party
	}
	return j.s.queues.Join(ctx, queue.Visitor{
		CustomerID: row.CustomerID, CallID: row.ID, ActiveflowID: run.ID(),
		WebhookURI: state.WebhookURI, WebhookMethod: state.WebhookMethod,
		Party: party, Dialled: dialled, Line: queueCaller{j.c, run},
	}, queueID)
}

// queueCaller implements queue.Caller on a call and the run that waits.
type queueCaller struct {
	c   *call.Call
	run *flow.Run
}

// leastPass is how long a pass through a wait flow takes at least: one that is
// over sooner has nothing to hear, and music is played instead.
const leastPass = 200 * time.Millisecond

// Wait implements queue.Caller.
func (q queueCaller) Wait(ctx context.Context, flowID string) {
	for flowID != "" {
		began := time.Now()
		err := q.run.Perform(ctx, flowID)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			q.run.Logger().Warn("wait flow failed; the caller hears music", "flow", flowID, "error", err)
		}
		if err != nil || time.Since(began) < leastPass {
			break
		}
	}
	if !q.c.HasMusic() { // the flow's own moh_start may have chosen another piece
		if err := q.c.MusicStart(""); err != nil {
			q.run.Logger().Warn("music while waiting", "error", err)
		}
		defer q.c.MusicStop()
	}
	<-ctx.Done()
}

// Keys implements queue.Caller.
func (q queueCaller) Keys() (<-chan byte, func()) {
	pressed, stop := q.c.WatchKeys()
	keys, over := make(chan byte), make(chan struct{})
	go func() {
		defer stop()
		for {
			select {
			case k := <-pressed:
				select {
				case keys <- k.Key:
				case <-over:
					return
				}
			case <-over:
				return
			}
		}
	}()
	return keys, sync.OnceFunc(func() { close(over) })
}

// Set implements queue.Caller.
func (q queueCaller) Set(name, value string) { q.run.SetVariable(name, value) }

// Talk implements queue.Caller.
func (q queueCaller) Talk(ctx context.Context, agent queue.Answered, record string) {
	defer recordInto(ctx, q.c, record)()
	if err := q.c.TalkWith(ctx, agent.(agentCall).c); err != nil && ctx.Err() == nil {
		q.run.Logger().Warn("caller and agent not joined", "error", err)
	}
}

// recordInto records a call by a queue's policy until the returned func is
// called.
func recordInto(ctx context.Context, c *call.Call, format string) (stop func()) {
	if format == "" {
		return func() {}
	}
	rec, err := c.RecordStart(ctx, call.RecordOptions{Format: format})
	if err != nil {
		return func() {}
	}
	return func() { c.RecordEnd(rec.ID) }
}

// agentCall implements queue.Answered.
type agentCall struct{ c *call.Call }

// ID implements queue.Answered.
func (a agentCall) ID() string { return a.c.ID() }

// Ended implements queue.Answered.
func (a agentCall) Ended() <-chan struct{} { return a.c.Ended() }

// Hangup implements queue.Answered.
func (a agentCall) Hangup() { a.c.Hangup(call.CauseOf(call.ReasonNormal)) }

// agentRinger implements queue.Switch.
type agentRinger struct{ x *call.Exchange }

// whisperLimit bounds how long an agent listens to a whisper.
const whisperLimit = 15 * time.Second

// Ring implements queue.Switch.
func (r agentRinger) Ring(ctx context.Context, o queue.Ring) queue.Answered {
	var caller *call.Call
	if o.CallID != "" {
		var up bool
		if caller, up = r.x.Find(o.CustomerID, o.CallID); !up {
			return nil
		}
	}
	c, _ := r.x.Ring(ctx, call.RingOptions{
		CustomerID: o.CustomerID, Source: o.Source, Timeout: o.Timeout, Linear: o.Agent.RingMethod == "linear", Master: caller,
		Destinations: []resource.Address{{Type: resource.TypeAgent, Target: o.Agent.ID}},
	})
	if c == nil {
		return nil
	}
	if o.Whisper != "" {
		whispered, cancel := context.WithTimeout(ctx, whisperLimit)
		stop := context.AfterFunc(c.Context(), cancel)
		// What can't be said is told by the event talk_failed; the call goes on.
		_ = c.Play(whispered, call.Prompt{Text: speech.Request{Text: o.Whisper}})
		stop()
		cancel()
	}
	if ctx.Err() != nil || c.Context().Err() != nil {
		c.Hangup(call.CauseOf(call.ReasonNormal))
		return nil
	}
	return agentCall{c}
}

// CallBack implements queue.Switch.
func (r agentRinger) CallBack(ctx context.Context, b queue.Callback) string {
	c := b.Agent.(agentCall).c
	stop := func() {}
	defer func() { stop() }()
	res, err := c.Connect(ctx, call.ConnectOptions{
		Source: &b.From, Destinations: []resource.Address{b.To}, RingTimeout: b.Timeout,
		Talking: func(person *call.Call) {
			b.Answered(person.ID())
			stop = recordInto(ctx, c, b.Record)
		},
	})
	switch {
	case res.Result == call.ConnectAnswered && err == nil:
		return ""
	case err != nil || c.Context().Err() != nil:
		return call.ReasonCancel
	}
	return cmp.Or(res.Cause.Reason, call.ReasonFailed)
}

// agentCodes are what agents dial on their phones to say whether they take
// calls. A number of the customer's with the same digits goes first.
var agentCodes = map[string]struct{ status, text string }{
	"*71": {queue.Available, "You are available."},
	"*72": {queue.Away, "You are away."},
	"*73": {queue.Offline, "You are logged out."},
}

// agentCode answers a phone that dials one of the codes: it is call's hook for
// features.
func (s *Server) agentCode(e *resource.Extension, dialled string) (call.Script, bool) {
	code, ok := agentCodes[dialled]
	if !ok {
		return call.Script{}, false
	}
	text := "This phone belongs to no agent."
	for _, a := range s.queues.Agents(e.CustomerID) {
		if !sitsAt(a, e) {
			continue
		}
		if err := s.queues.SetStatus(e.CustomerID, a.ID, code.status); err == nil {
			text = code.text
		}
	}
	option, err := json.Marshal(map[string]string{"text": text, "language": "en-US"})
	if err != nil {
		return call.Script{}, false
	}
	return call.Script{Actions: []resource.Action{{Type: "talk", Option: option}}}, true
}

// sitsAt reports whether an agent is reached at an extension.
func sitsAt(a resource.Agent, e *resource.Extension) bool {
	for _, address := range a.Addresses {
		if address.Type == resource.TypeExtension && (address.Target == e.ID || address.Target == e.Extension) {
			return true
		}
	}
	return false
}

// phoneChanged logs agents out whose last phone is gone, and lets those whose
// phone is back be what they were.
func (s *Server) phoneChanged(customerID, extensionID string, contacts int) {
	go func() { // the registrar must not wait
		e, err := rows.Extensions.Load(s.live, s.db, customerID, extensionID)
		if err != nil {
			return
		}
		for _, a := range s.queues.Agents(customerID) {
			switch {
			case !sitsAt(a, e):
			case contacts > 0:
				s.queues.PhoneBack(customerID, a.ID)
			default:
				s.logOutUnreachable(a)
			}
		}
	}()
}

// logOutUnreachable logs an agent out who can't be called at any address.
func (s *Server) logOutUnreachable(a resource.Agent) {
	if !s.reachable(a) && s.queues.PhoneLost(a.CustomerID, a.ID) {
		s.log.Info("agent logged out: its phone is not registered any more", "agent", a.ID)
	}
}

// resumeQueues goes on where the last process ended: agents whose registration
// lapsed meanwhile are logged out, and promised callbacks are taken up. Calls can
// be placed by now.
func (s *Server) resumeQueues(ctx context.Context) error {
	agents, err := rows.Agents.Everything(ctx, s.db)
	if err != nil {
		return err
	}
	for _, a := range agents {
		if a.Status != queue.Offline {
			s.logOutUnreachable(*a)
		}
	}
	return queue.StoreLedger{DB: s.db}.Resume(ctx, s.queues)
}

// reachable reports whether an agent can be called: at a phone that is
// registered, or at an address that needs none.
func (s *Server) reachable(a resource.Agent) bool {
	extensions, err := rows.All(s.live, s.db, rows.Extensions, a.CustomerID)
	if err != nil {
		return true
	}
	for _, address := range a.Addresses {
		if address.Type != resource.TypeExtension {
			return true
		}
	}
	for _, e := range extensions {
		if sitsAt(a, e) && len(s.exchange.Registered(e)) > 0 {
			return true
		}
	}
	return false
}

// callsAnswered lets the queues know of calls that agents are on. It is told of
// committed events.
func (s *Server) callsAnswered(events []resource.Event) {
	for _, e := range events {
		if e.Type != event.CallProgressing {
			continue
		}
		if c, up := s.exchange.Find(e.CustomerID, e.ResourceID); up {
			go s.engage(c)
		}
	}
}

// engage keeps the agent of a call from being rung until it is over.
func (s *Server) engage(c *call.Call) {
	row := c.Snapshot()
	who := row.Destination
	if row.Direction == resource.DirectionIncoming {
		who = row.Source
	}
	targets := []string{who.Target}
	if who.Type == resource.TypeExtension {
		for _, number := range []string{who.Target, who.TargetName} {
			list, err := rows.Extensions.Find(s.live, s.db, rows.KeyExtension, number)
			for _, e := range list {
				if err == nil && e.CustomerID == row.CustomerID {
					targets = append(targets, e.ID, e.Extension)
				}
			}
		}
	}
	s.queues.Engaged(row.CustomerID, row.ID, c.Ended(), targets...)
}
