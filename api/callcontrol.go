package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	"offhook/flow"
	"offhook/resource"
)

// none is the body of commands that need none.
type none struct{}

// muteBody is the body of mute.
type muteBody struct {
	Direction string `json:"direction" doc:"in: what the party says, out: what it hears, both" enum:"in,out,both,"`
}

// unmuted is what stays silent of a mute when it is ended for a direction;
// without one it ends whole.
func unmuted(mute, direction string) string {
	switch {
	case direction == "" || direction == "both" || direction == mute:
		return ""
	case mute == "both" && direction == "in":
		return "out"
	case mute == "both":
		return "in"
	}
	return mute
}

// talkBody is the body of talk.
type talkBody struct {
	Text     string `json:"text" doc:"Plain or SSML"`
	Language string `json:"language" doc:"BCP 47; en-US by default"`
	Provider string `json:"provider" doc:"Speech engine"`
	VoiceID  string `json:"voice_id" doc:"Voice of the engine"`
}

// prompt makes what a player understands of the body.
func (b *talkBody) prompt() flow.Prompt {
	return flow.Prompt{Kind: flow.PromptText, Text: b.Text, Language: orElse(b.Language, "en-US"), Voice: b.VoiceID, Provider: b.Provider}
}

// playBody is the body of play.
type playBody struct {
	StreamURLs []string `json:"stream_urls" doc:"WAV or MP3, one after the other"`
}

// digitsBody is the body of digits_send.
type digitsBody struct {
	Digits   string `json:"digits" doc:"0 to 9, A to D, * and #; at most 100"`
	Duration int    `json:"duration" doc:"Milliseconds of each digit; 0: 100" minimum:"0" maximum:"1000"`
	Interval int    `json:"interval" doc:"Milliseconds between digits; 0: 100" minimum:"0" maximum:"5000"`
}

// recordingBody is the body of recording_start.
type recordingBody struct {
	Direction    string `json:"direction" doc:"in: what the party says, out: what it hears, both: one stereo file" enum:"in,out,both,"`
	Format       string `json:"format" doc:"wav or mp3" enum:"wav,mp3,"`
	Mix          bool   `json:"mix" doc:"Both directions in one channel"`
	EndOfSilence int    `json:"end_of_silence" doc:"Seconds of silence that end it; 0: never" minimum:"0"`
	EndOfKey     string `json:"end_of_key" doc:"none, any, or the keys that end it"`
	Duration     int    `json:"duration" doc:"Seconds; 0: no limit" minimum:"0"`
	BeepStart    bool   `json:"beep_start" doc:"Begin with a beep"`
	OnEndFlowID  string `json:"on_end_flow_id" doc:"Runs when the recording has ended"`
}

// request makes what a recorder understands of the body.
func (b *recordingBody) request() flow.RecordRequest {
	keys := b.EndOfKey
	switch keys {
	case "none":
		keys = ""
	case "any":
		keys = "0123456789*#ABCD"
	}
	return flow.RecordRequest{
		Format: orElse(b.Format, "wav"), Direction: orElse(b.Direction, "both"), Mix: b.Mix,
		Duration: time.Duration(b.Duration) * time.Second, Silence: time.Duration(b.EndOfSilence) * time.Second,
		EndKeys: keys, Beep: b.BeepStart, OnEndFlowID: b.OnEndFlowID,
	}
}

// callState is what a command asks of a call.
type callState int

const (
	notEnded callState = iota // any live call
	answered                  // both can talk
)

// control registers a command on one live call. It answers with the call.
func control[B any](s *Server, method, name, doc string, want callState, act func(*request, flow.Host, *B) error) {
	e := endpoint{method: method, path: "/calls/{id}/" + name, name: camel(strings.ToLower(method) + " call " + name), tag: "calls", doc: doc}
	command(s, e, func(r *request, b *B) (*resource.Call, error) {
		host, err := s.liveCall(r, want)
		if err != nil {
			return nil, err
		}
		if err := act(r, host, b); err != nil {
			return nil, err
		}
		return s.readCall(r.Context(), r.who, r.id())
	})
}

