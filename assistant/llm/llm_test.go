package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// server answers chat completions with what answer writes.
func server(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body map[string]any)) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body map[string]any
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.URL.Path != "/v1/chat/completions" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		answer(w, r, body)
	}))
	t.Cleanup(s.Close)
	return s.URL + "/v1/"
}

// events are server-sent events with these data.
func events(data ...string) string {
	var b strings.Builder
	for _, d := range data {
		fmt.Fprintf(&b, ": comment\nevent: message\ndata: %s\n\n", d)
	}
	return b.String()
}

func content(text string) string { return fmt.Sprintf(`{"choices":[{"delta":{"content":%q}}]}`, text) }

// whole reads a stream to its end.
func whole(s *Stream) (string, error) {
	var b strings.Builder
	for {
		text, err := s.Next()
		if errors.Is(err, io.EOF) {
			return b.String(), nil
		}
		if err != nil {
			return b.String(), err
		}
		b.WriteString(text)
	}
}

func TestStreams(t *testing.T) {
	const done = "[DONE]"
	call := func(index, id, name, arguments string) string {
		return fmt.Sprintf(`{"choices":[{"delta":{"tool_calls":[{%s"id":%q,"function":{"name":%q,"arguments":%s}}]}}]}`, index, id, name, arguments)
	}
	for _, c := range []struct {
		name, kind, body, text string
		calls                  []Function
		err                    error
	}{
		{name: "text", body: events(`{"choices":[{"delta":{"role":"assistant","content":""}}]}`, content("Hel"), content("lo"), `{"choices":[],"usage":{}}`, done), text: "Hello"},
		{name: "ends without DONE", body: events(content("Hello"), `{"choices":[{"delta":{},"finish_reason":"stop"}]}`), text: "Hello"},
		{name: "breaks off", body: events(content("Hel")), text: "Hel", err: ErrUnavailable},
		{name: "nonsense", body: events("<html>"), err: ErrNonsense},
		{name: "empty", body: "", err: ErrUnavailable},
		{name: "whole, and empty", body: events(`{"choices":[{"delta":{},"finish_reason":"stop"}]}`, done), err: ErrNonsense},
		{name: "error in the stream", body: events(content("Hel"), `{"error":{"message":"overloaded"}}`), text: "Hel", err: ErrUnavailable},
		{name: "not streamed", kind: "application/json", body: `{"choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}]}`, text: "Hello"},
		{name: "thinks aloud", body: events(content("<think>"), content("hm"), content("</think>Hello"), done), text: "Hello"},
		{
			name: "two tools in pieces",
			body: events(content("Wait."), call(`"index":0,`, "a", "one", `"{\"x\""`), call(`"index":0,`, "", "", `": 1}"`), call(`"index":1,`, "b", "two", `"{}"`), done),
			text: "Wait.", calls: []Function{{"one", `{"x": 1}`}, {"two", "{}"}},
		},
		{name: "tool without index, arguments as an object", body: events(call("", "a", "one", `{"x": 1}`), done), calls: []Function{{"one", `{"x": 1}`}}},
		{name: "tool of a wild index", body: events(call(`"index":99,`, "a", "one", `""`), done), err: ErrNonsense},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := server(t, func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
				w.Header().Set("Content-Type", map[bool]string{true: "text/event-stream"}[c.kind == ""]+c.kind)
				_, _ = io.WriteString(w, c.body)
			})
			s, err := New(Options{URL: url, Model: "m"}).Stream(t.Context(), Request{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			text, err := whole(s)
			var calls []Function
			for _, tc := range s.ToolCalls() {
				if tc.ID == "" || tc.Type != "function" {
					t.Errorf("tool call %+v", tc)
				}
				calls = append(calls, tc.Function)
			}
			if text != c.text || !errors.Is(err, c.err) || err == nil && !slices.Equal(calls, c.calls) {
				t.Errorf("%q, %+v, %v", text, calls, err)
			}
		})
	}
}

