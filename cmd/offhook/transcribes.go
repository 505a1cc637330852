package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"offhook/api"
	"offhook/assistant/transcribe"
	"offhook/call"
	"offhook/call/callflow"
	"offhook/flow"
	"offhook/resource"
	"offhook/speech/stt"
	"offhook/speech/stt/vosk"
	"offhook/speech/stt/whisper"
)

// recogniser is the configured engine that listens, nil without one.
func (s *Server) recogniser() stt.Engine {
	c := s.cfg.Speech.STT
	switch c.Engine {
	case "vosk":
		return vosk.New(vosk.Options{URL: c.URL})
	case "openai":
		return whisper.New(whisper.Options{URL: c.URL, Model: c.Model, APIKey: c.APIKey})
	}
	return nil
}

// startTranscribes makes the transcription service, where an engine is
// configured, and closes what the last process left open.
func (s *Server) startTranscribes(ctx context.Context) error {
	if s.stt = s.recogniser(); s.stt != nil {
		s.transcription = transcribe.New(transcribe.Config{
			DB: s.db, Engine: s.stt, Logger: s.log, Ended: s.transcribed,
			Open: func(r *resource.Recording) (io.ReadCloser, error) { return os.Open(s.exchange.RecordingFile(r)) },
		})
	}
	return transcribe.Recover(ctx, s.db)
}

// closeTranscribes waits for the last words of what goes on.
func (s *Server) closeTranscribes(ctx context.Context) error {
	if s.transcription == nil {
		return nil
	}
	return s.transcription.Close(ctx)
}

// transcribesOf lets a call's flow transcribe it; nil without an engine, and
// then the verb tells what is missing.
func (s *Server) transcribesOf(c *call.Call) flow.Transcriber {
	if s.transcription == nil {
		return nil
	}
	return s.transcription.Of(c)
}

// transcribesAPI lets the API transcribe; nil without an engine.
func (s *Server) transcribesAPI() api.Transcribes {
	if s.transcription == nil {
		return nil
	}
	return transcribes{s}
}

// transcribed notes the end of a transcription, and runs the flow that follows
// it.
func (s *Server) transcribed(t resource.Transcribe) {
	if t.ReferenceType == "conference" {
		s.rooms.Transcribed(t.CustomerID, t.ReferenceID, t.ID, true)
	}
	if t.OnEndFlowID == "" {
		return
	}
	_, err := s.runner.Start(context.Background(), callflow.Detached{
		CustomerID: t.CustomerID, FlowID: t.OnEndFlowID, ReferenceType: "transcribe", ReferenceID: t.ID,
		Variables: map[string]string{
			"voipbin.transcribe.id": t.ID, "voipbin.transcribe.language": t.Language, "voipbin.transcribe.direction": t.Direction,
		},
	})
	if err != nil {
		s.log.Warn("flow after a transcription not run", "transcribe", t.ID, "flow", t.OnEndFlowID, "error", err)
	}
}

// transcribes implements api.Transcribes.
type transcribes struct{ s *Server }

// Start implements api.Transcribes.
func (t transcribes) Start(ctx context.Context, customerID string, r api.TranscribeRequest) (resource.Transcribe, error) {
	row, err := t.start(ctx, customerID, r)
	if errors.Is(err, transcribe.ErrDuplicate) {
		return row, refusal{"ALREADY_EXISTS", "TRANSCRIBE_ALREADY_EXISTS", err}
	}
	if err != nil {
		return row, outside(err)
	}
	return row, t.s.db.Flush(ctx)
}

func (t transcribes) start(ctx context.Context, customerID string, r api.TranscribeRequest) (resource.Transcribe, error) {
	o := transcribe.Request{ID: r.ID, Language: r.Language, Direction: r.Direction, OnEndFlowID: r.OnEndFlowID}
	switch r.ReferenceType {
	case "recording":
		return t.s.transcription.Recording(ctx, customerID, r.ReferenceID, o)
	case "call":
		c, ok := t.s.exchange.Find(customerID, r.ReferenceID)
		if !ok {
			return resource.Transcribe{}, fmt.Errorf("%w: it has ended", call.ErrState)
		}
		return t.s.transcription.Start(transcribe.OfCall(c), o)
	}
	return t.conference(customerID, r.ReferenceID, o)
}

// conference transcribes a conference until the last has left it.
func (t transcribes) conference(customerID, id string, o transcribe.Request) (resource.Transcribe, error) {
	src, err := conferences{t.s.rooms}.sound(t.s.db, customerID, id)
	if err != nil {
		return resource.Transcribe{}, outside(err)
	}
	o.Direction = "in"
	row, err := t.s.transcription.Start(src, o)
	if err == nil {
		t.s.rooms.Transcribed(customerID, id, row.ID, false)
	}
	return row, err
}

// Stop implements api.Transcribes.
func (t transcribes) Stop(ctx context.Context, customerID, id string) (resource.Transcribe, error) {
	row, err := t.s.transcription.Stop(ctx, customerID, id)
	if errors.Is(err, transcribe.ErrUnknown) {
		return row, refusal{"FAILED_PRECONDITION", "TRANSCRIBE_DONE", err}
	}
	return row, errors.Join(err, t.s.db.Flush(ctx))
}
