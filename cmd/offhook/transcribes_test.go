package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"offhook/call/phone"
	"offhook/resource"
)

// liveTranscription is the body of the scenario "Call with Real-time
// Transcription".
const liveTranscription = `{
"source": {"type": "tel", "target": "+15551234567"},
"destinations": [{"type": "tel", "target": "+15559876543"}],
"actions": [
{
"type": "transcribe_start",
"option": {
"language": "en-US",
"direction": "both"
}
},
{
"type": "connect",
"option": {
"destinations": [{"type": "tel", "target": "+15552222222"}]
}
},
{
"type": "transcribe_stop"
}
]
}`

// withVosk lets a world listen.
func withVosk(f *fakeVosk) func(*Config) {
	return func(c *Config) { c.Speech.STT = STTConfig{Engine: "vosk", URL: f.url} }
}

// watch subscribes to a topic over WebSocket and returns what arrives.
func (w *world) watch(topic string) <-chan hook {
	w.t.Helper()
	url := "ws://" + w.server.listener.Addr().String() + "/v1.0/ws?token=" + testKey
	c, _, err := websocket.Dial(w.t.Context(), url, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = c.CloseNow() })
	var customer resource.Customer
	w.api("GET", "/v1/customer", nil, &customer)
	body := fmt.Sprintf(`{"type": "subscribe", "topics": [%q]}`, strings.ReplaceAll(topic, "<your-id>", customer.ID))
	if err := c.Write(w.t.Context(), websocket.MessageText, []byte(body)); err != nil {
		w.t.Fatal(err)
	}
	events, ready := make(chan hook, 100), make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			_, data, err := c.Read(w.t.Context())
			if err != nil {
				return
			}
			var h hook
			if err := json.Unmarshal(data, &h); err != nil {
				w.t.Errorf("event %s: %v", data, err)
			}
			if n == 0 {
				close(ready) // the subscription's acknowledgement
				continue
			}
			events <- h
		}
	}()
	receiveOr(w.t, "the subscription is acknowledged", ready)
	return events
}

// say plays a phrase on a phone and waits until it is said.
func say(t *testing.T, c *phone.Call, text string) {
	t.Helper()
	receiveOr(t, "a phrase is said", c.Play(phrase(t, text, 600*time.Millisecond)).Done())
}

// words waits for a transcript.
func words(t *testing.T, events <-chan hook) resource.Transcript {
	t.Helper()
	e := receiveOr(t, "a transcript", events)
	var r resource.Transcript
	if err := json.Unmarshal(e.Data, &r); err != nil || e.Type != "transcript_created" {
		t.Fatalf("event %s %s: %v", e.Type, e.Data, err)
	}
	return r
}

func TestSeedTranscription(t *testing.T) {
	w := newWorld(t, "", withVosk(newFakeVosk(t)))
	events := w.watch("customer_id:<your-id>:transcript:*")
	customer, agent := w.next(w.pickUp), w.next(w.pickUp)
	w.api("POST", "/v1/calls", liveTranscription, nil)
	c, a := receiveOr(t, "the customer is called", customer), receiveOr(t, "the agent is called", agent)
	receiveOr(t, "the agent is connected", talk(c, a))

	say(t, c, "I need help with my order")
	in := words(t, events)
	if in.Direction != "in" || in.Message != "I need help with my order" || in.TranscribeID == "" {
		t.Errorf("transcript %+v", in)
	}
	stamp, err := time.Parse("2006-01-02 15:04:05.000", in.TMTranscript)
	if offset := stamp.Sub(time.Time{}); err != nil || stamp.Year() != 1 || int(offset.Milliseconds()) != in.OffsetMS {
		t.Errorf("tm_transcript %q, offset_ms %d, %v", in.TMTranscript, in.OffsetMS, err)
	}
	say(t, a, "how can I help you")
	if out := words(t, events); out.Direction != "out" || out.Message != "how can I help you" || out.OffsetMS <= in.OffsetMS {
		t.Errorf("transcript %+v after %+v", out, in)
	}
	w.hook("transcribe_speech_interim", "I need help")
	a.Hangup()
	receiveOr(t, "the customer's call ends", c.Done())
	w.hook("transcribe_done", `"end_reason":"stop"`)
	var row resource.Transcribe
	w.api("GET", "/v1/transcribes/"+in.TranscribeID, nil, &row)
	if row.Status != "done" || row.Provider != "vosk" || row.Dropped != 0 {
		t.Errorf("transcribe %+v", row)
	}
	_, vtt := w.request("GET", "/v1/transcripts?format=vtt&transcribe_id="+row.ID, nil)
	if !strings.HasPrefix(string(vtt), "WEBVTT\n") || !strings.Contains(string(vtt), "<v out>how can I help you") {
		t.Errorf("vtt %s", vtt)
	}
}

