package stt

import (
	"context"
	"io"
	"sync"
	"time"
)

// Feed is a bounded store of sound between a clock and an engine. The clock
// writes and never waits; when the engine is too slow or away, the oldest
// sound goes and is counted. What was read stays until Settle says that it is
// dealt with, so that it can be read again after an outage.
type Feed struct {
	mu      sync.Mutex
	ring    []int16
	settled int64 // samples before this are gone
	read    int64
	written int64
	dropped int64
	closed  bool
	wake    chan struct{} // has one entry when there is something new
	room    chan struct{} // has one entry when something was read
}

// NewFeed makes a feed that keeps at most so much sound.
func NewFeed(size time.Duration) *Feed {
	return &Feed{ring: make([]int16, Samples(size)), wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// Write adds sound. It does not block or allocate.
func (f *Feed) Write(pcm []int16) {
	f.mu.Lock()
	if f.closed || len(pcm) > len(f.ring) {
		f.mu.Unlock()
		return
	}
	if over := f.written + int64(len(pcm)) - f.settled - int64(len(f.ring)); over > 0 {
		f.settled += over
		if f.read < f.settled {
			f.dropped += f.settled - f.read
			f.read = f.settled
		}
	}
	at := int(f.written % int64(len(f.ring)))
	n := copy(f.ring[at:], pcm)
	copy(f.ring, pcm[n:])
	f.written += int64(len(pcm))
	f.mu.Unlock()
	f.notify()
}

// WriteWait adds sound that need not keep up with a clock: it waits until half
// of the feed was read, so that nothing is dropped.
func (f *Feed) WriteWait(ctx context.Context, pcm []int16) error {
	for {
		f.mu.Lock()
		waiting := f.written - f.read
		f.mu.Unlock()
		if waiting < int64(len(f.ring)/2) {
			f.Write(pcm)
			return nil
		}
		select {
		case <-f.room:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (f *Feed) notify() { signal(f.wake) }

// signal leaves one entry in a channel.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Close says that no more is written.
func (f *Feed) Close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.notify()
}

// Read waits for sound and copies it to dst, where it begins at sample at; a
// gap since the last read was dropped. io.EOF: closed and all was read. One
// goroutine reads at a time.
func (f *Feed) Read(ctx context.Context, dst []int16) (n int, at int64, err error) {
	for {
		f.mu.Lock()
		if have := f.written - f.read; have > 0 {
			n, at = int(min(have, int64(len(dst)))), f.read
			from := int(at % int64(len(f.ring)))
			m := copy(dst[:n], f.ring[from:])
			copy(dst[m:n], f.ring)
			f.read += int64(n)
			f.mu.Unlock()
			signal(f.room)
			return n, at, nil
		}
		closed := f.closed
		f.mu.Unlock()
		if closed {
			return 0, f.read, io.EOF
		}
		select {
		case <-f.wake:
		case <-ctx.Done():
			return 0, 0, context.Cause(ctx)
		}
	}
}

// Settle lets sound before sample at go.
func (f *Feed) Settle(at int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.settled = max(f.settled, min(at, f.read))
}

// Rewind makes everything that is not settled be read again, and returns
// where that begins.
func (f *Feed) Rewind() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read = f.settled
	if f.written > f.read {
		f.notify()
	}
	return f.read
}

// Dropped is how much sound went without being read.
func (f *Feed) Dropped() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Length(f.dropped)
}

// Written is how much sound came in so far.
func (f *Feed) Written() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Length(f.written)
}
