package vosk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"offhook/speech/stt"
)

// server is a vosk-server whose answer to each frame is scripted.
func server(t *testing.T, answer func(frame int, kind websocket.MessageType, data []byte) (reply string, hangUp bool)) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		for n := 0; ; n++ {
			kind, data, err := c.Read(r.Context())
			if err != nil {
				return
			}
			reply, hangUp := answer(n, kind, data)
			if reply != "" && c.Write(r.Context(), websocket.MessageText, []byte(reply)) != nil || hangUp {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL // http:// is taken for ws://
}

func collect(s stt.Stream) []stt.Result {
	var list []stt.Result
	for r := range s.Results() {
		list = append(list, r)
	}
	return list
}

func TestProtocol(t *testing.T) {
	url := server(t, func(n int, kind websocket.MessageType, data []byte) (string, bool) {
		switch {
		case n == 0:
			var m struct {
				Config struct {
					Rate  int  `json:"sample_rate"`
					Words bool `json:"words"`
				}
			}
			if err := json.Unmarshal(data, &m); err != nil || m.Config.Rate != 16000 || !m.Config.Words {
				t.Errorf("configuration %s", data)
			}
			return "", false
		case n == 1 && (kind != websocket.MessageBinary || len(data) != 3200 || data[0] != 2 || data[1] != 1):
			t.Errorf("frame of %d bytes, %v", len(data), data[:2])
		case kind == websocket.MessageText:
			if !strings.Contains(string(data), "eof") {
				t.Errorf("text frame %s", data)
			}
			return `{"text": "bye"}`, true
		case n == 3:
			return `{"result": [{"conf": 1.0, "start": 0.02, "end": 0.1, "word": "hello"}, {"conf": 0.5, "start": 0.1, "end": 0.25, "word": "you"}], "text": "hello you"}`, false
		case n == 2:
			return `{"partial": "hell"}`, false
		}
		return `{"partial": ""}`, false
	})
	s, err := New(Options{URL: url}).Open(t.Context(), stt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 1600)
	pcm[0] = 0x0102
	for range 3 {
		if err := s.Write(t.Context(), pcm); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := collect(s)
	if s.Err() != nil || len(got) != 3 {
		t.Fatalf("%+v, %v", got, s.Err())
	}
	if got[0].Kind != stt.Interim || got[0].Text != "hell" {
		t.Errorf("interim %+v", got[0])
	}
	want := stt.Result{Kind: stt.Final, Text: "hello you", Start: 20 * time.Millisecond, End: 250 * time.Millisecond, Confidence: 0.75, Through: 300 * time.Millisecond}
	if got[1] != want {
		t.Errorf("final %+v", got[1])
	}
	if got[2].Text != "bye" || got[2].Through != 300*time.Millisecond {
		t.Errorf("last %+v", got[2])
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(n int, kind websocket.MessageType, data []byte) (string, bool)
	}{
		{"hangs up", func(n int, _ websocket.MessageType, _ []byte) (string, bool) { return "", n == 1 }},
		{"nonsense", func(int, websocket.MessageType, []byte) (string, bool) { return "<html>", false }},
		{"no last words", func(int, websocket.MessageType, []byte) (string, bool) { return "", false }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := New(Options{URL: server(t, c.answer), Last: 50 * time.Millisecond}).Open(t.Context(), stt.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if s.Write(t.Context(), make([]int16, 1600)) == nil {
				_ = s.Finish(t.Context())
			}
			if got := collect(s); len(got) != 0 || s.Err() == nil {
				t.Errorf("results %v, error %v", got, s.Err())
			}
		})
	}
}

func TestOpenErrors(t *testing.T) {
	if _, err := New(Options{}).Open(t.Context(), stt.Options{}); !errors.Is(err, stt.ErrNotConfigured) || !strings.Contains(err.Error(), "speech.stt.url") {
		t.Errorf("no URL: %v", err)
	}
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	if _, err := New(Options{URL: s.URL}).Open(t.Context(), stt.Options{}); !errors.Is(err, stt.ErrRefused) {
		t.Errorf("no vosk-server: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(Options{URL: "ws://127.0.0.1:1"}).Open(ctx, stt.Options{}); err == nil || errors.Is(err, stt.ErrRefused) {
		t.Errorf("nobody there: %v", err)
	}
}
