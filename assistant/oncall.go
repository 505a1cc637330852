package assistant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"offhook/assistant/llm"
	"offhook/call"
	"offhook/flow"
	"offhook/flow/action"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// onCall implements flow.Assistant for one call, or for none.
type onCall struct {
	s *Service
	c *call.Call // nil: none
}

// Assist implements flow.Assistant.
func (a onCall) Assist(ctx context.Context, r flow.AssistRequest, run *flow.Run) (string, []resource.Action, error) {
	switch {
	case r.Verb == "ai_talk" && a.c != nil:
		return a.talk(ctx, r, run)
	case r.Verb == "ai_task":
		return a.s.task(ctx, a.c, r, run)
	case r.Verb == "ai_summary":
		return a.s.summary(ctx, a.c, r, run)
	}
	return "", nil, fmt.Errorf("assistant: %s can't be done here", r.Verb)
}

// talk performs ai_talk.
func (a onCall) talk(ctx context.Context, r flow.AssistRequest, run *flow.Run) (string, []resource.Action, error) {
	var o action.AITalk
	if err := json.Unmarshal(r.Option, &o); err != nil {
		return "", nil, fmt.Errorf("ai_talk: %w", err)
	}
	ai, err := a.s.assistantOf(ctx, a.c.CustomerID(), r.AIID)
	if err != nil {
		return "", nil, err
	}
	spec := specOf(ai, run.Substitute)
	spec.apply(&o, run.Substitute)
	spec.AIID = r.AIID
	if err := a.c.Answer(ctx); err != nil {
		return "", nil, err
	}
	e := a.s.converse(ctx, a.c, conversing{spec: spec, run: run, duration: r.Duration, unknown: ai == nil && o.Prompt == ""})
	run.SetVariable("voipbin.aicall.id", e.aicallID)
	return e.result, e.next, context.Cause(ctx)
}

// assistantOf loads an assistant; nil when there is none of that id.
func (s *Service) assistantOf(ctx context.Context, customerID, id string) (*resource.AI, error) {
	if id == "" {
		return nil, nil
	}
	ai, err := rows.AIs.Load(ctx, s.cfg.DB, customerID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("assistant %q: %w", id, err)
	}
	return ai, nil
}

// apply adds what an action says on top of its assistant.
func (s *Spec) apply(o *action.AITalk, fill func(string) string) {
	if o.Prompt != "" {
		if s.Prompt != "" {
			s.Prompt += "\n\n"
		}
		s.Prompt += fill(o.Prompt)
	}
	for _, f := range []struct {
		field *string
		value string
	}{{&s.Greeting, fill(o.Greeting)}, {&s.Filler, fill(o.Filler)}, {&s.Language, o.Language}, {&s.Voice, o.Voice}} {
		if f.value != "" {
			*f.field = f.value
		}
	}
	s.Tools = append(s.Tools[:len(s.Tools):len(s.Tools)], o.Tools...)
	s.EndCallPhrases = append(s.EndCallPhrases[:len(s.EndCallPhrases):len(s.EndCallPhrases)], o.EndCallPhrases...)
}

// conversing is a conversation to have.
type conversing struct {
	id       string // "": made here
	spec     Spec
	run      *flow.Run // nil: started through the API
	duration time.Duration
	unknown  bool                   // there is no such assistant
	started  chan<- resource.Aicall // gets the row once it is there; may be nil
}

// finale is how a conversation went.
type finale struct {
	ending
	aicallID string
}

// converse talks with a call's party until that is over.
func (s *Service) converse(ctx context.Context, c *call.Call, o conversing) finale {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	n := s.open(o, c.Snapshot(), cancel, c.Emit)
	if o.started != nil {
		o.started <- n.snapshot()
	}
	defer close(n.over)
	defer s.forget(n)
	e := s.refuse(&o, true)
	if e == nil {
		n.become("progressing", "aicall_status_progressing")
		if o.duration > 0 {
			defer time.AfterFunc(o.duration, func() { cancel(errDuration) }).Stop()
		}
		t := s.newTalk(n, o, c.Snapshot())
		if l := s.connected(key{c.CustomerID(), c.ID()}); l != nil {
			t.use(l)
			defer l.close()
		}
		e = endingOf(t.converse(ctx, c))
		c.ForgetKeys()
	}
	n.finish(e)
	return finale{*e, n.row.ID}
}

// refuse is why a conversation can't be had, nil when it can.
func (s *Service) refuse(o *conversing, listens bool) *ending {
	if o.unknown {
		return &ending{result: "ai_not_found", message: fmt.Sprintf("there is no assistant %q; make it with POST /ais", o.spec.AIID)}
	}
	if message := s.missing(&o.spec, listens); message != "" {
		return &ending{result: "engine_not_configured", message: message}
	}
	return nil
}

// endingOf says what an error of a conversation means.
func endingOf(err error) *ending {
	var e *ending
	if errors.As(err, &e) {
		return e
	}
	return &ending{result: "hangup"}
}

// open makes a conversation's row and tells it.
func (s *Service) open(o conversing, c resource.Call, cancel context.CancelCauseFunc, emit func(resource.Event)) *conversation {
	if o.id == "" {
		o.id = resource.NewID()
	}
	model := o.spec.Model
	if model == "" {
		model = s.cfg.Model.Model
	}
	n := &conversation{s: s, cancel: cancel, injected: make(chan llm.Message, 8), over: make(chan struct{}), emit: emit}
	n.row = resource.Aicall{
		Identity:       resource.Identity{ID: o.id, CustomerID: c.CustomerID, TMCreate: resource.Now()},
		AssistanceType: "ai", AssistanceID: o.spec.AIID, AIID: o.spec.AIID, AIEngineModel: model, AITTSVoiceID: o.spec.Voice,
		STTLanguage: o.spec.Language, Parameter: o.spec.Parameter, ActiveflowID: c.ActiveflowID,
		Status: "initiating", Turns: []resource.AITurn{},
	}
	if c.ID != "" {
		n.row.ReferenceType, n.row.ReferenceID = "call", c.ID
	}
	switch live := s.liveOf(&o.spec); {
	case c.ID != "" && live != nil:
		n.row.AIEngineModel, n.row.AISTTType, n.row.AITTSType = live.Model, "realtime", "realtime"
	case s.cfg.Ear != nil:
		n.row.AISTTType = s.cfg.Ear.Name()
	}
	s.keep(n)
	n.create()
	return n
}

// newTalk prepares the loop of a conversation.
func (s *Service) newTalk(n *conversation, o conversing, c resource.Call) *talk {
	sc := scope{customerID: n.row.CustomerID, aicallID: n.row.ID, callID: c.ID, activeflowID: c.ActiveflowID, run: o.run, caller: c.Source}
	if c.Direction == resource.DirectionOutgoing {
		sc.caller = c.Destination
	}
	times := s.cfg.Times.with(o.spec.VAD)
	return &talk{
		spec: o.spec, times: times, book: n, injected: n.injected,
		engines: Engines{Model: s.modelOf(&o.spec), Ear: s.cfg.Ear, Voice: s.cfg.Voice, Live: s.liveOf(&o.spec)},
		tools:   newToolbox(&o.spec, s.cfg.Web, sc, times.Tool),
		log:     s.cfg.Logger.With("aicall", n.row.ID, "call", c.ID),
	}
}
