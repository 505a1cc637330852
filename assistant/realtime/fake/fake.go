// Package fake is a server of the realtime WebSocket protocol for tests,
// written from its public documentation. Its model hears by a function of the
// test's and speaks what another one says, as tones.
package fake

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"offhook/media/codec"
	"offhook/media/resample"
	"offhook/media/tone"
)

// Item is something in the server's conversation.
type Item struct {
	ID      string
	Role    string // user, assistant, system, or tool for the output of one
	Text    string
	Heard   time.Duration // of what the assistant said, when it was truncated
	Deleted bool
}

// Reply is what the model does next.
type Reply struct {
	Words           string
	Tool, Arguments string          // it wants a tool used
	Fails           string          // message of an error instead
	Hang            <-chan struct{} // it says nothing until this is closed
	BreakOff        bool            // the connection ends in mid-answer
}

// Server is a fake. Its fields are set before its first use.
type Server struct {
	URL string
	// Understand is the words of sound at 16 kHz.
	Understand func(pcm []int16) string
	// Answer is what the model makes of a conversation; instructions are those
	// of one response, or empty.
	Answer func(items []Item, instructions string) Reply
	Key    string // that it wants; empty: any

	t     *testing.T
	mu    sync.Mutex
	conns []*websocket.Conn
	items []Item
	setup map[string]any
	seen  map[string]int // events that came, by type
}

// Tone is the pitch of the model's voice, in Hz.
const Tone = 400

// PerLetter is how long the model takes to say a letter.
const PerLetter = 60 * time.Millisecond

// New starts a server that is closed with the test.
func New(t *testing.T, understand func([]int16) string, answer func([]Item, string) Reply) *Server {
	f := &Server{t: t, Understand: understand, Answer: answer, seen: map[string]int{}}
	s := httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(func() { f.HangUp(); s.Close() })
	f.URL = "ws" + strings.TrimPrefix(s.URL, "http") + "/v1/realtime"
	return f
}

// HangUp breaks all connections.
func (f *Server) HangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.conns {
		_ = c.CloseNow()
	}
	f.conns = nil
}

// Items is the conversation as the server has it.
func (f *Server) Items() []Item {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Item(nil), f.items...)
}

// Setup is the session of the last session.update.
func (f *Server) Setup() map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.setup
}

// Seen is how many events of a type came.
func (f *Server) Seen(kind string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.seen[kind]
}

func (f *Server) serve(w http.ResponseWriter, r *http.Request) {
	if f.Key != "" && r.Header.Get("Authorization") != "Bearer "+f.Key {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	c.SetReadLimit(4 << 20)
	f.mu.Lock()
	f.conns, f.items = append(f.conns, c), nil
	f.mu.Unlock()
	l := &line{f: f, c: c, ctx: r.Context()}
	l.law, _ = codec.Lookup("PCMU")
	l.send(map[string]any{"type": "session.created", "session": map[string]any{"model": r.URL.Query().Get("model")}})
	for {
		_, raw, err := c.Read(l.ctx)
		if err != nil {
			return
		}
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			f.t.Errorf("event %s: %v", raw, err)
			return
		}
		f.mu.Lock()
		f.seen[e.Type]++
		f.mu.Unlock()
		l.take(&e)
	}
}

// event is what clients send.
type event struct {
	Type       string         `json:"type"`
	EventID    string         `json:"event_id"`
	Session    map[string]any `json:"session"`
	Audio      string         `json:"audio"`
	ItemID     string         `json:"item_id"`
	AudioEndMS int            `json:"audio_end_ms"`
	Item       struct {
		Type    string `json:"type"`
		Role    string `json:"role"`
		Output  string `json:"output"`
		Content []struct {
			Text string `json:"text"`
		} `json:"content"`
	} `json:"item"`
	Response struct {
		Instructions string `json:"instructions"`
	} `json:"response"`
}

// line is one connection.
type line struct {
	f      *Server
	c      *websocket.Conn
	ctx    context.Context
	law    codec.Format
	buffer []int16
	ids    int

	mu     sync.Mutex // of writing, and what follows
	active func()     // cancels the response that goes on
}