// liveCall finds the call of a command in the state that the command needs.
func (s *Server) liveCall(r *request, want callState) (flow.Host, error) {
	if s.cfg.Live == nil {
		return flow.Host{}, notConfigured("calls")
	}
	host, ok := s.cfg.Live.Host(r.who.CustomerID, r.id())
	if !ok {
		c, err := s.readCall(r.Context(), r.who, r.id())
		if err != nil {
			return flow.Host{}, err
		}
		return flow.Host{}, alreadyHangup(c)
	}
	c := host.Call.Snapshot()
	switch c.Status {
	case resource.StatusHangup, resource.StatusTerminating, resource.StatusCanceling:
		return flow.Host{}, alreadyHangup(&c)
	case resource.StatusProgressing:
		return host, nil
	}
	if want == answered {
		return flow.Host{}, precondition("CALL_STATE_INVALID", "the call is %s; this needs an answered one, so wait for the event call_progressing", c.Status)
	}
	return host, nil
}

func alreadyHangup(c *resource.Call) *Error {
	return precondition("CALL_ALREADY_HANGUP", "the call has ended (%s)", orElse(c.HangupReason, "normal"))
}

func (s *Server) registerCallControl() {
	query(s, endpoint{method: http.MethodPost, path: "/calls/{id}/hangup", name: "hangupCall", tag: "calls", doc: "Hang up; nothing when it has ended"}, s.hangup)
	hold := func(on bool) func(*request, flow.Host, *none) error {
		return func(r *request, _ flow.Host, _ *none) error { return s.cfg.Live.Hold(r.who.CustomerID, r.id(), on) }
	}
	control(s, http.MethodPost, "hold", "Put both sides on hold: neither hears the other, the other hears music", answered, hold(true))
	control(s, http.MethodDelete, "hold", "End the hold", answered, hold(false))
	control(s, http.MethodPost, "mute", "Silence what the party says, hears, or both", answered, func(_ *request, h flow.Host, b *muteBody) error {
		h.Call.Mute(orElse(b.Direction, "both"))
		return nil
	})
	control(s, http.MethodDelete, "mute", "End the mute, of one direction where one is given", answered, func(_ *request, h flow.Host, b *muteBody) error {
		h.Call.Mute(unmuted(h.Call.Snapshot().MuteDirection, b.Direction))
		return nil
	})
	control(s, http.MethodPost, "moh", "Play music on hold", answered, func(_ *request, h flow.Host, _ *none) error { return h.Player.MusicStart("default") })
	control(s, http.MethodDelete, "moh", "End the music", answered, func(_ *request, h flow.Host, _ *none) error { h.Player.MusicStop(); return nil })
	control(s, http.MethodPost, "talk", "Speak to the party, over what plays", notEnded, s.talk)
	control(s, http.MethodPost, "play", "Play files to the party, over what plays", notEnded, s.play)
	control(s, http.MethodPost, "digits_send", "Send digits to the party", answered, s.sendDigits)
	control(s, http.MethodPost, "recording_start", "Start a recording", answered, s.startRecording)
	query(s, endpoint{
		method: http.MethodPost, path: "/calls/{id}/recording_stop", name: "postCallRecordingStop", tag: "calls",
		doc: "Stop the newest recording; nothing when there is none or the call has ended",
	}, s.stopRecording)
	for verb, on := range map[string]bool{"recording_pause": true, "recording_resume": false} {
		control(s, http.MethodPost, verb, "Pause or resume the newest recording; silence keeps its timeline", answered,
			func(r *request, h flow.Host, _ *none) error { return pauseRecording(h, on) })
	}
}

// pauser is a flow.Recorder that can pause.
type pauser interface {
	// RecordPause pauses the newest recording or resumes it; false when there
	// is none.
	RecordPause(on bool) bool
}

func pauseRecording(h flow.Host, on bool) error {
	if p, ok := h.Recorder.(pauser); ok && p.RecordPause(on) {
		return nil
	}
	return precondition("RECORDING_NOT_ACTIVE", "no recording of the call is being made; start one with recording_start")
}

