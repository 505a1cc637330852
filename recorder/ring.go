package recorder

import "sync/atomic"

const (
	// blockFrames are the ticks of one block of memory: 0.1 s, the smallest
	// batch.
	blockFrames = promptFrames
	// ringBlocks bound what waits for a slow disk: 10.2 s, of which the block
	// being written is not free. Blocks that do not fit are lost.
	ringBlocks = 102
	ringFrames = ringBlocks * blockFrames
	// spareBlocks is what a recording keeps in hand: a batch that waits and the
	// next one's beginning. More are made while the disk stalls, and left to the
	// garbage collector afterwards.
	spareBlocks = batchFrames/blockFrames + 2
)

// ring carries frames from the one goroutine that calls put to the one that
// calls peek, without locks. When it is full put drops the frame; the ticks of the
// frames that got through show where the gaps are.
type ring struct {
	samples     int  // of a frame
	said, heard bool // which voices are wanted
	blocks      [ringBlocks]atomic.Pointer[block]
	spare       chan *block
	tick        int64 // of the next put; only put touches it
	head        atomic.Uint64
	tail        atomic.Uint64
	lost        atomic.Int64
}

type block [blockFrames]slot

// slot is one tick: its number and the frames of the wanted voices.
type slot struct {
	tick        int64
	silent      bool
	said, heard []int16
}

func newRing(samples int, said, heard bool) *ring {
	r := &ring{samples: samples, said: said, heard: heard, spare: make(chan *block, spareBlocks)}
	for range spareBlocks {
		r.spare <- r.newBlock()
	}
	return r
}

func (r *ring) newBlock() *block {
	b := &block{}
	for voice, wanted := range [2]bool{r.said, r.heard} {
		if !wanted {
			continue
		}
		pcm := make([]int16, blockFrames*r.samples)
		for i := range b {
			frame := pcm[i*r.samples : (i+1)*r.samples : (i+1)*r.samples]
			if voice == 0 {
				b[i].said = frame
			} else {
				b[i].heard = frame
			}
		}
	}
	return b
}

// put copies one tick into the ring and reports how many now wait. It allocates
// only when no spare block is left.
func (r *ring) put(said, heard []int16, silent bool) int {
	tick := r.tick
	r.tick++
	head := r.head.Load()
	waiting := int(head - r.tail.Load())
	place := &r.blocks[head/blockFrames%ringBlocks]
	if head%blockFrames == 0 {
		if place.Load() != nil { // not read to its end yet: the ring is full
			r.lost.Add(1)
			return waiting
		}
		place.Store(r.take())
	}
	s := &place.Load()[head%blockFrames]
	s.tick, s.silent = tick, silent
	if !silent {
		fill(s.said, said)
		fill(s.heard, heard)
	}
	r.head.Store(head + 1)
	return waiting + 1
}

func (r *ring) take() *block {
	select {
	case b := <-r.spare:
		return b
	default:
		return r.newBlock()
	}
}

// peek gives the oldest frame, or nil when there is none. It stays valid until
// release.
func (r *ring) peek() *slot {
	tail := r.tail.Load()
	if tail == r.head.Load() {
		return nil
	}
	return &r.blocks[tail/blockFrames%ringBlocks].Load()[tail%blockFrames]
}

// release gives the slot of the last peek back.
func (r *ring) release() {
	next := r.tail.Load() + 1
	if next%blockFrames == 0 {
		done := r.blocks[(next-1)/blockFrames%ringBlocks].Swap(nil)
		select {
		case r.spare <- done:
		default: // made during a stall
		}
	}
	r.tail.Store(next)
}

// fill copies src and pads with silence; a missing frame is silence.
func fill(dst, src []int16) { clear(dst[copy(dst, src):]) }
