package llm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// Limits of one answer.
const (
	maxLine  = 1 << 20
	maxText  = 64 << 10
	maxTools = 16
)

// Stream is an answer that is being given. It is for one goroutine.
type Stream struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	release func() bool // unties ctx from the caller's
	body    io.ReadCloser
	lines   *bufio.Scanner
	watch   *time.Timer
	gap     time.Duration
	events  bool // server-sent events; else one JSON object

	text     int
	calls    []ToolCall
	thinking bool // inside <think>
	finished bool // the server said why it stopped
	over     bool
}

func newStream(ctx context.Context, cancel context.CancelCauseFunc, release func() bool, res *http.Response, watch *time.Timer, gap time.Duration) *Stream {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	s := &Stream{ctx: ctx, cancel: cancel, release: release, body: res.Body, watch: watch, gap: gap, events: kind != "application/json"}
	s.lines = bufio.NewScanner(res.Body)
	s.lines.Buffer(make([]byte, 0, 16<<10), maxLine)
	return s
}

// tail bounds what is read after an answer's end, so that its connection can
// be used again, and how long that may take.
const (
	tail     = 64 << 10
	tailTime = 2 * time.Second
)

// Close ends the stream and with it the model's work. After a whole answer the
// connection is kept for the next one.
func (s *Stream) Close() {
	if s.over && s.finished && s.release() {
		s.watch.Reset(tailTime)
		go func() {
			_, _ = io.Copy(io.Discard, io.LimitReader(s.body, tail))
			s.end()
		}()
		return
	}
	s.release()
	s.end()
}

func (s *Stream) end() {
	s.watch.Stop()
	s.cancel(context.Canceled)
	_ = s.body.Close()
}

// Next returns the next piece of text. io.EOF: the answer is complete, and
// ToolCalls has what the model wants used. Any other error: it broke off.
func (s *Stream) Next() (string, error) {
	for !s.over {
		text, err := s.read()
		if err != nil {
			s.over = true
			return "", reason(s.ctx, err)
		}
		if text = s.spoken(text); text != "" {
			if s.text += len(text); s.text > maxText {
				return "", fmt.Errorf("%w: more than %d bytes", ErrNonsense, maxText)
			}
			return text, nil
		}
	}
	if s.text == 0 && len(s.calls) == 0 {
		return "", fmt.Errorf("%w: it is empty", ErrNonsense)
	}
	return "", io.EOF
}

// ToolCalls are the tools that the model wants used, once Next gave io.EOF.
func (s *Stream) ToolCalls() []ToolCall { return s.calls }

// read takes one event.
func (s *Stream) read() (string, error) {
	if !s.events {
		s.over = true
		raw, err := io.ReadAll(io.LimitReader(s.body, maxLine))
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		return s.take(raw)
	}
	for s.lines.Scan() {
		s.watch.Reset(s.gap)
		data, ok := bytes.CutPrefix(s.lines.Bytes(), []byte("data:"))
		if !ok {
			continue // comments, event names, blank lines
		}
		data = bytes.TrimSpace(data)
		if string(data) == "[DONE]" {
			s.over, s.finished = true, true
			return "", nil
		}
		return s.take(data)
	}
	if err := s.lines.Err(); err != nil {
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if !s.finished {
		return "", fmt.Errorf("%w: the answer broke off", ErrUnavailable)
	}
	s.over = true
	return "", nil
}

// part is one event of a stream, or with Message a whole answer.
type part struct {
	Choices []struct {
		Delta   *delta  `json:"delta"`
		Message *delta  `json:"message"`
		Finish  *string `json:"finish_reason"`
	} `json:"choices"`
	Error json.RawMessage `json:"error"`
}

type delta struct {
	Content   *string `json:"content"`
	ToolCalls []struct {
		Index    *int   `json:"index"`
		ID       string `json:"id"`
		Function struct {
			Name      string          `json:"name"`
			Arguments json.RawMessage `json:"arguments"`
		} `json:"function"`
	} `json:"tool_calls"`
}

// take reads one event and returns its text.
func (s *Stream) take(raw []byte) (string, error) {
	var p part
	if err := json.Unmarshal(raw, &p); err != nil {
		return "", fmt.Errorf("%w: %w", ErrNonsense, err)
	}
	if len(p.Error) > 0 && string(p.Error) != "null" {
		return "", fmt.Errorf("%w: %s", ErrUnavailable, errorMessage(raw))
	}
	if len(p.Choices) == 0 {
		return "", nil // usage, or a keep-alive
	}
	c := p.Choices[0]
	s.finished = s.finished || c.Finish != nil && *c.Finish != ""
	d := c.Delta
	if d == nil {
		d = c.Message
	}
	if d == nil {
		return "", nil
	}
	if err := s.addCalls(d); err != nil || d.Content == nil {
		return "", err
	}
	return *d.Content, nil
}

var errTooManyTools = errors.New("too many tool calls")

// addCalls puts the pieces of tool calls together. Servers that leave the
// index out begin a new call with each name.
func (s *Stream) addCalls(d *delta) error {
	for i, t := range d.ToolCalls {
		at := len(s.calls) - 1
		switch {
		case t.Index != nil:
			at = *t.Index
		case t.Function.Name != "" || at < 0:
			at = len(s.calls)
		}
		if at < 0 || at > len(s.calls) || at >= maxTools {
			return fmt.Errorf("%w: %w", ErrNonsense, errTooManyTools)
		}
		if at == len(s.calls) {
			s.calls = append(s.calls, ToolCall{Type: "function", ID: fmt.Sprintf("call_%d_%d", at, i)})
		}
		c := &s.calls[at]
		if t.ID != "" {
			c.ID = t.ID
		}
		c.Function.Name += t.Function.Name
		c.Function.Arguments += argumentsText(t.Function.Arguments)
		if len(c.Function.Arguments) > maxText {
			return fmt.Errorf("%w: arguments of more than %d bytes", ErrNonsense, maxText)
		}
	}
	return nil
}

// argumentsText reads a piece of arguments: a JSON string, or, from some
// servers, the object itself.
func argumentsText(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	if string(raw) == "null" {
		return ""
	}
	return string(raw)
}

// spoken leaves out what a reasoning model thinks aloud between <think> tags,
// which come in pieces of their own.
func (s *Stream) spoken(text string) string {
	const begin, end = "<think>", "</think>"
	if s.thinking {
		_, after, ok := strings.Cut(text, end)
		if !ok {
			return ""
		}
		s.thinking, text = false, after
	}
	if before, after, ok := strings.Cut(text, begin); ok {
		s.thinking = true
		return before + s.spoken(after)
	}
	return text
}