// stopRecording is idempotent, as hangup is: recordings end with their call.
func (s *Server) stopRecording(r *request) (*resource.Call, error) {
	if s.cfg.Live != nil {
		if host, ok := s.cfg.Live.Host(r.who.CustomerID, r.id()); ok {
			host.Recorder.RecordStop(r.Context())
		}
	}
	return s.readCall(r.Context(), r.who, r.id())
}

// hangup is idempotent: a call that has ended is answered as it is.
func (s *Server) hangup(r *request) (*resource.Call, error) {
	if s.cfg.Live != nil {
		if host, ok := s.cfg.Live.Host(r.who.CustomerID, r.id()); ok {
			host.Call.Hangup("normal")
		}
	}
	return s.readCall(r.Context(), r.who, r.id())
}

// speakable answers an unanswered inbound call; an outgoing one must have been
// answered by the party.
func speakable(ctx context.Context, h flow.Host) error {
	c := h.Call.Snapshot()
	if c.Status == resource.StatusProgressing {
		return nil
	}
	if c.Direction == resource.DirectionOutgoing {
		return precondition("CALL_STATE_INVALID", "the call is %s; wait for the event call_progressing", c.Status)
	}
	return h.Call.Answer(ctx)
}

func (s *Server) talk(r *request, h flow.Host, b *talkBody) error {
	if strings.TrimSpace(b.Text) == "" {
		return invalid([]Detail{{Path: "text", Reason: "MISSING_FIELD", Message: "say what to speak"}})
	}
	if err := speakable(r.Context(), h); err != nil {
		return err
	}
	h.Player.PlayInBackground(b.prompt())
	return nil
}

func (s *Server) play(r *request, h flow.Host, b *playBody) error {
	c := s.check(r)
	c.streams(b.StreamURLs)
	if err := c.err(); err != nil {
		return err
	}
	if err := speakable(r.Context(), h); err != nil {
		return err
	}
	if len(b.StreamURLs) == 1 {
		h.Player.PlayInBackground(flow.Prompt{Kind: flow.PromptURL, URL: b.StreamURLs[0]})
		return nil
	}
	s.background(func(ctx context.Context) {
		for _, u := range b.StreamURLs {
			// A file that can't be played was told by an event; the next may.
			_ = h.Player.Play(ctx, flow.Prompt{Kind: flow.PromptURL, URL: u})
		}
	})
	return nil
}

// streams asks for files to play.
func (c *check) streams(urls []string) {
	if len(urls) == 0 {
		c.fault("stream_urls", "MISSING_FIELD", "give at least one URL")
	}
	for _, u := range urls {
		if strings.Contains(u, "://") {
			c.webURL("stream_urls", u)
		}
	}
}

var digitString = regexp.MustCompile(`^[0-9A-Da-d*#]{1,100}$`)

func (s *Server) sendDigits(r *request, h flow.Host, b *digitsBody) error {
	if !digitString.MatchString(b.Digits) {
		return invalid([]Detail{{Path: "digits", Reason: "INVALID_VALUE", Message: "must be 1 to 100 of 0 to 9, A to D, * and #"}})
	}
	on, gap := 100*time.Millisecond, 100*time.Millisecond
	if b.Duration > 0 {
		on = time.Duration(b.Duration) * time.Millisecond
	}
	if b.Interval > 0 {
		gap = time.Duration(b.Interval) * time.Millisecond
	}
	s.background(func(ctx context.Context) {
		if err := h.Keypad.Send(ctx, strings.ToUpper(b.Digits), on, gap); err != nil {
			s.log.Info("digits were not sent to the end", "call_id", h.Call.Snapshot().ID, "error", err)
		}
	})
	return nil
}

func (s *Server) startRecording(r *request, h flow.Host, b *recordingBody) error {
	c := s.check(r)
	refersToFlow(c, "on_end_flow_id", b.OnEndFlowID)
	if err := c.err(); err != nil {
		return err
	}
	if h.Recorder == nil {
		return notConfigured("recording")
	}
	_, err := h.Recorder.RecordStart(r.Context(), b.request())
	return err
}