// TestTranscribeConference writes down what is said in a conference; everybody
// is one voice.
func TestTranscribeConference(t *testing.T) {
	w := newWorld(t, `
conferences: [{id: team, name: Team}]
flows: [{id: join, actions: [{type: conference_join, option: {conference_id: team}}]}]
numbers: [{id: join, number: "+15550000000", call_flow_id: join}]
`, withVosk(newFakeVosk(t)))
	status, raw := w.request("POST", "/v1/transcribes", map[string]any{"reference_type": "conference", "reference_id": "team"})
	if status != 400 && status != 409 || !strings.Contains(string(raw), "CONFERENCE_EMPTY") {
		t.Errorf("an empty conference: %d %s", status, raw)
	}
	a, b := w.dial("+15550000000"), w.dial("+15550000000")
	receiveOr(t, "both hear each other", talk(a, b))
	var row resource.Transcribe
	w.api("POST", "/v1/transcribes", map[string]any{"reference_type": "conference", "reference_id": "team", "direction": "in"}, &row)
	say(t, a, "I need help with my order")
	w.hook("transcript_created", "I need help with my order")
	say(t, b, "how can I help you")
	w.hook("transcript_created", "how can I help you")
	a.Hangup()
	b.Hangup()
	w.hook("transcribe_done", `"end_reason":"hangup"`)
}

// TestTranscribeOutage lets the recogniser go away in mid-sentence: what was
// said meanwhile is understood later.
func TestTranscribeOutage(t *testing.T) {
	ears := newFakeVosk(t)
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: answer}, {type: transcribe_start, option: {direction: in}}, {type: sleep, option: {duration: 60000}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, withVosk(ears))
	c := w.dial("+15550000000")
	receiveOr(t, "the call is answered", c.UpSignal())
	w.hook("transcribe_progressing", "")
	say(t, c, "thank you")
	w.hook("transcript_created", "thank you")
	ears.away(true)
	ears.hangUp()
	say(t, c, "I need help with my order")
	ears.away(false)
	var late resource.Transcript
	if err := json.Unmarshal(w.hook("transcript_created", "I need help with my order"), &late); err != nil {
		t.Fatal(err)
	}
	c.Hangup()
	done := w.hook("transcribe_done", "")
	if !strings.Contains(string(done), `"end_reason":"hangup"`) || strings.Contains(string(done), "dropped") {
		t.Errorf("transcribe_done %s", done)
	}
}

// TestTranscribeRecording writes down a finished recording.
func TestTranscribeRecording(t *testing.T) {
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: record_voice, option: {duration: 1500}}, {type: transcribe_recording}, {type: sleep, option: {duration: 1500}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, withVosk(newFakeVosk(t)))
	c := w.dial("+15550000000")
	receiveOr(t, "the call is answered", c.UpSignal())
	say(t, c, "I need help with my order")
	w.hook("transcript_created", "I need help with my order")
	w.hook("transcribe_done", `"end_reason":"finished"`)
}
