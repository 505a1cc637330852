package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/media/audio"
	"offhook/resource"
)

// deskGrammar is what the recogniser of these tests knows of English, in the
// format of its documentation (JSGF).
const deskGrammar = `#JSGF V1.0;
grammar desk;
public <said> = [ i want to ] talk to a real person | where is my order | goodbye | thank you;
`

// pocketsphinx is a server of the transcriptions endpoint around the program
// of that name, a real recogniser.
func pocketsphinx(t *testing.T) (url string) {
	t.Helper()
	for _, program := range []string{"pocketsphinx_continuous", "flite"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
	dir := t.TempDir()
	grammar := filepath.Join(dir, "desk.jsgf")
	if err := os.WriteFile(grammar, []byte(deskGrammar), 0o600); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/audio/transcriptions" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		f, _, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		text, err := recognise(r.Context(), dir, grammar, f)
		if err != nil && r.Context().Err() == nil {
			t.Errorf("pocketsphinx: %v", err)
		}
		t.Logf("pocketsphinx heard %q", text)
		_ = json.NewEncoder(w).Encode(map[string]string{"text": text})
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

// recognise runs the program on a file of sound.
func recognise(ctx context.Context, dir, grammar string, sound io.Reader) (string, error) {
	f, err := os.CreateTemp(dir, "*.wav")
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name())
	if _, err := io.Copy(f, sound); err != nil {
		return "", err
	}
	if err := f.Close(); err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, "pocketsphinx_continuous", "-infile", f.Name(), "-jsgf", grammar, "-logfn", os.DevNull,
		"-beam", "1e-80", "-wbeam", "1e-60", "-pbeam", "1e-80").Output() // it gives up early on telephones' sound with its own
	return strings.TrimSpace(string(out)), err
}

// tell speaks a text into a phone with a voice that people have recorded.
func tell(t *testing.T, c *phone.Call, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "speech.wav")
	if out, err := exec.Command("flite", "-voice", "awb", "-t", text, "-o", path).CombinedOutput(); err != nil {
		t.Fatalf("flite: %v %s", err, out)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	clip, err := audio.Decode(f, "wav")
	if err != nil {
		t.Fatal(err)
	}
	receiveOr(t, "a sentence is said", c.Play(clip.Source(8000)).Done())
}

// tellUntil says a text, and again when nothing comes of it, as people do.
func tellUntil[T any](t *testing.T, c *phone.Call, text, what string, happens <-chan T) T {
	t.Helper()
	for range 2 {
		tell(t, c, text)
		select {
		case v := <-happens:
			return v
		case <-time.After(10 * time.Second):
		}
	}
	tell(t, c, text)
	return receiveOr(t, what, happens)
}

// TestRealRecogniser talks English with an assistant over RTP: a real voice, a
// real recogniser, a real synthesizer. The order is looked up, its answer
// spoken, and the caller brought to a person.
func TestRealRecogniser(t *testing.T) {
	ears := pocketsphinx(t)
	brain := newFakeLLM(t, func(h []llmMessage) llmReply {
		switch said := last(h); {
		case h[len(h)-1].Role == "tool":
			return llmReply{words: "It " + said + "."}
		case strings.Contains(said, "where is my order"):
			return llmReply{words: "Let me check.", tool: "lookup_order", arguments: `{}`}
		case strings.Contains(said, "real person"):
			return llmReply{tool: "transfer_to_agent", arguments: `{}`}
		}
		return llmReply{words: "Pardon?"}
	})
	url, asked := orders(t)
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: ai_talk, option: {prompt: "Help.", greeting: "Hello.", tools: [
  {name: lookup_order, webhook_url: "`+url+`"}, {name: transfer_to_agent, action: transfer, destination: "tel:+15552222222"}]}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, withAssistant(newFakeVosk(t), brain), func(c *Config) { c.Speech.STT = STTConfig{Engine: "openai", URL: ears} })
	person := w.next(w.pickUp)
	c := w.dial("+15550000000")
	assistantSays(w, "Hello.")
	tellUntil(t, c, "where is my order", "the tool is used", asked)
	assistantSays(w, "It shipped yesterday.")
	p := tellUntil(t, c, "I want to talk to a real person", "the person is called", person)
	receiveOr(t, "they talk", talk(c, p))
	var ended resource.Aicall
	if err := json.Unmarshal(w.hook("aicall_status_terminated", `"end_reason":"transfer"`), &ended); err != nil || len(ended.Turns) == 0 {
		t.Errorf("aicall %+v, %v", ended, err)
	}
	p.Hangup()
	receiveOr(t, "the call ends", c.Done())
}
