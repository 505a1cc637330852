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
