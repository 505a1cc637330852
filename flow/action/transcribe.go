package action

import (
	"context"

	"offhook/flow"
)

// Transcribe is the option of transcribe_start.
type Transcribe struct {
	Language    string `json:"language" default:"en-US" doc:"Language as BCP 47 has it"`
	Direction   string `json:"direction" default:"both" enum:"in,out,both," doc:"in: what the party says, out: what it hears, or both"`
	Provider    string `json:"provider" doc:"Speech recogniser; empty: the configured one"`
	OnEndFlowID string `json:"on_end_flow_id" doc:"The flow that runs when the transcription has ended"`
}

func (o *Transcribe) request() flow.TranscribeRequest {
	return flow.TranscribeRequest{Language: o.Language, Direction: o.Direction, Provider: o.Provider, OnEndFlowID: o.OnEndFlowID}
}

// Run implements flow.Option.
func (o *Transcribe) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	engine := r.Host().Transcribe
	if engine == nil {
		transcribeMissing(r)
		return flow.Continue(), nil
	}
	id, err := engine.TranscribeStart(ctx, o.request())
	if err == nil && id != "" {
		r.SetVariable("voipbin.transcribe.id", id)
		r.SetVariable("voipbin.transcribe.language", o.Language)
		r.SetVariable("voipbin.transcribe.direction", o.Direction)
	}
	return flow.Continue(), err
}

// TranscribeStop is the option of transcribe_stop, which has none.
type TranscribeStop struct{}

// Run implements flow.Option.
func (*TranscribeStop) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	if engine := r.Host().Transcribe; engine != nil {
		engine.TranscribeStop(ctx)
	}
	return flow.Continue(), nil
}

// TranscribeRecording is the option of transcribe_recording.
type TranscribeRecording struct{ Transcribe }

// Run implements flow.Option.
func (o *TranscribeRecording) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	engine := r.Host().Transcribe
	if engine == nil {
		transcribeMissing(r)
		return flow.Continue(), nil
	}
	return flow.Continue(), engine.TranscribeRecordings(ctx, o.request())
}

func transcribeMissing(r *flow.Run) {
	engineMissing(r, "transcribe_failed", "transcribe", "no speech recogniser is configured: set speech.stt.engine (vosk or openai) and speech.stt.url")
}
