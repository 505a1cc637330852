package openai

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"offhook/media/wav"
	"offhook/speech"
)

// TestWarm speaks over the connection that was opened before.
func TestWarm(t *testing.T) {
	from := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from[r.RemoteAddr] = true // requests come one after the other
		if r.Method == http.MethodGet && (r.URL.Path != "/v1/models" || r.Header.Get("Authorization") != "Bearer sk") {
			t.Errorf("warmed by %s %s", r.Method, r.URL)
		}
		if r.Method == http.MethodPost {
			_, _ = w.Write(append(wav.AppendHeader(nil, 8000, 1, 320), make([]byte, 320)...))
		}
	}))
	defer s.Close()
	c := speech.NewCache(New(Options{URL: s.URL + "/v1", APIKey: "sk"}), "", 0)
	defer c.Close()
	speech.Warm(t.Context(), c)
	clip, err := c.Synthesize(t.Context(), speech.Request{Text: "Hello"})
	if err != nil {
		t.Fatal(err)
	}
	<-clip.Done()
	if len(from) != 1 {
		t.Errorf("%d connections", len(from))
	}
	speech.Warm(t.Context(), New(Options{})) // nothing to connect to
}
