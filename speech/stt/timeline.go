package stt

import (
	"sync"
	"time"
)

// timeline maps a stream's time to the feed's: the stream begins somewhere in
// the feed, and sound that was dropped is a gap that the stream does not know.
type timeline struct {
	mu    sync.Mutex
	parts []part
	given int64
}

// part says that from sample stream on, a stream's sound is the feed's from
// sample feed on.
type part struct{ stream, feed int64 }

// maxParts bounds the gaps that a timeline remembers.
const maxParts = 64

func newTimeline(begin int64) *timeline { return &timeline{parts: []part{{0, begin}}} }

// sent notes that n samples from at on go to the stream.
func (t *timeline) sent(at int64, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := t.parts[len(t.parts)-1]
	if last.feed+t.given-last.stream != at {
		if len(t.parts) == maxParts {
			t.parts = t.parts[1:]
		}
		t.parts = append(t.parts, part{t.given, at})
	}
	t.given += int64(n)
}

// sample is the feed's sample that the stream has at d.
func (t *timeline) sample(d time.Duration) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := int64(Samples(d))
	p := t.parts[0]
	for _, other := range t.parts[1:] {
		if other.stream > s {
			break
		}
		p = other
	}
	return max(0, p.feed+s-p.stream)
}

// at is the same as a time.
func (t *timeline) at(d time.Duration) time.Duration { return Length(t.sample(d)) }
