package realtime

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"offhook/assistant/llm"
	"offhook/media/audio"
)

// Response is what the model says once. Next and Calls are for one goroutine.
type Response struct {
	s     *Session
	event string // of response.create
	id    string // guarded by the session
	parts chan *Part
	over  chan struct{}  // closed when nothing more comes
	gone  chan struct{}  // closed when the server has ended it too
	calls []llm.ToolCall // before over
	err   error          // before over
	once  sync.Once

	mu    sync.Mutex
	watch *time.Timer // ends it when the server is silent
	last  *Part       // that still grows
}

// Part is one thing that the model says: sound that grows, and its words.
type Part struct {
	Item string
	Clip *audio.Clip

	mu    sync.Mutex
	words string
}

// Words are those that are known by now; they come sooner than they are
// spoken.
func (p *Part) Words() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.words
}

// maxParts bounds what one response says.
const maxParts = 16

// Respond lets the model speak, about what was said or, with instructions, as
// they say. A response that goes on is cancelled before. It returns at once
// after that; ctx bounds the wait.
func (s *Session) Respond(ctx context.Context, instructions string) (*Response, error) {
	s.mu.Lock()
	before := s.response
	s.mu.Unlock()
	if before != nil {
		before.Cancel()
		select {
		case <-before.gone:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(writeTime):
			s.end(fmt.Errorf("%w: an answer can't be cancelled", llm.ErrNonsense))
			return nil, s.cause()
		}
	}
	r := &Response{s: s, parts: make(chan *Part, maxParts), over: make(chan struct{}), gone: make(chan struct{})}
	event := map[string]any{}
	if instructions != "" {
		event["response"] = map[string]any{"instructions": instructions}
	}
	s.write.Lock()
	defer s.write.Unlock()
	r.mu.Lock()
	r.watch = time.AfterFunc(s.opt.First, func() {
		r.end(llm.ErrTimeout)
		r.stop()
	})
	r.mu.Unlock()
	s.mu.Lock()
	s.response, r.event = r, s.next()
	s.mu.Unlock()
	if _, err := s.sendLocked(ctx, "response.create", event); err != nil {
		s.end(err)
		return nil, err
	}
	return r, nil
}

// Next returns the next thing that the model says as soon as its first sound
// is there. io.EOF: it has said everything, and Calls has what it wants used.
func (r *Response) Next(ctx context.Context) (*Part, error) {
	select {
	case p := <-r.parts:
		return p, nil
	default:
	}
	select {
	case p := <-r.parts:
		return p, nil
	case <-r.over:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case p := <-r.parts:
		return p, nil
	default:
	}
	if r.err != nil {
		return nil, r.err
	}
	return nil, io.EOF
}

// Calls are the tools that the model wants used, once Next gave io.EOF.
func (r *Response) Calls() []llm.ToolCall { return r.calls }

// Cancel ends the model's work; nothing when it is done.
func (r *Response) Cancel() {
	select {
	case <-r.over:
	default:
		r.stop()
	}
}

func (r *Response) stop() {
	event := map[string]any{}
	r.s.mu.Lock()
	if r.id != "" {
		event["response_id"] = r.id
	}
	r.s.mu.Unlock()
	_, _ = r.s.send(context.Background(), "response.cancel", event)
}

// end says that nothing more comes.
func (r *Response) end(err error) {
	r.once.Do(func() {
		r.err = err
		close(r.over)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watch.Stop()
	if r.last != nil {
		r.last.Clip.Close(err)
	}
}

// take takes sound or words. It is called by the receiving goroutine.
func (r *Response) take(kind string, e *event) {
	p := r.part(e.ItemID)
	if p == nil {
		return
	}
	switch kind {
	case "response.output_audio.delta":
		pcm, err := r.s.sound.decode(e.Delta)
		if err != nil {
			r.end(fmt.Errorf("%w: sound: %w", llm.ErrNonsense, err))
			return
		}
		p.Clip.Append(pcm)
	case "response.output_audio.done":
		p.Clip.Close(nil)
	case "response.output_audio_transcript.delta":
		p.mu.Lock()
		p.words += e.Delta
		p.mu.Unlock()
	case "response.output_audio_transcript.done":
		p.mu.Lock()
		p.words = e.Transcript
		p.mu.Unlock()
	}
}

// part is the part that an item is, made when it is new; nil: there are too
// many, or the response is over.
func (r *Response) part(item string) *Part {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.over:
		return nil
	default:
	}
	r.watch.Reset(r.s.opt.Gap)
	if r.last != nil && r.last.Item == item {
		return r.last
	}
	p := &Part{Item: item, Clip: audio.NewClip(r.s.sound.rate)}
	select {
	case r.parts <- p:
	default:
		return nil
	}
	if r.last != nil {
		r.last.Clip.Close(nil)
	}
	r.last = p
	return p
}
