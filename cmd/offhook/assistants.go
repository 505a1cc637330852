package main

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"offhook/api"
	"offhook/assistant"
	"offhook/assistant/llm"
	"offhook/assistant/realtime"
	"offhook/call"
	"offhook/call/callflow"
	"offhook/event"
	"offhook/flow"
	"offhook/outbound"
	"offhook/resource"
)

// turnBuckets bound how long assistants take to answer, by stage.
var turnBuckets = []float64{0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10}

// Bounds of one answer of a language model that an assistant names.
const (
	foreignTime  = 5 * time.Minute
	foreignBytes = 16 << 20
)

// startAssistants makes the service of assistants and closes what the last
// process left open. What is missing is told when it is needed: an assistant
// may name a server of its own.
func (s *Server) startAssistants(ctx context.Context, web flow.Web) error {
	s.turns = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: "offhook", Name: "assistant_turn_seconds", Buckets: turnBuckets,
		Help: "From the end of a caller's speech to transcript, first_token, first_audio and on_wire.",
	}, []string{"stage"})
	c := s.cfg.LLM
	s.assistants = assistant.New(assistant.Config{
		DB: s.db, Model: llm.Options{URL: c.URL, Model: c.Model, APIKey: c.APIKey}, Live: s.speechModel(), Ear: s.stt, Voice: s.speech, Web: web,
		Foreign: outbound.NewClient(outbound.Policy{
			AllowPrivate: s.cfg.OutboundHTTP.AllowPrivate, Timeout: foreignTime, MaxBytes: foreignBytes,
		}),
		Follow: s.follow, Observe: s.observeTurn, Logger: s.log,
	})
	s.db.OnCommit(s.warmAssistants)
	return s.assistants.Recover(ctx)
}

// speechModel is the configured model that hears and speaks itself, nil without one.
func (s *Server) speechModel() *realtime.Options {
	c := s.cfg.LLM.Realtime
	if c.URL == "" {
		return nil
	}
	return &realtime.Options{URL: c.URL, Model: c.Model, APIKey: c.APIKey, Voice: c.Voice, Transcriber: c.Transcriber, Logger: s.log}
}

// warmAssistants connects to the engines of assistants while a call still
// rings.
func (s *Server) warmAssistants(events []resource.Event) {
	for _, e := range events {
		if e.Type == event.CallDialing || e.Type == event.CallRinging {
			s.assistants.Warm()
		}
		if e.Type == event.CallDialing && (s.stt != nil || s.cfg.LLM.Realtime.URL != "") {
			go s.expectAssistant(e.CustomerID, e.ResourceID) // it reads a row, and ends by itself
		}
	}
}

// expectAssistant connects for the assistant that a call will talk with, if it
// will.
func (s *Server) expectAssistant(customerID, callID string) {
	c, ok := s.exchange.Find(customerID, callID)
	if !ok {
		return
	}
	script := c.Script()
	if script.FlowID != "" {
		f, err := s.runner.Flow(c.Context(), customerID, script.FlowID)
		if err != nil {
			return // whoever runs it tells
		}
		script.Actions = f.Actions
	}
	s.assistants.Expect(c, script.Actions)
}

// observeTurn counts one turn of an assistant.
func (s *Server) observeTurn(t resource.AITurn) {
	for stage, ms := range map[string]int{
		"transcript": t.TranscriptMS, "first_token": t.FirstTokenMS, "first_audio": t.FirstAudioMS, "on_wire": t.OnWireMS,
	} {
		if ms >= 0 {
			s.turns.WithLabelValues(stage).Observe(float64(ms) / 1000)
		}
	}
}

// assistantOf lets a call's flow talk with an assistant.
func (s *Server) assistantOf(c *call.Call) flow.Assistant { return s.assistants.Of(c) }

// assistantInWriting works for flows without a call.
func (s *Server) assistantInWriting() flow.Assistant { return s.assistants.Detached() }

// follow runs a flow after something that named it.
func (s *Server) follow(customerID, flowID string, variables map[string]string) {
	_, err := s.runner.Start(context.Background(), callflow.Detached{
		CustomerID: customerID, FlowID: flowID, ReferenceType: "ai", Variables: variables,
	})
	if err != nil {
		s.log.Warn("flow not run", "flow", flowID, "error", err)
	}
}

// assistantsAPI implements api.Assistants.
type assistantsAPI struct{ s *Server }

// outsideAssistant gives the errors of assistants the API's words.
func outsideAssistant(err error) error {
	switch {
	case errors.Is(err, assistant.ErrUnknown):
		return refusal{"FAILED_PRECONDITION", "AICALL_TERMINATED", err}
	case errors.Is(err, assistant.ErrBusy):
		return refusal{"RESOURCE_EXHAUSTED", "AICALL_BUSY", err}
	case errors.Is(err, assistant.ErrNotConfigured):
		return refusal{"UNAVAILABLE", "NOT_CONFIGURED", err}
	}
	return refused(err)
}

// Terminate implements api.Assistants.
func (a assistantsAPI) Terminate(ctx context.Context, customerID, id string) (resource.Aicall, error) {
	row, err := a.s.assistants.Terminate(ctx, customerID, id)
	if err != nil {
		return row, outsideAssistant(err)
	}
	return row, a.s.db.Flush(ctx)
}

// Say implements api.Assistants.
func (a assistantsAPI) Say(ctx context.Context, customerID, id, role, content string) (resource.Aimessage, error) {
	m, err := a.s.assistants.Say(customerID, id, role, content)
	if err != nil {
		return m, outsideAssistant(err)
	}
	return m, a.s.db.Flush(ctx)
}

// Start implements api.Assistants.
func (a assistantsAPI) Start(ctx context.Context, customerID string, r api.AicallRequest) (resource.Aicall, error) {
	row, err := a.start(ctx, customerID, r)
	if err != nil {
		return row, outsideAssistant(err)
	}
	return row, a.s.db.Flush(ctx)
}

func (a assistantsAPI) start(ctx context.Context, customerID string, r api.AicallRequest) (resource.Aicall, error) {
	o := assistant.Request{ID: r.ID, AIID: r.AIID, Parameter: r.Parameter}
	if r.ReferenceType != "call" {
		return a.s.assistants.Chat(ctx, customerID, o)
	}
	c, ok := a.s.exchange.Find(customerID, r.ReferenceID)
	if !ok {
		return resource.Aicall{}, call.ErrState
	}
	return a.s.assistants.Join(ctx, c, o, func(next []resource.Action) {
		a.s.runner.Run(c.Context(), c, call.Script{Actions: next})
	})
}
