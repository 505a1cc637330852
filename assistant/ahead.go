package assistant

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"time"

	"offhook/assistant/realtime"
	"offhook/call"
	"offhook/flow/action"
	"offhook/resource"
	"offhook/speech"
	"offhook/speech/stt"
)

// Bounds of what is connected for calls that ring. Above them a conversation
// connects when it begins.
const (
	mostLines = 64
	lineFor   = 90 * time.Second
)

// connection is that of a call that rings: to a recogniser, or to a model that
// hears and speaks itself. Fields below ready are read after it.
type connection struct {
	live   *realtime.Options // nil: a recogniser
	unhook func()            // nobody closes it any more but who has it
	ready  chan struct{}     // closed when it is connected, or can't be
	stream stt.Stream
	model  *realtime.Session
}

// Expect connects for the conversation that actions will begin, while the call
// that they are for still rings; what is not used is closed when the call ends.
// It blocks as long as that takes.
func (s *Service) Expect(c *call.Call, actions []resource.Action) {
	for _, a := range actions {
		if a.Type != "ai_talk" {
			continue
		}
		if spec, err := s.expected(c, a); err == nil && s.missing(&spec, true) == "" {
			s.expect(c.Context(), key{c.CustomerID(), c.ID()}, &spec)
		}
		return
	}
}

// expected is who an action's assistant will be, as far as that can be told
// before there are variables.
func (s *Service) expected(c *call.Call, a resource.Action) (Spec, error) {
	var o action.AITalk
	if err := json.Unmarshal(a.Option, &o); err != nil {
		return Spec{}, err
	}
	ai, err := s.assistantOf(c.Context(), c.CustomerID(), o.ID())
	asIs := func(text string) string { return text }
	spec := specOf(ai, asIs)
	spec.apply(&o, asIs)
	return spec, err
}

// expect connects for a conversation of a call that lives as long as ctx.
func (s *Service) expect(ctx context.Context, k key, spec *Spec) {
	l := &connection{live: s.liveOf(spec), ready: make(chan struct{})}
	if _, warm := s.cfg.Ear.(speech.Warmer); warm && l.live == nil {
		return // its requests share connections
	}
	s.mu.Lock()
	if len(s.lines) >= mostLines || s.lines[k] != nil {
		s.mu.Unlock()
		return
	}
	s.lines[k] = l
	dismiss := func() { s.dismiss(k, l) }
	late, ended := time.AfterFunc(lineFor, dismiss), context.AfterFunc(ctx, dismiss)
	l.unhook = func() { late.Stop(); ended() }
	s.mu.Unlock()
	defer close(l.ready)
	var err error
	if l.live != nil {
		l.model, err = realtime.Dial(ctx, *l.live)
	} else {
		l.stream, err = s.cfg.Ear.Open(ctx, hears(spec))
	}
	if err != nil {
		s.cfg.Logger.Debug("not connected while it rings", "call", k.id, "error", err)
	}
}

// connected takes what was connected for a call; nil: nothing.
func (s *Service) connected(k key) *connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lines[k]
	if l != nil {
		delete(s.lines, k)
		l.unhook()
	}
	return l
}

// dismiss closes a line that nobody has taken.
func (s *Service) dismiss(k key, l *connection) {
	s.mu.Lock()
	mine := s.lines[k] == l
	if mine {
		delete(s.lines, k)
		l.unhook()
	}
	s.mu.Unlock()
	if mine {
		l.close()
	}
}

// dismissAll closes all lines.
func (s *Service) dismissAll() {
	s.mu.Lock()
	lines := s.lines
	s.lines = map[key]*connection{}
	s.mu.Unlock()
	for _, l := range lines {
		l.unhook()
		go l.close()
	}
}

// close closes what is connected; it waits while that is on its way.
func (l *connection) close() {
	<-l.ready
	if l.stream != nil {
		l.stream.Close()
	}
	if l.model != nil {
		l.model.Close()
	}
}

// earOn is an engine whose first stream is on a line. It is for one
// conversation, which closes it.
type earOn struct {
	stt.Engine
	line *connection
	used atomic.Bool
}

// Open implements stt.Engine.
func (e *earOn) Open(ctx context.Context, o stt.Options) (stt.Stream, error) {
	if e.used.Swap(true) {
		return e.Engine.Open(ctx, o)
	}
	select {
	case <-e.line.ready:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	stream := e.line.stream
	if stream == nil {
		return e.Engine.Open(ctx, o)
	}
	select {
	case _, alive := <-stream.Results():
		if !alive {
			return e.Engine.Open(ctx, o)
		}
	default:
	}
	return stream, nil
}

// hears is what a recogniser is asked for.
func hears(spec *Spec) stt.Options { return stt.Options{Language: spec.Language, Whole: true} }
