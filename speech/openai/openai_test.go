package openai

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"offhook/media/wav"
	"offhook/speech"
)

// server answers each request with handler and records what was asked.
func server(t *testing.T, handler func(w http.ResponseWriter, asked map[string]string)) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked := map[string]string{}
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			t.Error(err)
		}
		asked["path"], asked["authorization"] = r.URL.Path, r.Header.Get("Authorization")
		handler(w, asked)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1"
}

func pcm(samples int) []byte {
	var b []byte
	for i := range samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(i%1000))
	}
	return b
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name, format, contentType string
		body                      []byte
		rate, samples             int
	}{
		{"WAV", "", "audio/wav", append(wav.AppendHeader(nil, 24000, 1, -1), pcm(5000)...), 24000, 5000},
		{"WAV without a type", "", "", append(wav.AppendHeader(nil, 16000, 1, 10000), pcm(5000)...), 16000, 5000},
		{"PCM", "pcm", "audio/pcm", pcm(5000), 24000, 5000},
		{"PCM with its rate", "pcm", "audio/pcm;rate=16000", pcm(5000), 16000, 5000},
		{"PCM without a type", "pcm", "application/octet-stream", append(pcm(5000), 7), 24000, 5000},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := server(t, func(w http.ResponseWriter, asked map[string]string) {
				if asked["path"] != "/v1/audio/speech" || asked["authorization"] != "Bearer secret" ||
					asked["input"] != "Hello you" || asked["model"] != "tts-1" || asked["voice"] != "nova" {
					t.Errorf("asked %v", asked)
				}
				w.Header().Set("Content-Type", c.contentType)
				_, _ = w.Write(c.body)
			})
			e := New(Options{URL: url, APIKey: "secret", Voice: "nova", Format: c.format})
			clip, err := e.Synthesize(t.Context(), speech.Request{Text: `<speak>Hello <break time="1s"/>you</speak>`})
			if err != nil {
				t.Fatal(err)
			}
			if <-clip.Done(); clip.Err() != nil {
				t.Fatal(clip.Err())
			}
			if clip.Rate() != c.rate || clip.Samples() != c.samples {
				t.Errorf("%d samples at %d Hz", clip.Samples(), clip.Rate())
			}
		})
	}
}

// TestStreams holds the server's answer back after the first audio: the clip
// must be there before the rest is.
func TestStreams(t *testing.T) {
	rest := make(chan struct{})
	url := server(t, func(w http.ResponseWriter, _ map[string]string) {
		_, _ = w.Write(append(wav.AppendHeader(nil, 24000, 1, -1), pcm(4000)...))
		w.(http.Flusher).Flush()
		<-rest
		_, _ = w.Write(pcm(4000))
	})
	clip, err := New(Options{URL: url}).Synthesize(t.Context(), speech.Request{Text: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	if n := clip.Samples(); n == 0 || n > 4000 {
		t.Errorf("%d samples at the start", n)
	}
	close(rest)
	if <-clip.Done(); clip.Samples() != 8000 {
		t.Errorf("%d samples in the end, error %v", clip.Samples(), clip.Err())
	}
}

func TestErrors(t *testing.T) {
	for _, c := range []struct {
		status      int
		says        string
		unavailable bool
	}{
		{http.StatusUnauthorized, "speech.tts.api_key", true},
		{http.StatusNotFound, "speech.tts.model", true},
		{http.StatusTooManyRequests, "quota", true},
		{http.StatusBadRequest, "quota", false},
	} {
		url := server(t, func(w http.ResponseWriter, _ map[string]string) {
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, `{"error":{"message":"quota of key sk-secret"}}`)
		})
		e := New(Options{URL: url, APIKey: "sk-secret"})
		_, err := e.Synthesize(t.Context(), speech.Request{Text: "hello"})
		if err == nil || !strings.Contains(err.Error(), c.says) || errors.Is(err, speech.ErrUnavailable) != c.unavailable {
			t.Errorf("%d: error is %v", c.status, err)
		}
		if err != nil && strings.Contains(err.Error(), "sk-secret") {
			t.Errorf("%d: the key is in the error %v", c.status, err)
		}
		if len(e.workers) != 0 {
			t.Errorf("%d: the worker is not given back", c.status)
		}
	}
}

// TestForeignVoice speaks in the default voice where the server does not have
// the one that a flow asks for.
func TestForeignVoice(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, asked map[string]string) {
		if asked["voice"] != "alloy" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		_, _ = w.Write(append(wav.AppendHeader(nil, 24000, 1, 2000), pcm(1000)...))
	})
	e := New(Options{URL: url, Logger: slog.New(slog.DiscardHandler)})
	clip, err := e.Synthesize(t.Context(), speech.Request{Text: "hello", Voice: "en-US-Wavenet-A"})
	if err != nil {
		t.Fatal(err)
	}
	if <-clip.Done(); clip.Samples() != 1000 {
		t.Errorf("%d samples, %v", clip.Samples(), clip.Err())
	}
}

func TestNotConfigured(t *testing.T) {
	_, err := New(Options{}).Synthesize(t.Context(), speech.Request{Text: "hello"})
	if !errors.Is(err, speech.ErrNotConfigured) || !errors.Is(err, speech.ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
	_, err = New(Options{URL: "http://127.0.0.1:1"}).Synthesize(t.Context(), speech.Request{Text: "hello"})
	if !errors.Is(err, speech.ErrUnavailable) {
		t.Errorf("no server: error is %v", err)
	}
}

func TestNoAudio(t *testing.T) {
	for name, body := range map[string]string{"text": "sorry, not today", "nothing": "", "header alone": string(wav.AppendHeader(nil, 8000, 1, -1))} {
		url := server(t, func(w http.ResponseWriter, _ map[string]string) { _, _ = io.WriteString(w, body) })
		e := New(Options{URL: url})
		if c, err := e.Synthesize(t.Context(), speech.Request{Text: "hello"}); err == nil {
			t.Errorf("%s: a clip of %d samples", name, c.Samples())
		}
		if len(e.workers) != 0 {
			t.Errorf("%s: the worker is not given back", name)
		}
	}
}
