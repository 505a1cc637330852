package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"offhook/assistant/llm"
	"offhook/assistant/realtime/fake"
	"offhook/speech/stt"
)

// sentence is a second of somebody's voice.
func sentence() []int16 {
	pcm := make([]int16, stt.Rate)
	for i := range pcm {
		pcm[i] = int16(6000 * math.Sin(float64(i)*0.2))
	}
	return pcm
}

func open(t *testing.T, f *fake.Server, o Options) *Session {
	t.Helper()
	o.URL, o.Connect = f.URL, 10*time.Second
	s, err := Open(t.Context(), o, Setup{
		Instructions: "Be kind.", Language: "de-DE", Tools: []llm.Tool{{Name: "look"}},
		History: []llm.Message{{Role: "user", Content: "before"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// hear says a sentence and returns what the server wrote down.
func hear(t *testing.T, s *Session) (string, error) {
	t.Helper()
	u := s.Hear()
	defer u.Close()
	if err := u.Write(t.Context(), sentence()); err != nil {
		return "", err
	}
	if err := u.Finish(t.Context()); err != nil {
		return "", err
	}
	text := ""
	for r := range u.Results() {
		if r.Kind == stt.Final {
			text = r.Text
		}
	}
	return text, u.Err()
}

// answer lets the model speak to its end.
func answer(t *testing.T, s *Session, instructions string) (parts []*Part, calls []llm.ToolCall, err error) {
	t.Helper()
	r, err := s.Respond(t.Context(), instructions)
	if err != nil {
		return nil, nil, err
	}
	for {
		p, err := r.Next(t.Context())
		if errors.Is(err, io.EOF) {
			return parts, r.Calls(), nil
		}
		if err != nil {
			return parts, nil, err
		}
		parts = append(parts, p)
	}
}

func TestConversation(t *testing.T) {
	f := fake.New(t, func(pcm []int16) string {
		if len(pcm) < stt.Rate*9/10 {
			t.Errorf("it heard %d samples", len(pcm))
		}
		return "where is my order"
	}, func(items []fake.Item, instructions string) fake.Reply {
		last := items[len(items)-1]
		switch {
		case instructions != "":
			return fake.Reply{Words: instructions}
		case last.Role == "tool":
			return fake.Reply{Words: "It " + last.Text + "."}
		}
		return fake.Reply{Words: "Let me look.", Tool: "look", Arguments: `{"id":1}`}
	})
	f.Key = "sk-secret"
	s := open(t, f, Options{Model: "m", APIKey: "sk-secret", Voice: "v"})
	setup, err := json.Marshal(f.Setup())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"turn_detection":null`, `"type":"audio/pcmu"`, `"language":"de"`, `"voice":"v"`, `"name":"look"`, `"instructions":"Be kind."`, `"output_modalities":["audio"]`} {
		if !strings.Contains(string(setup), want) {
			t.Errorf("no %s in the setup %s", want, setup)
		}
	}
	parts, _, err := answer(t, s, "Say hello.")
	if err != nil || len(parts) != 1 || parts[0].Words() != "Say hello." {
		t.Fatalf("greeting %+v, %v", parts, err)
	}
	<-parts[0].Clip.Done()
	if d := parts[0].Clip.Duration(); d != 10*fake.PerLetter {
		t.Errorf("the greeting takes %v", d)
	}
	if text, err := hear(t, s); err != nil || text != "where is my order" {
		t.Errorf("heard %q, %v", text, err)
	}
	parts, calls, err := answer(t, s, "")
	if err != nil || len(parts) != 1 || len(calls) != 1 || calls[0].Function != (llm.Function{Name: "look", Arguments: `{"id":1}`}) {
		t.Fatalf("%+v %+v %v", parts, calls, err)
	}
	if err := s.Truncate(t.Context(), parts[0].Item, 300*time.Millisecond); err != nil {
		t.Error(err)
	}
	if err := s.Result(t.Context(), calls[0].ID, "is lost"); err != nil {
		t.Error(err)
	}
	parts, _, err = answer(t, s, "")
	if err != nil || len(parts) != 1 || parts[0].Words() != "It is lost." {
		t.Errorf("after the tool %+v, %v", parts, err)
	}
	items := f.Items()
	if items[0].Text != "before" || items[1].Text != "Say hello." || items[3].Heard != 300*time.Millisecond {
		t.Errorf("the server's conversation is %+v", items)
	}
}

// TestNoise takes sounds without words out of the conversation.
func TestNoise(t *testing.T) {
	f := fake.New(t, func([]int16) string { return "" }, func([]fake.Item, string) fake.Reply { return fake.Reply{Words: "Yes?"} })
	s := open(t, f, Options{})
	if text, err := hear(t, s); err != nil || text != "" {
		t.Errorf("heard %q, %v", text, err)
	}
	if _, _, err := answer(t, s, ""); err != nil { // the server has dealt with what came before
		t.Error(err)
	}
	if items := f.Items(); !items[1].Deleted {
		t.Errorf("the server's conversation is %+v", items)
	}
	u := s.Hear() // shorter than the server takes
	if err := errors.Join(u.Write(t.Context(), sentence()[:160]), u.Finish(t.Context())); err != nil {
		t.Error(err)
	}
	if r := <-u.Results(); r.Kind != stt.Final || r.Text != "" {
		t.Errorf("a click is %+v", r)
	}
	left := s.Hear() // given up in mid-sentence: the next one must get the buffer
	if err := left.Write(t.Context(), sentence()); err != nil {
		t.Error(err)
	}
	left.Close()
	if _, err := hear(t, s); err != nil {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	hang := make(chan struct{})
	defer close(hang)
	reply := fake.Reply{}
	f := fake.New(t, func([]int16) string { return "hello" }, func(_ []fake.Item, instructions string) fake.Reply {
		if instructions != "" {
			return fake.Reply{Words: instructions}
		}
		return reply
	})
	for _, c := range []struct {
		name  string
		reply fake.Reply
		want  error
		alive bool
	}{
		{"it fails", fake.Reply{Fails: "out of order"}, llm.ErrUnavailable, true},
		{"it hangs", fake.Reply{Hang: hang}, llm.ErrTimeout, true},
		{"it breaks off", fake.Reply{Words: "Well now", BreakOff: true}, llm.ErrUnavailable, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, f, Options{First: 100 * time.Millisecond})
			reply = c.reply
			parts, _, err := answer(t, s, "")
			if !errors.Is(err, c.want) || s.Alive() != c.alive {
				t.Errorf("%v, alive %v", err, s.Alive())
			}
			for _, p := range parts {
				<-p.Clip.Done()
			}
			s.opt.First = 10 * time.Second
			_, _, err = answer(t, s, "again")
			if (err == nil) != c.alive {
				t.Errorf("the next answer: %v", err)
			}
			if _, err := hear(t, s); (err == nil) != c.alive {
				t.Errorf("the next sentence: %v", err)
			}
		})
	}
	f.Key = "another"
	if _, err := Open(t.Context(), Options{URL: f.URL, APIKey: "sk"}, Setup{}); !errors.Is(err, llm.ErrRefused) {
		t.Errorf("a wrong key: %v", err)
	}
	if _, err := Open(t.Context(), Options{URL: "nowhere"}, Setup{}); !errors.Is(err, llm.ErrNotConfigured) {
		t.Errorf("a wrong URL: %v", err)
	}
	if _, err := Open(t.Context(), Options{URL: "ws://127.0.0.1:1/"}, Setup{}); !errors.Is(err, llm.ErrUnavailable) {
		t.Errorf("a server that is not there: %v", err)
	}
}

// FuzzEvents gives a session whatever a server may send while an answer and a
// sentence are on their way.
func FuzzEvents(f *testing.F) {
	for _, raw := range []string{
		`{"type":"session.updated"}`,
		`{"type":"error","error":{"type":"server_error","message":"no","event_id":"offhook_1"}}`,
		`{"type":"input_audio_buffer.committed","item_id":"a"}`,
		`{"type":"conversation.item.input_audio_transcription.completed","item_id":"a","transcript":"hello"}`,
		`{"type":"response.created","response":{"id":"r"}}`,
		`{"type":"response.audio.delta","item_id":"b","delta":"AAAA"}`,
		`{"type":"response.output_audio.delta","response_id":"r","item_id":"b","delta":"?"}`,
		`{"type":"response.done","response":{"id":"r","status":"failed","output":[{"type":"function_call","name":"x"}]}}`,
	} {
		f.Add([]byte(raw), []byte(`{"type":"response.done"}`))
	}
	f.Fuzz(func(t *testing.T, one, two []byte) {
		s := &Session{opt: Options{}.filled(), sound: formatOf(true), ready: make(chan error, 1), over: make(chan struct{}), spoken: map[string]*utterance{}}
		s.ctx, s.cancel = context.WithCancelCause(t.Context())
		s.cancel(errClosed) // there is no connection
		u := s.Hear().(*utterance)
		r := &Response{s: s, parts: make(chan *Part, maxParts), over: make(chan struct{}), gone: make(chan struct{}), watch: time.NewTimer(time.Hour)}
		s.commits, s.response = []*utterance{u}, r
		for _, raw := range [][]byte{one, two} {
			var e event
			if json.Unmarshal(raw, &e) == nil {
				s.take(&e)
			}
		}
		s.end(errClosed)
		<-r.over
		<-r.gone
		for range u.Results() {
		}
	})
}
