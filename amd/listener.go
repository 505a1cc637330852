package amd

import (
	"context"
	"sync"
)

// Listener is a media.Sink that runs a Detector on what the party says, for
// other goroutines to wait for. All of its methods may be called from any
// goroutine; WriteFrame never waits for one that does more than copy a
// Verdict.
type Listener struct {
	mu       sync.Mutex
	detector *Detector
	closed   bool
	done     [3]bool
	decided  chan struct{}
	greeted  chan struct{}
	ready    chan struct{}
}

// NewListener makes a Listener for PCM of a rate in Hz.
func NewListener(hz int, c Config) *Listener {
	return &Listener{
		detector: New(hz, c),
		decided:  make(chan struct{}), greeted: make(chan struct{}), ready: make(chan struct{}),
	}
}

// WriteFrame implements media.Sink.
func (l *Listener) WriteFrame(said, _ []int16) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return
	}
	l.detector.Write(said)
	l.tell()
}

// tell closes the channels of what has come to be known.
func (l *Listener) tell() {
	v := &l.detector.verdict
	for i, known := range [3]bool{v.Result != "", v.GreetingEnd != None, v.Ready != None && l.detector.now() >= v.Ready} {
		if known && !l.done[i] {
			l.done[i] = true
			close([3]chan struct{}{l.decided, l.greeted, l.ready}[i])
		}
	}
}

// Early tells that the call is not answered yet: what comes is early media.
func (l *Listener) Early() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.detector.Early()
}

// Answered tells that the call has been answered just now; what was heard
// before was early media.
func (l *Listener) Answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.detector.Answered()
}

// Verdict is what is known by now.
func (l *Listener) Verdict() Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.detector.Verdict()
}

// Decided is closed when the result is there.
func (l *Listener) Decided() <-chan struct{} { return l.decided }

// GreetingEnded is closed when the end of the greeting is known: before a
// beep, or after the silence that follows it.
func (l *Listener) GreetingEnded() <-chan struct{} { return l.greeted }

// Ready is closed when a message may start: a moment after the beep's end, or
// after the greeting's end and message_silence_ms. It stays open after a
// person's answer.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Wait returns the verdict when c is closed, or what is known when ctx ends,
// with its error.
func (l *Listener) Wait(ctx context.Context, c <-chan struct{}) (Verdict, error) {
	select {
	case <-c:
		return l.Verdict(), nil
	case <-ctx.Done():
		return l.Verdict(), ctx.Err()
	}
}

// Close ends listening, at hang-up for example: a result that is still due is
// taken from what was heard. Frames that come later are dropped.
func (l *Listener) Close() Verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.closed {
		l.closed = true
		l.detector.Finish()
		l.tell()
	}
	return l.detector.Verdict()
}
