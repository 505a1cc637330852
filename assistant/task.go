package assistant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"offhook/assistant/llm"
	"offhook/call"
	"offhook/flow"
	"offhook/flow/action"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// How long a model may work on what it does in writing.
const (
	taskTime    = 30 * time.Second
	summaryTime = time.Minute
)

// task performs ai_task: the model answers a prompt in writing, with the
// assistant's tools.
func (s *Service) task(ctx context.Context, c *call.Call, r flow.AssistRequest, run *flow.Run) (string, []resource.Action, error) {
	var o action.AITask
	if err := json.Unmarshal(r.Option, &o); err != nil {
		return "", nil, fmt.Errorf("ai_task: %w", err)
	}
	ai, err := s.assistantOf(ctx, run.CustomerID(), r.AIID)
	if err != nil {
		return "", nil, err
	}
	spec := specOf(ai, run.Substitute)
	spec.AIID, spec.Language = r.AIID, ""
	text, e := s.inWriting(ctx, c, taskTime, conversing{spec: spec, run: run, unknown: ai == nil && o.Prompt == ""}, run.Substitute(o.Prompt))
	run.SetVariable("voipbin.ai_task.content", text)
	if o.VariableName != "" {
		run.SetVariable(o.VariableName, text)
	}
	return e.result, e.next, context.Cause(ctx)
}

// inWriting lets a model answer one message, as a conversation of its own.
func (s *Service) inWriting(ctx context.Context, c *call.Call, limit time.Duration, o conversing, ask string) (string, *ending) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer time.AfterFunc(limit, func() { cancel(errDuration) }).Stop()
	of, emit := resource.Call{Identity: resource.Identity{CustomerID: o.run.CustomerID()}, ActiveflowID: o.run.ID()}, s.emitNow
	if c != nil {
		of, emit = c.Snapshot(), c.Emit
	}
	n := s.open(o, of, cancel, emit)
	defer close(n.over)
	defer s.forget(n)
	e := s.refuse(&o, false)
	text := ""
	if e == nil {
		n.become("progressing", "aicall_status_progressing")
		w := s.newWriter(n, &o.spec, scope{customerID: n.row.CustomerID, aicallID: n.row.ID, callID: of.ID, activeflowID: of.ActiveflowID, run: o.run})
		if ask == "" {
			ask = "Do it now."
		}
		w.remember(llm.Message{Role: "user", Content: ask})
		var err error
		if text, err = w.answer(ctx); err != nil {
			e = endingOf(reasonOf(ctx, err))
		} else {
			e = &ending{result: "done"}
		}
	}
	n.finish(e)
	return text, e
}

// reasonOf is what ended a context early, else err.
func reasonOf(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// summary performs ai_summary: what was said in a call, a conference or a
// recording, in a few sentences.
func (s *Service) summary(ctx context.Context, c *call.Call, r flow.AssistRequest, run *flow.Run) (string, []resource.Action, error) {
	var o action.AISummary
	if err := json.Unmarshal(r.Option, &o); err != nil {
		return "", nil, fmt.Errorf("ai_summary: %w", err)
	}
	if o.ReferenceType == "" {
		o.ReferenceType = "call"
	}
	if o.ReferenceID = run.Substitute(o.ReferenceID); o.ReferenceID == "" && c != nil {
		o.ReferenceID = c.ID()
	}
	if err := s.cfg.DB.Flush(ctx); err != nil { // what was said a moment ago is on its way to the store
		return "", nil, err
	}
	lines, err := s.spokenIn(ctx, run.CustomerID(), o.ReferenceType, o.ReferenceID)
	if err != nil {
		return "", nil, err
	}
	id, content, result := resource.NewID(), "", "no_transcripts"
	if len(lines) > 0 {
		language := o.Language
		if language == "" {
			language = "en-US"
		}
		spec := Spec{Prompt: "You sum up telephone conversations: who wanted what, what was agreed, what is left to do. " +
			"Write plain text of at most ten sentences, in the language " + language + "."}
		var e *ending
		content, e = s.inWriting(ctx, c, summaryTime, conversing{id: id, spec: spec, run: run}, strings.Join(lines, "\n"))
		result = e.result
	}
	variables := map[string]string{
		"voipbin.ai_summary.id": id, "voipbin.ai_summary.reference_type": o.ReferenceType, "voipbin.ai_summary.reference_id": o.ReferenceID,
		"voipbin.ai_summary.language": o.Language, "voipbin.ai_summary.content": content,
	}
	for name, value := range variables {
		run.SetVariable(name, value)
	}
	if o.OnEndFlowID != "" && s.cfg.Follow != nil {
		s.cfg.Follow(run.CustomerID(), o.OnEndFlowID, variables)
	}
	return result, nil, context.Cause(ctx)
}

// maxLines bounds what a summary is made of; the latest count.
const maxLines = 2000

// line is something that was said, at a moment.
type line struct {
	at   time.Time
	text string
}

// spokenIn is what was said in something, in order: its transcripts, and what
// its party said to assistants.
func (s *Service) spokenIn(ctx context.Context, customerID, kind, id string) ([]string, error) {
	ids := []string{id}
	if kind != "transcribe" {
		found, err := all(ctx, s.cfg.DB, customerID, rows.Transcribes, id)
		if err != nil {
			return nil, err
		}
		ids = nil
		for _, t := range found {
			ids = append(ids, t.ID)
		}
	}
	var lines []line
	for _, id := range ids {
		found, err := all(ctx, s.cfg.DB, customerID, rows.Transcripts, id)
		if err != nil {
			return nil, err
		}
		for _, t := range found {
			lines = append(lines, line{*t.TMCreate, map[string]string{"in": "Caller: ", "out": "Other side: "}[t.Direction] + t.Message})
		}
	}
	aicalls, err := all(ctx, s.cfg.DB, customerID, rows.Aicalls, id)
	if err != nil {
		return nil, err
	}
	for _, a := range aicalls {
		found, err := all(ctx, s.cfg.DB, customerID, rows.Aimessages, a.ID)
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			if who := map[string]string{"user": "Caller: ", "assistant": "Assistant: "}[m.Role]; who != "" && m.Content != "" {
				lines = append(lines, line{*m.TMCreate, who + m.Content})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.at.Compare(b.at) })
	var texts []string
	for _, l := range lines[max(0, len(lines)-maxLines):] {
		texts = append(texts, l.text)
	}
	return texts, nil
}

// all lists the rows whose parent is id.
func all[T any, P store.RowOf[T]](ctx context.Context, db *store.DB, customerID string, c *store.Collection[T, P], id string) ([]*T, error) {
	var list []*T
	p := store.Page{Size: 100}
	for {
		some, next, err := c.List(ctx, db, customerID, p, store.Filter{Key: rows.KeyParent, Value: id})
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if list = append(list, some...); next == "" || len(list) >= maxLines {
			return list, nil
		}
		p.Token = next
	}
}