func TestRequest(t *testing.T) {
	url := server(t, func(w http.ResponseWriter, r *http.Request, body map[string]any) {
		raw, _ := json.Marshal(body)
		for _, want := range []string{`"model":"mine"`, `"stream":true`, `"role":"tool"`, `"tool_call_id":"a"`, `"name":"look"`, `"type":"object"`} {
			if !strings.Contains(string(raw), want) {
				t.Errorf("%s is not in %s", want, raw)
			}
		}
		if r.Header.Get("Authorization") != "Bearer sk" {
			t.Error("no key")
		}
		_, _ = io.WriteString(w, events(content("ok"), "[DONE]"))
	})
	s, err := New(Options{URL: url, Model: "m", APIKey: "sk"}).Stream(t.Context(), Request{
		Model: "mine", Tools: []Tool{{Name: "look"}}, Messages: []Message{{Role: "tool", Content: "x", ToolCallID: "a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
}

func TestStatuses(t *testing.T) {
	for status, want := range map[int]error{401: ErrRefused, 404: ErrRefused, 400: ErrRefused, 429: ErrRateLimited, 500: ErrUnavailable, 503: ErrUnavailable} {
		url := server(t, func(w http.ResponseWriter, _ *http.Request, _ map[string]any) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"error":{"message":"no with sk-secret"}}`)
		})
		_, err := New(Options{URL: url, APIKey: "sk-secret"}).Stream(t.Context(), Request{})
		if !errors.Is(err, want) || strings.Contains(err.Error(), "sk-secret") {
			t.Errorf("%d: %v", status, err)
		}
	}
	if _, err := New(Options{}).Stream(t.Context(), Request{}); !errors.Is(err, ErrNotConfigured) {
		t.Errorf("no URL: %v", err)
	}
	if _, err := New(Options{URL: "http://127.0.0.1:1"}).Stream(t.Context(), Request{}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("nobody there: %v", err)
	}
}

// TestSlow lets a server fall silent before and within an answer.
func TestSlow(t *testing.T) {
	for _, before := range []bool{true, false} {
		gone := make(chan struct{})
		url := server(t, func(w http.ResponseWriter, r *http.Request, _ map[string]any) {
			if !before {
				_, _ = io.WriteString(w, events(content("Hel")))
				w.(http.Flusher).Flush()
			}
			<-r.Context().Done()
			close(gone)
		})
		s, err := New(Options{URL: url, First: 50 * time.Millisecond, Gap: 50 * time.Millisecond}).Stream(t.Context(), Request{})
		if err == nil {
			_, err = whole(s)
			s.Close()
		}
		if !errors.Is(err, ErrTimeout) {
			t.Errorf("before its first word %v: %v", before, err)
		}
		<-gone // the model's work was ended
	}
}

// TestKeepsConnection asks three times, after a warming request.
func TestKeepsConnection(t *testing.T) {
	from := map[string]bool{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from[r.RemoteAddr] = true // requests come one after the other
		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, events(content("ok"), "[DONE]"))
		}
	}))
	defer s.Close()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	c := New(Options{URL: s.URL, Client: client})
	c.Warm(t.Context())
	for range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		stream, err := c.Stream(ctx, Request{})
		if err != nil {
			t.Fatal(err)
		}
		if text, err := whole(stream); text != "ok" || err != nil {
			t.Errorf("%q, %v", text, err)
		}
		stream.Close()
		cancel()
	}
	if len(from) != 1 {
		t.Errorf("%d connections", len(from))
	}
}

func FuzzStream(f *testing.F) {
	f.Add(events(content("Hello"), "[DONE]"))
	f.Add(events(`{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"a","arguments":"{}"}}]}}]}`))
	f.Fuzz(func(t *testing.T, body string) {
		timer := time.NewTimer(time.Hour)
		defer timer.Stop()
		s := newStream(t.Context(), func(error) {}, func() bool { return true }, &http.Response{Body: io.NopCloser(strings.NewReader(body)), Header: http.Header{}}, timer, time.Hour)
		text, _ := whole(s)
		if len(text) > maxText || len(s.ToolCalls()) > maxTools {
			t.Errorf("%d bytes, %d tools", len(text), len(s.ToolCalls()))
		}
	})
}
