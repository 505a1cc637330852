// Package llm is a client of the chat-completions endpoint with streaming and
// tools, as OpenAI defined it and vLLM, Ollama, llama.cpp, LocalAI and others
// serve it.
package llm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"offhook/outbound"
	"offhook/speech"
)

// Options set up a client.
type Options struct {
	URL    string // to which /chat/completions is appended, such as https://api.openai.com/v1
	Model  string // when a request names none
	APIKey string // sent as a bearer token; never logged
	// First bounds the wait for a stream's first part, Gap that between two
	// parts; 0: 10 s each.
	First, Gap time.Duration
	Client     *http.Client // nil: one that may reach private addresses, as the operator chose the URL
}

// Message is one message of a conversation.
type Message struct {
	Role       string     `json:"role"` // system, user, assistant or tool
	Content    string     `json:"content"`
	ToolCalls  []ToolCall `json:"tool_calls,omitempty"`
	ToolCallID string     `json:"tool_call_id,omitempty"`
}

// ToolCall is a tool that the model wants used.
type ToolCall struct {
	ID       string   `json:"id"`
	Type     string   `json:"type"`
	Function Function `json:"function"`
}

// Function is a tool's name and arguments, which are JSON.
type Function struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

// Tool is what a model may use.
type Tool struct {
	Name        string
	Description string
	Parameters  map[string]any // JSON schema; nil: anything
}

// Request asks for the next message.
type Request struct {
	Model    string // "": the client's
	Messages []Message
	Tools    []Tool
}

// Errors of a model. They are wrapped, with what the server said.
var (
	ErrNotConfigured = errors.New("no language model is configured")
	ErrRefused       = errors.New("the language model refuses")         // a wrong key, model or request
	ErrRateLimited   = errors.New("the language model has no capacity") // 429
	ErrUnavailable   = errors.New("the language model is not available")
	ErrTimeout       = errors.New("the language model is too slow")
	ErrNonsense      = errors.New("the language model's answer is not understood")
)

// Client asks one server. Safe for concurrent use.
type Client struct{ opt Options }

// New makes a client; a missing URL shows as ErrNotConfigured when it is used.
func New(o Options) *Client {
	if o.First == 0 {
		o.First = 10 * time.Second
	}
	if o.Gap == 0 {
		o.Gap = 10 * time.Second
	}
	if o.Client == nil {
		o.Client = outbound.NewClient(outbound.Policy{AllowPrivate: true, Timeout: 5 * time.Minute, MaxBytes: 16 << 20})
	}
	o.URL = strings.TrimRight(o.URL, "/")
	return &Client{o}
}

// Model is the model that is used when a request names none.
func (c *Client) Model() string { return c.opt.Model }

// Warm opens a connection, so that the first request need not.
func (c *Client) Warm(ctx context.Context) {
	speech.Touch(ctx, c.opt.Client, c.opt.URL, c.opt.APIKey)
}

func (c *Client) authorize(req *http.Request) {
	if c.opt.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.opt.APIKey)
	}
}

// Stream sends a request and returns as soon as the server begins to answer.
// ctx bounds the whole stream; cancelling it ends the model's work.
func (c *Client) Stream(ctx context.Context, r Request) (*Stream, error) {
	if c.opt.URL == "" {
		return nil, fmt.Errorf("%w: set llm.url and llm.model", ErrNotConfigured)
	}
	body, err := json.Marshal(c.body(r))
	if err != nil {
		return nil, fmt.Errorf("language model: %w", err)
	}
	caller := ctx
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(caller))
	release := context.AfterFunc(caller, func() { cancel(context.Cause(caller)) })
	slow := time.AfterFunc(c.opt.First, func() { cancel(ErrTimeout) })
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.opt.URL+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		slow.Stop()
		cancel(nil)
		return nil, fmt.Errorf("%w: llm.url: %w", ErrNotConfigured, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	c.authorize(req)
	res, err := c.opt.Client.Do(req)
	if err != nil {
		err = reason(ctx, fmt.Errorf("%w: %w", ErrUnavailable, err))
	} else if res.StatusCode != http.StatusOK {
		err = c.refused(res)
	}
	if err != nil {
		slow.Stop()
		cancel(nil)
		return nil, err
	}
	return newStream(ctx, cancel, release, res, slow, c.opt.Gap), nil
}

// reason is what ended a context early, else err.
func reason(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

// body is the request as the endpoint wants it.
func (c *Client) body(r Request) map[string]any {
	model := r.Model
	if model == "" {
		model = c.opt.Model
	}
	b := map[string]any{"model": model, "messages": r.Messages, "stream": true}
	if len(r.Tools) == 0 {
		return b
	}
	var tools []map[string]any
	for _, t := range r.Tools {
		parameters := t.Parameters
		if parameters == nil {
			parameters = map[string]any{"type": "object", "properties": map[string]any{}, "additionalProperties": true}
		}
		tools = append(tools, map[string]any{"type": "function", "function": map[string]any{
			"name": t.Name, "description": t.Description, "parameters": parameters,
		}})
	}
	b["tools"] = tools
	return b
}

// refused turns an error status into what the operator can act on; the key is
// in no message.
func (c *Client) refused(res *http.Response) error {
	defer res.Body.Close()
	raw, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
	message := errorMessage(raw)
	if message == "" {
		message = http.StatusText(res.StatusCode)
	}
	if c.opt.APIKey != "" {
		message = strings.ReplaceAll(message, c.opt.APIKey, "…")
	}
	kind, hint := ErrUnavailable, "the server cannot answer at present"
	switch res.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		kind, hint = ErrRefused, "check llm.api_key"
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		kind, hint = ErrRefused, "check llm.url and llm.model"
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		kind, hint = ErrRefused, "check llm.model"
	case http.StatusTooManyRequests:
		kind, hint = ErrRateLimited, "the server limits requests"
	}
	return fmt.Errorf("%w: %s (status %d: %s)", kind, hint, res.StatusCode, message)
}

// errorMessage reads the message of an error body, in either of its usual
// shapes; "" when it has none.
func errorMessage(raw []byte) string {
	var body struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(raw, &body) != nil || len(body.Error) == 0 {
		return ""
	}
	var object struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(body.Error, &object) == nil && object.Message != "" {
		return object.Message
	}
	var text string
	_ = json.Unmarshal(body.Error, &text)
	return text
}
