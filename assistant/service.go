// Package assistant lets a language model talk with the party of a call: it
// listens, takes turns, uses tools and hands the caller over. One conversation
// is one loop (talk.go) between a mouth, an ear and a model.
package assistant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"offhook/assistant/llm"
	"offhook/assistant/realtime"
	"offhook/call"
	"offhook/flow"
	"offhook/resource"
	"offhook/speech"
	"offhook/speech/stt"
	"offhook/store"
)

// Config is what a Service is made of. All fields without a remark are needed.
type Config struct {
	DB      *store.DB
	Model   llm.Options        // of assistants that name no server of their own
	Foreign *http.Client       // reaches the servers that assistants name, and nothing that users must not
	Live    *realtime.Options  // models that hear and speak themselves; nil: none is configured
	Ear     stt.Engine         // nil: none is configured
	Voice   speech.Synthesizer // what assistants speak with
	Web     flow.Web           // tools
	Times   Times              // zero: DefaultTimes
	// Follow runs a flow when something that names one is over. May be nil.
	Follow func(customerID, flowID string, variables map[string]string)
	// Observe is told of every turn. May be nil.
	Observe func(resource.AITurn)
	Logger  *slog.Logger
}

// Errors of what the API asks for.
var (
	ErrNotConfigured = errors.New("an engine of assistants is not configured")
	ErrUnknown       = errors.New("the conversation has ended")
	ErrBusy          = errors.New("the assistant has not dealt with the messages before this one")
)

// Service is the conversations of this machine. Its methods may be called from
// any goroutine.
type Service struct {
	cfg    Config
	model  *llm.Client
	work   sync.WaitGroup
	warmed atomic.Int64 // when, in Unix nanoseconds

	mu    sync.Mutex
	live  map[key]*conversation
	lines map[key]*connection // of calls that ring
}

// key names an object of a customer.
type key struct{ customerID, id string }

// New makes a service; Recover comes before its first use.
func New(cfg Config) *Service {
	if cfg.Times == (Times{}) {
		cfg.Times = DefaultTimes()
	}
	if cfg.Model.First == 0 {
		cfg.Model.First = cfg.Times.First
	}
	return &Service{cfg: cfg, model: llm.New(cfg.Model), live: map[key]*conversation{}, lines: map[key]*connection{}}
}

// modelOf is the client of an assistant's own server, or the configured one.
func (s *Service) modelOf(spec *Spec) *llm.Client {
	if spec.EngineURL == "" {
		return s.model
	}
	o := s.cfg.Model
	o.URL, o.APIKey, o.Client = spec.EngineURL, spec.EngineKey, s.cfg.Foreign
	if spec.Model != "" {
		o.Model = spec.Model
	}
	return llm.New(o)
}

// missing says which setting an assistant lacks, "" when it lacks none.
func (s *Service) missing(spec *Spec, listens bool) string {
	switch {
	case listens && s.liveOf(spec) != nil:
		return ""
	case listens && spec.Live:
		return "no realtime model is configured: set llm.realtime.url"
	case s.cfg.Model.URL == "" && spec.EngineURL == "":
		return "no language model is configured: set llm.url and llm.model"
	case listens && s.cfg.Ear == nil:
		return "no speech recogniser is configured: set speech.stt.engine (vosk or openai) and speech.stt.url"
	}
	return ""
}

// liveOf is the model that hears and speaks itself in a conversation on a call:
// the one that the assistant names, or, where there is no other, the configured
// one; nil: none.
func (s *Service) liveOf(spec *Spec) *realtime.Options {
	if s.cfg.Live == nil || !spec.Live && (s.cfg.Model.URL != "" || spec.EngineURL != "") {
		return nil
	}
	o := *s.cfg.Live
	if spec.Live && spec.Model != "" {
		o.Model = spec.Model
	}
	if spec.Voice != "" {
		o.Voice = spec.Voice
	}
	return &o
}

// warmFor is how long a connection stays open without use.
const warmFor = time.Minute

// Warm opens connections to the model, the recogniser and the voice, unless it
// did a minute ago, so that the first turn need not wait for them. It does not
// block.
func (s *Service) Warm() {
	now := time.Now().UnixNano()
	if last := s.warmed.Load(); now-last < int64(warmFor) || !s.warmed.CompareAndSwap(last, now) {
		return
	}
	go func() { // it ends by itself; nobody waits for it
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		var all sync.WaitGroup
		for _, engine := range []any{s.model, s.cfg.Ear, s.cfg.Voice} {
			all.Go(func() { speech.Warm(ctx, engine) })
		}
		all.Wait()
	}()
}

// Of lets a call's flow talk with an assistant.
func (s *Service) Of(c *call.Call) flow.Assistant { return onCall{s, c} }

// Detached lets a run without a call work in writing: ai_task and ai_summary.
func (s *Service) Detached() flow.Assistant { return onCall{s, nil} }

// find returns a conversation that goes on.
func (s *Service) find(customerID, id string) (*conversation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.live[key{customerID, id}]
	if n == nil {
		return nil, ErrUnknown
	}
	return n, nil
}

func (s *Service) keep(n *conversation) {
	s.mu.Lock()
	s.live[key{n.row.CustomerID, n.row.ID}] = n
	s.mu.Unlock()
}

func (s *Service) forget(n *conversation) {
	s.mu.Lock()
	delete(s.live, key{n.row.CustomerID, n.row.ID})
	s.mu.Unlock()
}

// Live returns how many conversations go on.
func (s *Service) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.live)
}

// Terminate ends a conversation and returns when it is over, or ctx is;
// ErrUnknown when it has ended before.
func (s *Service) Terminate(ctx context.Context, customerID, id string) (resource.Aicall, error) {
	n, err := s.find(customerID, id)
	if err != nil {
		return resource.Aicall{}, err
	}
	n.cancel(errTerminated)
	select {
	case <-n.over:
		return n.snapshot(), nil
	case <-ctx.Done():
		return n.snapshot(), context.Cause(ctx)
	}
}

// Say puts a message into a conversation: what the party might have said, or,
// with the role system, an instruction. It is told and on its way to the store
// when Say returns; the assistant answers when it is its turn. ErrUnknown: the
// conversation has ended; ErrBusy: too many messages wait.
func (s *Service) Say(customerID, id, role, content string) (resource.Aimessage, error) {
	n, err := s.find(customerID, id)
	if err != nil {
		return resource.Aimessage{}, err
	}
	n.saying.Lock() // nobody else sends, so that what has room is taken
	defer n.saying.Unlock()
	if len(n.injected) == cap(n.injected) {
		return resource.Aimessage{}, ErrBusy
	}
	m := llm.Message{Role: role, Content: content}
	row := n.keep(m, false)
	n.injected <- m
	return row, nil
}

// Close ends all conversations and returns when they are stored, or ctx ends.
func (s *Service) Close(ctx context.Context) error {
	s.mu.Lock()
	for _, n := range s.live {
		n.cancel(&ending{result: "restart"})
	}
	s.mu.Unlock()
	s.dismissAll()
	over := make(chan struct{})
	go func() {
		s.work.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("assistants: %w", context.Cause(ctx))
	}
}