func (l *line) send(e map[string]any) {
	raw, err := json.Marshal(e)
	if err != nil {
		l.f.t.Error(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.c.Write(l.ctx, websocket.MessageText, raw)
}

func (l *line) refuse(e *event, message string) {
	l.send(map[string]any{"type": "error", "error": map[string]any{
		"type": "invalid_request_error", "message": message, "event_id": e.EventID,
	}})
}

func (l *line) id(kind string) string {
	l.ids++
	return fmt.Sprintf("%s_%d", kind, l.ids)
}

func (l *line) take(e *event) {
	switch e.Type {
	case "session.update":
		l.f.mu.Lock()
		l.f.setup = e.Session
		l.f.mu.Unlock()
		l.send(map[string]any{"type": "session.updated", "session": e.Session})
	case "input_audio_buffer.append":
		raw, err := base64.StdEncoding.DecodeString(e.Audio)
		if err != nil {
			l.refuse(e, "audio")
			return
		}
		pcm := make([]int16, len(raw))
		l.buffer = append(l.buffer, pcm[:l.law.NewDecoder().Decode(pcm, raw)]...)
	case "input_audio_buffer.clear":
		l.buffer = nil
	case "input_audio_buffer.commit":
		l.commit(e)
	case "conversation.item.create":
		item := Item{ID: l.id("item"), Role: e.Item.Role, Text: e.Item.Output}
		if e.Item.Type == "function_call_output" {
			item.Role = "tool"
		} else {
			item.Text = e.Item.Content[0].Text
		}
		l.add(item)
	case "conversation.item.truncate":
		l.change(e.ItemID, func(i *Item) { i.Heard = time.Duration(e.AudioEndMS) * time.Millisecond })
	case "conversation.item.delete":
		l.change(e.ItemID, func(i *Item) { i.Deleted = true })
	case "response.create":
		l.respond(e)
	case "response.cancel":
		l.mu.Lock()
		cancel := l.active
		l.mu.Unlock()
		if cancel != nil {
			cancel()
		}
	default:
		l.refuse(e, "unknown event "+e.Type)
	}
}

func (l *line) add(i Item) {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	l.f.items = append(l.f.items, i)
}

func (l *line) change(id string, f func(*Item)) {
	l.f.mu.Lock()
	defer l.f.mu.Unlock()
	for i := range l.f.items {
		if l.f.items[i].ID == id {
			f(&l.f.items[i])
		}
	}
}

// commit makes an item of the buffer, and writes down what was said.
func (l *line) commit(e *event) {
	if len(l.buffer) < 800 {
		l.refuse(e, "buffer too small")
		return
	}
	r := resample.New(8000, 16000)
	wide := make([]int16, r.Len(len(l.buffer)))
	text := l.f.Understand(wide[:r.Process(wide, l.buffer)])
	l.buffer = nil
	item := l.id("item")
	l.add(Item{ID: item, Role: "user", Text: text})
	l.send(map[string]any{"type": "input_audio_buffer.committed", "item_id": item})
	l.send(map[string]any{"type": "conversation.item.input_audio_transcription.completed", "item_id": item, "content_index": 0, "transcript": text})
}

// respond lets the model speak, as fast as the network takes it.
func (l *line) respond(e *event) {
	ctx, cancel := context.WithCancel(l.ctx)
	l.mu.Lock()
	busy := l.active != nil
	if !busy {
		l.active = cancel
	}
	l.mu.Unlock()
	if busy {
		cancel()
		l.refuse(e, "a response is active")
		return
	}
	id, item, call := l.id("resp"), l.id("item"), l.id("call")
	reply := l.f.Answer(l.f.Items(), e.Response.Instructions)
	go func() {
		defer cancel()
		status, output := l.speak(ctx, id, item, reply), []any{}
		done := map[string]any{"id": id, "status": status}
		if reply.Tool != "" && status == "completed" {
			output = append(output, map[string]any{"type": "function_call", "call_id": call, "name": reply.Tool, "arguments": reply.Arguments})
		}
		done["output"] = output
		if status == "failed" {
			done["status_details"] = map[string]any{"error": map[string]any{"type": "server_error", "message": reply.Fails}}
		}
		l.mu.Lock()
		l.active = nil
		l.mu.Unlock()
		l.send(map[string]any{"type": "response.done", "response": done})
	}()
}

func (l *line) speak(ctx context.Context, id, item string, reply Reply) (status string) {
	l.send(map[string]any{"type": "response.created", "response": map[string]any{"id": id}})
	if reply.Fails != "" {
		return "failed"
	}
	if reply.Hang != nil {
		select {
		case <-reply.Hang:
		case <-ctx.Done():
			return "cancelled"
		}
	}
	if reply.Words == "" {
		return "completed"
	}
	l.add(Item{ID: item, Role: "assistant", Text: reply.Words})
	voice := tone.New(8000, tone.Spec{Hz1: Tone, On: PerLetter * time.Duration(len(reply.Words)), Level: -14})
	part := map[string]any{"response_id": id, "item_id": item, "content_index": 0}
	with := func(kind string, more map[string]any) map[string]any {
		e := map[string]any{"type": kind}
		for _, m := range []map[string]any{part, more} {
			for k, v := range m {
				e[k] = v
			}
		}
		return e
	}
	l.send(with("response.output_audio_transcript.delta", map[string]any{"delta": reply.Words}))
	encoder, frame, raw := l.law.NewEncoder(), make([]int16, 160), make([]byte, 160)
	for voice.ReadFrame(frame) == nil && ctx.Err() == nil {
		n := encoder.Encode(raw, frame)
		l.send(with("response.output_audio.delta", map[string]any{"delta": base64.StdEncoding.EncodeToString(raw[:n])}))
		if reply.BreakOff {
			_ = l.c.CloseNow()
			return "cancelled"
		}
	}
	if ctx.Err() != nil {
		return "cancelled"
	}
	l.send(with("response.output_audio.done", nil))
	l.send(with("response.output_audio_transcript.done", map[string]any{"transcript": reply.Words}))
	return "completed"
}
