// Package stt turns speech into text through engines behind one small
// interface. An engine lives in a folder of its own and implements Engine;
// Listen keeps one listening, over outages too.
package stt

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Rate is the sample rate in Hz of all sound that engines are given: mono, 16
// bits, what recognisers are trained on.
const Rate = 16000

// Kind says what a Result tells.
type Kind int

// The kinds of results.
const (
	Interim Kind = iota // words so far of a phrase that goes on; they may change
	Final               // the words of a phrase that is over
)

// Result is what an engine understood. Times count from the first sample that
// the stream was given.
type Result struct {
	Kind       Kind
	Text       string
	Start      time.Duration // where the phrase begins
	End        time.Duration // where it ends
	Confidence float64       // 0 to 1; 0: unknown
	Through    time.Duration // of a Final: sound before this is dealt with
}

// Options are what a stream is asked for.
type Options struct {
	Language string // BCP 47; engines of one language ignore it
	Whole    bool   // what is written until Finish is one utterance, cut already
}

// Engine is a recogniser. Safe for concurrent use.
type Engine interface {
	// Open begins a stream. It may take as long as the network does.
	Open(ctx context.Context, o Options) (Stream, error)
	// Name names the engine for people.
	Name() string
}

// Stream is one voice on its way to an engine. Write and Finish are for one
// goroutine, Results for another.
type Stream interface {
	// Write sends sound; it may block as long as the network does.
	Write(ctx context.Context, pcm []int16) error
	// Finish says that no more sound comes: what was given is decided as soon
	// as can be, then Results ends.
	Finish(ctx context.Context) error
	// Results gives results in order. It is closed at the stream's end, after
	// Finish, Close or a failure; Err then tells why.
	Results() <-chan Result
	// Err is nil after Finish or Close, else what broke the stream. It is
	// valid once Results is closed.
	Err() error
	// Close ends the stream at once and frees it. It may be called twice.
	Close()
}

// ErrNotConfigured is wrapped by errors for want of a setting, which they name.
var ErrNotConfigured = errors.New("no speech recogniser is configured")

// ErrRefused is wrapped by errors that another try would not mend, such as a
// wrong key.
var ErrRefused = errors.New("the speech recogniser refuses")

// Missing stands in for an engine that is not configured.
type Missing struct{}

// Open implements Engine.
func (Missing) Open(context.Context, Options) (Stream, error) {
	return nil, fmt.Errorf("%w: set speech.stt.engine (vosk or openai) and speech.stt.url", ErrNotConfigured)
}

// Name implements Engine.
func (Missing) Name() string { return "" }

// Samples is how many samples of an engine's rate d has.
func Samples(d time.Duration) int { return int(d * Rate / time.Second) }

// Length is how long n samples of an engine's rate last.
func Length(n int64) time.Duration { return time.Duration(n) * time.Second / Rate }
