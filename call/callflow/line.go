package callflow

import (
	"context"
	"time"

	"offhook/call"
	"offhook/flow"
	"offhook/resource"
	"offhook/speech"
)

// line lets a run use a call: it implements flow's interfaces on call.Call.
type line struct {
	r *Runner
	c *call.Call
}

// Snapshot implements flow.Call.
func (l line) Snapshot() resource.Call { return l.c.Snapshot() }

// Answer implements flow.Call.
func (l line) Answer(ctx context.Context) error { return l.c.Answer(ctx) }

// Hangup implements flow.Call.
func (l line) Hangup(reason string) { l.c.Hangup(call.CauseOf(reason)) }

// HangupLike implements flow.Call: the other call's cause, normal when it is
// unknown or still up.
func (l line) HangupLike(id string) {
	l.c.Hangup(l.r.x.CauseOfEnded(context.Background(), l.c.CustomerID(), id))
}

// Mute implements flow.Call.
func (l line) Mute(direction string) { l.c.Mute(direction) }

var promptKinds = [...]call.PromptKind{
	flow.PromptText: call.PromptText, flow.PromptURL: call.PromptURL,
	flow.PromptBeep: call.PromptBeep, flow.PromptRecording: call.PromptRecording,
}

// prompt turns a flow's prompt into a call's.
func prompt(p flow.Prompt) call.Prompt {
	return call.Prompt{
		Kind: promptKinds[p.Kind], URL: p.URL, Recording: p.Recording, StopOnDigit: p.StopOnDigit,
		Text: speech.Request{Text: p.Text, Language: p.Language, Voice: p.Voice, Provider: p.Provider},
	}
}

// Play implements flow.Player. On an unanswered inbound call the sound is
// early media.
func (l line) Play(ctx context.Context, p flow.Prompt) error {
	if err := l.c.EarlyMedia(); err != nil {
		return err
	}
	return l.c.Play(ctx, prompt(p))
}

// PlayInBackground implements flow.Player.
func (l line) PlayInBackground(p flow.Prompt) { l.c.PlayInBackground(prompt(p)) }

// Echo implements flow.Player.
func (l line) Echo(ctx context.Context, d time.Duration) error { return l.c.Echo(ctx, d) }

// MusicStart implements flow.Player.
func (l line) MusicStart(class string) error { return l.c.MusicStart(class) }

// MusicStop implements flow.Player.
func (l line) MusicStop() { l.c.MusicStop() }

// Collect implements flow.Keypad.
func (l line) Collect(ctx context.Context, r flow.CollectRequest) (string, error) {
	return l.c.Collect(ctx, r.Length, r.Keys, r.Duration)
}

// Send implements flow.Keypad.
func (l line) Send(ctx context.Context, digits string, on, gap time.Duration) error {
	return l.c.SendDigits(ctx, digits, on, gap)
}

// whisper turns a flow's whisper into a call's; nil stays nil.
func whisper(w *flow.Whisper) *call.Whisper {
	if w == nil {
		return nil
	}
	return &call.Whisper{
		Message:   call.Prompt{Text: speech.Request{Text: w.Message, Language: w.Language}},
		Recording: w.PlayRecording, AcceptKey: w.AcceptKey, RejectKey: w.RejectKey, Timeout: w.Timeout,
	}
}

// Connect implements flow.Connector.
func (l line) Connect(ctx context.Context, r flow.ConnectRequest) (flow.ConnectResult, error) {
	res, err := l.c.Connect(ctx, call.ConnectOptions{
		Source: r.Source, Destinations: r.Destinations, RingTimeout: r.RingTimeout,
		EarlyMedia: r.EarlyMedia, RelayReason: r.RelayReason, Anonymous: r.Anonymous, Whisper: whisper(r.Whisper),
	})
	return flow.ConnectResult{Result: res.Result, CallID: res.CallID}, err
}

func recordOptions(r flow.RecordRequest) call.RecordOptions {
	return call.RecordOptions{
		Format: r.Format, Direction: r.Direction, Mix: r.Mix, Duration: r.Duration, Silence: r.Silence,
		EndKeys: r.EndKeys, Beep: r.Beep, OnEndFlowID: r.OnEndFlowID,
	}
}

// RecordStart implements flow.Recorder.
func (l line) RecordStart(ctx context.Context, r flow.RecordRequest) (resource.Recording, error) {
	return l.c.RecordStart(ctx, recordOptions(r))
}

// RecordStop implements flow.Recorder.
func (l line) RecordStop(context.Context) { l.c.RecordStop() }

// RecordPause pauses the newest recording or resumes it; false when there is
// none.
func (l line) RecordPause(on bool) bool { return l.c.RecordPause(on) }

// RecordVoice implements flow.Recorder.
func (l line) RecordVoice(ctx context.Context, r flow.RecordRequest) (resource.Recording, error) {
	return l.c.RecordVoice(ctx, recordOptions(r))
}

// Detect implements flow.Detector.
func (l line) Detect(ctx context.Context, r flow.DetectRequest) (flow.Detection, error) {
	v, err := l.c.Detect(ctx, call.DetectOptions{
		Timeout: r.Timeout, WaitBeep: r.WaitBeep, BeepTimeout: r.BeepTimeout, Thresholds: r.Thresholds,
	})
	if err != nil {
		return flow.Detection{}, err
	}
	return flow.Detection{
		Result: string(v.Result), Cause: v.Cause, DecidedMS: int(v.DecidedAt.Milliseconds()),
		GreetEnd: millisecondsOrNone(v.GreetingEnd), BeepAt: millisecondsOrNone(v.BeepAt),
	}, nil
}

// millisecondsOrNone is a detector's time, -1 where there is none.
func millisecondsOrNone(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int(d.Milliseconds())
}
