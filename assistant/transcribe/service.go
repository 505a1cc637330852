// Package transcribe writes down what is said on calls, in conferences and in
// recordings: rows and events of transcriptions and transcripts.
package transcribe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"offhook/media"
	"offhook/resource"
	"offhook/speech/stt"
	"offhook/store"
)

// Config is what a Service is made of. All fields without a remark are needed.
type Config struct {
	DB     *store.DB
	Engine stt.Engine
	Logger *slog.Logger
	// Outage is how much sound is kept while the engine is away; 0: 20 s.
	Outage time.Duration
	// Open opens the file of a finished recording.
	Open func(r *resource.Recording) (io.ReadCloser, error)
	// Ended is told of every transcription that is over, for flows that follow
	// it. May be nil.
	Ended func(resource.Transcribe)
}

// Errors of what the API asks for.
var (
	ErrDuplicate = errors.New("this is being transcribed in this language already")
	ErrUnknown   = errors.New("the transcription does not run")
)

// Service is the transcriptions of this machine that go on. Its methods may be
// called from any goroutine.
type Service struct {
	cfg  Config
	work sync.WaitGroup

	mu   sync.Mutex
	live map[key]*session
}

// key names an object of a customer.
type key struct{ customerID, id string }

// New makes a service; Recover comes before its first use.
func New(cfg Config) *Service {
	if cfg.Outage == 0 {
		cfg.Outage = 20 * time.Second
	}
	return &Service{cfg: cfg, live: map[key]*session{}}
}

// Request is a transcription to start.
type Request struct {
	ID          string // "": made here
	Language    string // BCP 47; "": en-US
	Direction   string // in, out or both; "": both
	OnEndFlowID string
}

// Sound is something that can be listened to while it lasts.
type Sound struct {
	CustomerID    string
	ReferenceType string // call or conference
	ReferenceID   string
	ActiveflowID  string
	// Attach lets a sink have the sound.
	Attach func(sink media.Sink, rate int) (detach func())
	// Ended is closed when the sound is over.
	Ended <-chan struct{}
	// Emit publishes an event in order with others of the same thing.
	Emit func(resource.Event)
}

// Start transcribes something live until Stop or its end.
func (s *Service) Start(src Sound, r Request) (resource.Transcribe, error) {
	n := s.newSession(src, r)
	s.mu.Lock()
	if other := s.twin(n.row); other != nil {
		s.mu.Unlock()
		return other.snapshot(), ErrDuplicate
	}
	s.live[key{src.CustomerID, n.row.ID}] = n
	s.mu.Unlock()
	n.begin()
	detach := src.Attach(n, stt.Rate)
	s.work.Go(func() {
		select {
		case <-src.Ended:
			n.end("hangup")
		case <-n.ending:
		}
		detach()
		n.closeFeeds()
	})
	s.work.Go(func() { s.run(n) })
	return n.snapshot(), nil
}

// twin finds a live transcription of the same sound in the same language. The
// caller holds the lock.
func (s *Service) twin(row resource.Transcribe) *session {
	for _, other := range s.live {
		o := &other.row // these fields do not change
		if o.CustomerID == row.CustomerID && o.ReferenceID == row.ReferenceID && o.Language == row.Language &&
			o.ReferenceType == row.ReferenceType {
			return other
		}
	}
	return nil
}

// Stop ends a transcription and returns when its last words are stored, or ctx
// ends. ErrUnknown: it has ended, or never was.
func (s *Service) Stop(ctx context.Context, customerID, id string) (resource.Transcribe, error) {
	s.mu.Lock()
	n := s.live[key{customerID, id}]
	s.mu.Unlock()
	if n == nil {
		return resource.Transcribe{}, ErrUnknown
	}
	n.end("stop")
	select {
	case <-n.over:
		return n.snapshot(), nil
	case <-ctx.Done():
		return n.snapshot(), context.Cause(ctx)
	}
}

// Live returns how many transcriptions go on.
func (s *Service) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// Close ends all transcriptions and returns when the last is stored, or ctx
// ends.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	for _, n := range s.live {
		n.end("restart")
	}
	s.mu.Unlock()
	over := make(chan struct{})
	go func() {
		s.work.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("transcriptions: %w", context.Cause(ctx))
	}
}

// run brings a session to its end.
func (s *Service) run(n *session) {
	reason, err := n.listen()
	n.finish(reason, err)
	s.mu.Lock()
	delete(s.live, key{n.row.CustomerID, n.row.ID})
	s.mu.Unlock()
	if s.cfg.Ended != nil {
		s.cfg.Ended(n.snapshot())
	}
	close(n.over)
}
