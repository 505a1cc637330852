package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// llmMessage is a message as a model gets it.
type llmMessage struct {
	Role       string          `json:"role"`
	Content    string          `json:"content"`
	ToolCalls  json.RawMessage `json:"tool_calls"`
	ToolCallID string          `json:"tool_call_id"`
}

// llmReply is what a fake model answers: words and the use of a tool, or what
// goes wrong.
type llmReply struct {
	words     string
	tool      string
	arguments string
	status    int             // of HTTP, instead of an answer
	hang      <-chan struct{} // says nothing until it is closed
	breakOff  bool            // the connection ends in mid-answer
}

// fakeLLM is a server of the chat-completions endpoint that streams, as its
// public documentation describes it.
type fakeLLM struct {
	t      *testing.T
	url    string
	answer func(history []llmMessage) llmReply
	warmed chan struct{} // has an entry when it was asked for its models

	mu       sync.Mutex
	asked    [][]llmMessage
	tools    []string
	canceled atomic.Int64 // streams that the client gave up
}

func newFakeLLM(t *testing.T, answer func(history []llmMessage) llmReply) *fakeLLM {
	f := &fakeLLM{t: t, answer: answer, warmed: make(chan struct{}, 10)}
	s := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(s.Close)
	f.url = s.URL + "/v1"
	return f
}

// last is what the party said last, as the model knows it.
func last(history []llmMessage) string { return history[len(history)-1].Content }

func (f *fakeLLM) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/v1/models" {
		f.warmed <- struct{}{}
	}
	if r.URL.Path != "/v1/chat/completions" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	var asked struct {
		Model    string       `json:"model"`
		Stream   bool         `json:"stream"`
		Messages []llmMessage `json:"messages"`
		Tools    []struct {
			Function struct{ Name string }
		} `json:"tools"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil || !asked.Stream || asked.Model != "test-model" {
		f.t.Errorf("the model was asked %+v: %v", asked, err)
	}
	f.mu.Lock()
	f.asked = append(f.asked, asked.Messages)
	f.tools = nil
	for _, t := range asked.Tools {
		f.tools = append(f.tools, t.Function.Name)
	}
	f.mu.Unlock()
	f.stream(w, r, f.answer(asked.Messages))
}

func (f *fakeLLM) stream(w http.ResponseWriter, r *http.Request, reply llmReply) {
	if reply.status != 0 {
		w.WriteHeader(reply.status)
		fmt.Fprint(w, `{"error":{"message":"out of order"}}`)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	send := func(delta any) {
		raw, _ := json.Marshal(map[string]any{"choices": []any{map[string]any{"index": 0, "delta": delta}}})
		fmt.Fprintf(w, "data: %s\n\n", raw)
		w.(http.Flusher).Flush()
	}
	send(map[string]string{"role": "assistant"})
	for _, word := range strings.SplitAfter(reply.words, " ") {
		send(map[string]string{"content": word})
	}
	if reply.hang != nil {
		select {
		case <-reply.hang:
		case <-r.Context().Done():
			f.canceled.Add(1)
			return
		}
	}
	if reply.breakOff {
		panic(http.ErrAbortHandler)
	}
	if reply.tool != "" {
		half := len(reply.arguments) / 2
		send(map[string]any{"tool_calls": []any{map[string]any{
			"index": 0, "id": "call_1", "type": "function",
			"function": map[string]string{"name": reply.tool, "arguments": reply.arguments[:half]},
		}}})
		send(map[string]any{"tool_calls": []any{map[string]any{"index": 0, "function": map[string]string{"arguments": reply.arguments[half:]}}}})
	}
	fmt.Fprint(w, "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n")
}
