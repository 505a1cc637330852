package transcribe

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"offhook/resource"
	"offhook/speech/stt"
)

// session is one transcription. It implements media.Sink.
type session struct {
	s      *Service
	src    Sound
	voices []*voice
	ending chan struct{} // closed when it shall end
	over   chan struct{} // closed when all is stored

	patience time.Duration // how long an engine may take for its last words
	merge    *merge        // nil: each voice is told as it is understood

	mu     sync.Mutex
	row    resource.Transcribe
	ended  bool
	reason string // of the end, once decided
}

// voice is one direction of a session.
type voice struct {
	direction string
	feed      *stt.Feed
	speaking  bool
	interim   time.Time     // when the last interim event went out
	dropped   time.Duration // that users were told of
}

// lastWords is the patience with engines that keep up with speech.
const lastWords = 8 * time.Second

func (s *Service) newSession(src Sound, r Request) *session {
	if r.ID == "" {
		r.ID = resource.NewID()
	}
	if r.Language == "" {
		r.Language = "en-US"
	}
	n := &session{s: s, src: src, ending: make(chan struct{}), over: make(chan struct{}), patience: lastWords}
	directions := []string{"in", "out"}
	switch r.Direction {
	case "in", "out":
		directions = []string{r.Direction}
	default:
		r.Direction = "both"
	}
	for _, d := range directions {
		n.voices = append(n.voices, &voice{direction: d, feed: stt.NewFeed(s.cfg.Outage)})
	}
	n.row = resource.Transcribe{
		Identity:     resource.Identity{ID: r.ID, CustomerID: src.CustomerID, TMCreate: resource.Now()},
		ActiveflowID: src.ActiveflowID, OnEndFlowID: r.OnEndFlowID, ReferenceType: src.ReferenceType, ReferenceID: src.ReferenceID,
		Status: "progressing", Language: r.Language, Direction: r.Direction, Provider: s.cfg.Engine.Name(),
	}
	return n
}

// WriteFrame implements media.Sink.
func (n *session) WriteFrame(said, heard []int16) {
	for _, v := range n.voices {
		if v.direction == "in" {
			v.feed.Write(said)
		} else {
			v.feed.Write(heard)
		}
	}
}

func (n *session) log() *slog.Logger {
	return n.s.cfg.Logger.With("transcribe", n.row.ID, n.row.ReferenceType, n.row.ReferenceID)
}

// end makes the session end for a reason; the first one stays.
func (n *session) end(reason string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.ended {
		n.ended, n.reason = true, reason
		close(n.ending)
	}
}

func (n *session) closeFeeds() {
	for _, v := range n.voices {
		v.feed.Close()
	}
}

// snapshot is the row as it is now.
func (n *session) snapshot() resource.Transcribe {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.row
}

// listen runs the engine on every direction and returns when all have ended,
// with the reason of the end.
func (n *session) listen() (reason string, err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		select {
		case <-n.ending:
			defer time.AfterFunc(n.patience, func() { cancel(errLate) }).Stop()
			<-ctx.Done()
		case <-ctx.Done():
		}
	}()
	var work sync.WaitGroup
	faults := make([]error, len(n.voices))
	for i, v := range n.voices {
		work.Go(func() {
			faults[i] = stt.Listen(ctx, n.s.cfg.Engine, stt.Options{Language: n.row.Language}, v.feed, stt.Patience{},
				func(r stt.Result) { n.understood(v, r) })
			if n.merge != nil {
				n.merge.finish(v)
			}
			if faults[i] != nil {
				n.end("") // nothing more can be heard
			}
		})
	}
	stopWatch := n.watchDropped(ctx)
	work.Wait()
	stopWatch()
	n.mu.Lock()
	defer n.mu.Unlock()
	err = errors.Join(faults...)
	switch {
	case errors.Is(err, stt.ErrNotConfigured):
		return "engine_not_configured", err
	case err != nil && !errors.Is(err, errLate):
		return "engine_failed", err
	}
	return n.reason, err
}

// understood takes one result of an engine.
func (n *session) understood(v *voice, r stt.Result) {
	if n.merge != nil {
		n.merge.take(v, r)
		return
	}
	n.heard(v, r)
}

var errLate = errors.New("the engine did not give its last words in time")

// watchDropped looks each second whether sound was lost.
func (n *session) watchDropped(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				n.tellDropped()
			case <-ctx.Done():
				n.tellDropped()
				return
			}
		}
	}()
	return func() { cancel(); <-done }
}
