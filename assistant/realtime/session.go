// Package realtime talks with models that hear and speak themselves, through
// any server of OpenAI's realtime WebSocket. Who has the turn is decided by the
// caller of this package: the server's own turn detection is off.
package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"offhook/assistant/llm"
)

// Options name a server.
type Options struct {
	URL         string        // such as wss://api.openai.com/v1/realtime
	Model       string        // sent as ?model=
	APIKey      string        // sent as a bearer token; never logged
	Voice       string        // empty: the server's
	Transcriber string        // model that writes down what it heard; empty: gpt-4o-mini-transcribe
	Connect     time.Duration // longest wait for a session; 0: 2500 ms
	First       time.Duration // longest wait for an answer's begin; 0: 8 s
	Gap         time.Duration // longest pause in an answer; 0: 10 s
	Logger      *slog.Logger
}

func (o Options) filled() Options {
	for _, f := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.Connect, 2500 * time.Millisecond}, {&o.First, 8 * time.Second}, {&o.Gap, 10 * time.Second}} {
		if *f.field == 0 {
			*f.field = f.value
		}
	}
	if o.Transcriber == "" {
		o.Transcriber = "gpt-4o-mini-transcribe"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Setup is who the model is in one conversation.
type Setup struct {
	Instructions string
	Language     string // BCP 47, for the transcriber
	Tools        []llm.Tool
	History      []llm.Message // what was said before, in a session that was lost
	Wide         bool          // sound of 24 kHz; else G.711, as telephones have it
}

// Session is one conversation with a model. Its methods may be called from any
// goroutine.
type Session struct {
	opt    Options
	conn   *websocket.Conn
	sound  format
	ctx    context.Context
	cancel context.CancelCauseFunc
	ready  chan error    // gets the server's word on the setup
	buffer chan struct{} // holds the one who speaks into the server's buffer
	over   chan struct{} // closed when the connection has ended

	write sync.Mutex // one message after the other, and their order

	mu       sync.Mutex
	events   int                   // sent so far
	commits  []*utterance          // sent, and not confirmed
	spoken   map[string]*utterance // confirmed, by item
	response *Response             // that goes on
}

// maxEvent bounds one event of the server, in bytes.
const maxEvent = 4 << 20

// Open connects and sets a session up. Errors wrap those of package llm.
func Open(ctx context.Context, o Options, setup Setup) (*Session, error) {
	ctx, cancel := context.WithTimeout(ctx, o.filled().Connect)
	defer cancel()
	s, err := Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := s.Begin(ctx, setup); err != nil {
		return nil, err
	}
	return s, nil
}

// Dial connects. The session's first use is Begin, or it is closed.
func Dial(ctx context.Context, o Options) (*Session, error) {
	o = o.filled()
	ctx, cancel := context.WithTimeout(ctx, o.Connect)
	defer cancel()
	address, err := o.address()
	if err != nil {
		return nil, err
	}
	header := http.Header{}
	if o.APIKey != "" {
		header.Set("Authorization", "Bearer "+o.APIKey)
	}
	conn, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		if res != nil && (res.StatusCode == 401 || res.StatusCode == 403 || res.StatusCode == 404) {
			return nil, fmt.Errorf("%w: check llm.realtime (status %d)", llm.ErrRefused, res.StatusCode)
		}
		return nil, fmt.Errorf("%w: %w", llm.ErrUnavailable, err)
	}
	conn.SetReadLimit(maxEvent)
	s := &Session{
		opt: o, conn: conn, ready: make(chan error, 1), buffer: make(chan struct{}, 1),
		over: make(chan struct{}), spoken: map[string]*utterance{},
	}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	return s, nil
}

// Begin sets a session up that Dial has made, once. When it fails, the session
// is closed.
func (s *Session) Begin(ctx context.Context, setup Setup) error {
	ctx, cancel := context.WithTimeout(ctx, s.opt.Connect)
	defer cancel()
	s.sound = formatOf(setup.Wide)
	go s.receive()
	err := s.begin(ctx, setup)
	if err != nil {
		s.Close()
	}
	return err
}

func (o Options) address() (string, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("%w: llm.realtime.url must be such as wss://api.openai.com/v1/realtime", llm.ErrNotConfigured)
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	if q := u.Query(); o.Model != "" {
		q.Set("model", o.Model)
		u.RawQuery = q.Encode()
	}
	return u.String(), nil
}

