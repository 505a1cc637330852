package assistant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"offhook/assistant/llm"
	"offhook/assistant/realtime"
	"offhook/speech/stt"
)

// live is a conversation's line to a model that hears and speaks itself. Its
// turns are those of every conversation: the ear cuts what the party says, and
// the words that the server writes down of it decide about interruptions. It
// implements stt.Engine.
type live struct {
	options realtime.Options
	setup   realtime.Setup
	dialled *connection // to begin on; nil: none

	mu      sync.Mutex // held while it connects
	session *realtime.Session
	history []llm.Message // to begin again with, when the connection breaks
}

// Name implements stt.Engine.
func (*live) Name() string { return "realtime" }

// Open implements stt.Engine.
func (l *live) Open(ctx context.Context, _ stt.Options) (stt.Stream, error) {
	s, err := l.connect(ctx)
	if errors.Is(err, llm.ErrRefused) {
		return nil, fmt.Errorf("%w: %w", stt.ErrRefused, err)
	}
	if err != nil {
		return nil, err
	}
	return s.Hear(), nil
}

// connect gives the session, a new one when there is none any more.
func (l *live) connect(ctx context.Context) (*realtime.Session, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil && l.session.Alive() {
		return l.session, nil
	}
	setup := l.setup
	setup.History = l.history
	if s := l.begin(ctx, setup); s != nil {
		l.session = s
		return s, nil
	}
	s, err := realtime.Open(ctx, l.options, setup)
	if err != nil {
		return nil, err
	}
	l.session = s
	return s, nil
}

// beginFor bounds how long a connection that was made while the call rang may
// take to be of use.
const beginFor = time.Second

// begin begins on the connection that was made while the call rang, once; nil:
// there is none, or it has broken.
func (l *live) begin(ctx context.Context, setup realtime.Setup) *realtime.Session {
	d := l.dialled
	if l.dialled = nil; d == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, beginFor)
	defer cancel()
	select {
	case <-d.ready:
	case <-ctx.Done():
		return nil
	}
	if d.model == nil || d.model.Begin(ctx, setup) != nil {
		return nil
	}
	return d.model
}

// close ends the line.
func (l *live) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil {
		l.session.Close()
	}
}

// note keeps a message of the conversation. What the model cannot know by
// itself, it is told.
func (l *live) note(ctx context.Context, m llm.Message, known bool) {
	l.mu.Lock()
	l.history = append(l.history, m)
	s := l.session
	l.mu.Unlock()
	switch {
	case s == nil || known:
	case m.Role == "tool":
		_ = s.Result(ctx, m.ToolCallID, m.Content) // what is lost with a connection is in the next one's history
	default:
		_ = s.Say(ctx, m.Role, m.Content)
	}
}

// speak lets the model say something, and hands it to the mouth as it comes.
func (l *live) speak(ctx context.Context, g *generation, instructions string) error {
	s, err := l.connect(ctx)
	if err != nil {
		return err
	}
	answer, err := s.Respond(ctx, instructions)
	if err != nil {
		return err
	}
	defer answer.Cancel()
	for {
		part, err := answer.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		g.parts = append(g.parts, part)
		select {
		case g.pieces <- piece{words: part.Words, clip: part.Clip, token: time.Now()}:
			g.sent++
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	g.calls = answer.Calls()
	var texts []string
	for _, p := range g.parts {
		texts = append(texts, p.Words())
	}
	if g.text = strings.Join(texts, " "); g.sent == 0 && len(g.calls) == 0 {
		return fmt.Errorf("%w: it is empty", llm.ErrNonsense)
	}
	return nil
}

// interrupted tells the model how much of an answer was heard.
func (l *live) interrupted(ctx context.Context, g *generation, m *mouth) {
	l.mu.Lock()
	s := l.session
	l.mu.Unlock()
	if s == nil {
		return
	}
	for _, p := range g.parts {
		played := m.played(p.Clip)
		select {
		case <-p.Clip.Done():
			if played >= p.Clip.Duration() {
				continue
			}
		default:
		}
		_ = s.Truncate(ctx, p.Item, played)
	}
}

// verbatim asks the model to say a text of ours.
func verbatim(text string) string {
	return "Say exactly this, in these words, and nothing else: " + text
}
