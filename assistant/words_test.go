package assistant

import (
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"offhook/assistant/llm"
	"offhook/media/audio"
	"offhook/resource"
)

func TestSplitter(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"Hello. How are you?", []string{"Hello. How are you?"}}, // "Hello." alone is too short to be worth a breath
		{"Your order shipped. It comes on Monday.", []string{"Your order shipped.", "It comes on Monday."}},
		{"It costs 3.50 dollars, or so. Fine?", []string{"It costs 3.50 dollars, or so.", "Fine?"}},
		{"Dr. Miller is at St. James. He waits.", []string{"Dr. Miller is at St. James.", "He waits."}},
		{"**Bold** words\n- one\n- two", []string{"Bold words", "one", "two"}},
		{"Well now I have looked at everything that there is to look at, and it is fine.", []string{"Well now I have looked at everything that there is to look at,", "and it is fine."}},
		{strings.Repeat("word ", 60), []string{strings.TrimSpace(strings.Repeat("word ", 47) + "word"), strings.TrimSpace(strings.Repeat("word ", 12))}},
		{"你好。再见。", []string{"你好。", "再见。"}},
		{"", nil},
	} {
		var s splitter
		var got []string
		for _, r := range c.text { // one character at a time, as models do
			got = append(got, s.add(string(r))...)
		}
		if rest := s.rest(); rest != "" {
			got = append(got, rest)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.text, got)
		}
	}
}

func TestEndCallPhrases(t *testing.T) {
	s := Spec{EndCallPhrases: []string{"goodbye", "bye", "that's all"}}
	for text, want := range map[string]bool{
		"goodbye": true, "OK, Bye!": true, "That’s all, thanks": true, "that's all": true,
		"I bought a byte": false, "goodbyes": false, "that is all": false, "": false,
	} {
		if got := s.endsCall(text); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestTransferActions(t *testing.T) {
	for destination, want := range map[string]string{
		"queue:support":         `queue_join {"queue_id":"support"}`,
		"flow:night":            `fetch_flow {"flow_id":"night"}`,
		"conference:team":       `conference_join {"conference_id":"team"}`,
		"tel:+15551234567":      `connect {"destinations":[{"type":"tel","target":"+15551234567"}]}`,
		"sip:bob@example.com":   `connect {"destinations":[{"type":"sip","target":"sip:bob@example.com"}]}`,
		"agent:ann":             `connect {"destinations":[{"type":"agent","target":"ann"}]}`,
		"extension:1001":        `connect {"destinations":[{"type":"extension","target":"1001"}]}`,
		"":                      "error",
		"carrier-pigeon:martha": "error",
	} {
		list, err := transferActions(destination)
		got := "error"
		if err == nil {
			got = list[0].Type + " " + string(list[0].Option)
		}
		if got != want {
			t.Errorf("%q: %s, %v", destination, got, err)
		}
	}
}

// TestHeard plays parts of sentences and asks what was heard.
func TestHeard(t *testing.T) {
	clip := func(d time.Duration) *audio.Clip {
		c := audio.NewClip(8000)
		c.Append(make([]int16, int(8000*d/time.Second)))
		c.Close(nil)
		return c
	}
	m := newMouth(8000)
	m.begin()
	m.say(piece{text: "one two three four five", clip: clip(time.Second)})
	m.say(piece{text: "six seven", clip: clip(400 * time.Millisecond)})
	frame := make([]int16, 160)
	play := func(frames int) {
		for range frames {
			if err := m.ReadFrame(frame); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := m.heard(); got != "" {
		t.Errorf("before its begin: %q", got)
	}
	play(25) // half a second
	if got := m.heard(); got != "one two" {
		t.Errorf("after half: %q", got)
	}
	if !m.pause() || m.pause() {
		t.Error("paused not once")
	}
	play(100)
	if got := m.heard(); got != "one two" {
		t.Errorf("after a pause: %q", got)
	}
	m.resume()
	play(25 + 20 + 1) // the rest, with what is said again
	if got := m.heard(); got != "one two three four five" {
		t.Errorf("after the first: %q", got)
	}
	play(30)
	if got := m.heard(); got != "one two three four five six seven" || !m.idle() {
		t.Errorf("at the end: %q", got)
	}
	m.say(piece{text: "eight nine ten", clip: clip(time.Second)})
	play(10)
	m.drop()
	if got := m.heard(); !strings.HasSuffix(got, "seven") || !m.idle() {
		t.Errorf("dropped: %q", got)
	}
}

// TestMouthAllocates nothing on the clock.
func TestMouthAllocates(t *testing.T) {
	m, frame := newMouth(8000), make([]int16, 160)
	c := audio.NewClip(8000)
	c.Append(make([]int16, 80000))
	m.say(piece{text: "long", clip: c})
	if n := testing.AllocsPerRun(100, func() { _ = m.ReadFrame(frame) }); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestToolsTellErrors(t *testing.T) {
	spec := Spec{Tools: []resource.AITool{{Name: "bad", Action: "transfer", Destination: "nowhere"}, {Name: "none"}}, Builtin: []string{"connect_call"}}
	b := newToolbox(&spec, nil, scope{}, time.Second)
	for _, c := range []llm.Function{{Name: "unknown"}, {Name: "bad"}, {Name: "none"}, {Name: "bad", Arguments: "{"}, {Name: "connect_call", Arguments: "{}"}} {
		result, end := b.use(t.Context(), llm.ToolCall{Function: c})
		var told struct{ Status, Error string }
		if err := json.NewDecoder(strings.NewReader(result)).Decode(&told); err != nil && err != io.EOF || told.Status != "error" || told.Error == "" || end != nil {
			t.Errorf("%+v: %s, %v", c, result, end)
		}
	}
	result, end := b.use(t.Context(), llm.ToolCall{Function: llm.Function{Name: "connect_call", Arguments: `{"destinations":[{"type":"tel","target":"+1555"}]}`}})
	if end == nil || end.next[0].Type != "connect" || !strings.Contains(string(end.next[0].Option), "+1555") {
		t.Errorf("connect_call: %s, %+v", result, end)
	}
	if len(b.definitions()) != 3 {
		t.Errorf("%d tools", len(b.definitions()))
	}
}