// begin tells the server who it is, and waits for its word.
func (s *Session) begin(ctx context.Context, setup Setup) error {
	language, _, _ := strings.Cut(setup.Language, "-")
	transcription := map[string]any{"model": s.opt.Transcriber}
	if language != "" {
		transcription["language"] = strings.ToLower(language)
	}
	output := map[string]any{"format": s.sound.describe()}
	if s.opt.Voice != "" {
		output["voice"] = s.opt.Voice
	}
	tools := []map[string]any{}
	for _, t := range setup.Tools {
		parameters := t.Parameters
		if parameters == nil {
			parameters = map[string]any{"type": "object", "properties": map[string]any{}}
		}
		tools = append(tools, map[string]any{"type": "function", "name": t.Name, "description": t.Description, "parameters": parameters})
	}
	_, err := s.send(ctx, "session.update", map[string]any{"session": map[string]any{
		"type": "realtime", "instructions": setup.Instructions, "output_modalities": []string{"audio"},
		"audio": map[string]any{
			"input":  map[string]any{"format": s.sound.describe(), "transcription": transcription, "turn_detection": nil},
			"output": output,
		},
		"tools": tools,
	}})
	if err != nil {
		return err
	}
	select {
	case err := <-s.ready:
		if err != nil {
			return err
		}
	case <-s.over:
		return s.cause()
	case <-ctx.Done():
		return fmt.Errorf("%w: the realtime server did not begin", llm.ErrTimeout)
	}
	for _, m := range setup.History {
		if err := s.Say(ctx, m.Role, m.Content); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the session. It may be called twice.
func (s *Session) Close() {
	s.cancel(errClosed)
	_ = s.conn.CloseNow()
}

var errClosed = errors.New("closed")

// Alive reports whether the connection is there.
func (s *Session) Alive() bool { return s.ctx.Err() == nil }

// cause is why the session has ended.
func (s *Session) cause() error {
	return fmt.Errorf("%w: realtime: %w", llm.ErrUnavailable, context.Cause(s.ctx))
}

// writeTime bounds how long one message may take to send.
const writeTime = 5 * time.Second

// send sends an event and returns its id.
func (s *Session) send(ctx context.Context, kind string, event map[string]any) (id string, err error) {
	s.write.Lock()
	defer s.write.Unlock()
	return s.sendLocked(ctx, kind, event)
}

// next is the id of the event that is sent next. The caller holds mu, and write
// where it relies on that.
func (s *Session) next() string { return fmt.Sprintf("offhook_%d", s.events+1) }

// sendLocked is send for who holds the lock.
func (s *Session) sendLocked(ctx context.Context, kind string, event map[string]any) (id string, err error) {
	s.mu.Lock()
	id = s.next()
	s.events++
	s.mu.Unlock()
	event["type"], event["event_id"] = kind, id
	raw, err := json.Marshal(event)
	if err != nil {
		return "", fmt.Errorf("realtime: %w", err)
	}
	if !s.Alive() {
		return "", s.cause()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTime) // an end of ctx would break the connection
	defer cancel()
	if err := s.conn.Write(ctx, websocket.MessageText, raw); err != nil {
		return "", fmt.Errorf("%w: realtime: %v", llm.ErrUnavailable, err)
	}
	return id, nil
}

// Say adds a message in writing to the conversation: of the user, the
// assistant or the system.
func (s *Session) Say(ctx context.Context, role, text string) error {
	if text == "" || role == "tool" {
		return nil
	}
	kind := "input_text"
	if role == "assistant" {
		kind = "output_text"
	}
	_, err := s.send(ctx, "conversation.item.create", map[string]any{"item": map[string]any{
		"type": "message", "role": role, "content": []any{map[string]string{"type": kind, "text": text}},
	}})
	return err
}

// Result gives the model what a tool that it wanted used has answered.
func (s *Session) Result(ctx context.Context, callID, output string) error {
	_, err := s.send(ctx, "conversation.item.create", map[string]any{"item": map[string]any{
		"type": "function_call_output", "call_id": callID, "output": output,
	}})
	return err
}

// Truncate tells the model that of something that it said only so much was
// heard; what was not heard at all is taken away.
func (s *Session) Truncate(ctx context.Context, item string, heard time.Duration) error {
	if heard <= 0 {
		return s.forget(ctx, item)
	}
	_, err := s.send(ctx, "conversation.item.truncate", map[string]any{
		"item_id": item, "content_index": 0, "audio_end_ms": heard.Milliseconds(),
	})
	return err
}

func (s *Session) forget(ctx context.Context, item string) error {
	_, err := s.send(ctx, "conversation.item.delete", map[string]any{"item_id": item})
	return err
}
