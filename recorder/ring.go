package recorder

import "sync/atomic"

// ring carries frames from the one goroutine that calls put to the one that
// calls take, without locks and without allocation. When it is full put drops
// the frame; the ticks of the frames that got through show where the gaps are.
type ring struct {
	slots []slot
	tick  int64 // of the next put; only put touches it
	head  atomic.Uint64
	tail  atomic.Uint64
	lost  atomic.Int64
}

// slot is one tick: its number and the frames of both voices.
type slot struct {
	tick        int64
	silent      bool
	said, heard []int16
}

func newRing(slots, samples int) *ring {
	r := &ring{slots: make([]slot, slots)}
	pcm := make([]int16, 2*slots*samples)
	for i := range r.slots {
		r.slots[i].said, pcm = pcm[:samples:samples], pcm[samples:]
		r.slots[i].heard, pcm = pcm[:samples:samples], pcm[samples:]
	}
	return r
}

// put copies one tick into the ring and reports how many now wait.
func (r *ring) put(said, heard []int16, silent bool) int {
	tick := r.tick
	r.tick++
	head := r.head.Load()
	waiting := int(head - r.tail.Load())
	if waiting == len(r.slots) {
		r.lost.Add(1)
		return waiting
	}
	s := &r.slots[head%uint64(len(r.slots))]
	s.tick, s.silent = tick, silent
	if !silent {
		fill(s.said, said)
		fill(s.heard, heard)
	}
	r.head.Store(head + 1)
	return waiting + 1
}

// peek gives the oldest frame, or nil when there is none. It stays valid until
// release.
func (r *ring) peek() *slot {
	tail := r.tail.Load()
	if tail == r.head.Load() {
		return nil
	}
	return &r.slots[tail%uint64(len(r.slots))]
}

// release gives the slot of the last peek back.
func (r *ring) release() { r.tail.Add(1) }

// fill copies src and pads with silence; a missing frame is silence.
func fill(dst, src []int16) { clear(dst[copy(dst, src):]) }
