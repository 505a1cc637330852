package transcribe

import (
	"cmp"
	"math"
	"slices"
	"sync"
	"time"

	"offhook/speech/stt"
)

// merge puts what was understood of several voices in the order in which it
// was spoken. A phrase waits until every other voice is understood up to its
// begin; interims are left out.
type merge struct {
	n *session

	mu      sync.Mutex
	waiting []phrase
	through map[*voice]time.Duration // understood up to here
}

// phrase is something that a voice said.
type phrase struct {
	v *voice
	r stt.Result
}

func newMerge(n *session) *merge {
	m := &merge{n: n, through: map[*voice]time.Duration{}}
	for _, v := range n.voices {
		m.through[v] = 0
	}
	return m
}

// take takes a result of one voice, in the order of that voice.
func (m *merge) take(v *voice, r stt.Result) {
	if r.Kind != stt.Final {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.through[v] = r.Through
	if r.Text != "" {
		m.waiting = append(m.waiting, phrase{v, r})
	}
	m.release()
}

// finish says that a voice has no more results.
func (m *merge) finish(v *voice) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.through[v] = math.MaxInt64
	m.release()
}

// release tells what nothing can come before any more. The caller holds the
// lock.
func (m *merge) release() {
	until := time.Duration(math.MaxInt64)
	for _, t := range m.through {
		until = min(until, t)
	}
	slices.SortStableFunc(m.waiting, func(a, b phrase) int { return cmp.Compare(a.r.Start, b.r.Start) })
	for len(m.waiting) > 0 && m.waiting[0].r.Start <= until {
		m.n.heard(m.waiting[0].v, m.waiting[0].r)
		m.waiting = m.waiting[1:]
	}
}
