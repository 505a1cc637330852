package recorder

import (
	"errors"
	"sync"
	"syscall"
	"time"
)

// writer is the goroutine side of a recording: it empties the ring into the
// container and decides when the recording is over.
type writer struct {
	rec     *Recording
	file    file
	out     container
	pcm     []int16 // interleaved, one batch; lent while the ring is emptied
	used    int
	frames  int64 // written, or in pcm
	limit   int64 // frames, 0: none
	silence *silenceDetector
	err     error
}

func newWriter(r *Recording, f file, c container) *writer {
	w := &writer{rec: r, file: f, out: c}
	w.limit = int64((r.opts.MaxDuration + FrameDuration - 1) / FrameDuration)
	if r.opts.Silence > 0 || r.opts.InitialSilence > 0 {
		w.silence = newSilenceDetector(r.opts.Silence, r.opts.InitialSilence)
	}
	return w
}

func (w *writer) run() {
	var idle <-chan time.Time
	var timer *time.Timer
	if w.rec.opts.Idle > 0 {
		timer = time.NewTimer(w.rec.opts.Idle)
		defer timer.Stop()
		idle = timer.C
	}
	for over := false; !over; {
		select {
		case <-w.rec.woken:
			over = w.drain()
			if timer != nil {
				timer.Reset(w.rec.opts.Idle)
			}
		case <-idle:
			// A few frames may wait without having filled a batch.
			before := w.frames
			over = w.drain()
			if w.frames == before {
				w.rec.finish(Idle)
			}
			timer.Reset(w.rec.opts.Idle)
		case <-w.rec.ending:
			w.drain()
			over = true
		}
	}
	w.complete()
}

// batches are for interleaving. They are needed for a moment twice a second, so
// that recordings share some.
var batches = sync.Pool{New: func() any { return new([]int16) }}

// borrow takes a batch until the func that it returns is called.
func (w *writer) borrow() (giveBack func()) {
	batch := batches.Get().(*[]int16)
	size := batchFrames * w.rec.opts.frameSamples() * w.rec.opts.Channels
	if cap(*batch) < size {
		*batch = make([]int16, size)
	}
	w.pcm = (*batch)[:size]
	return func() {
		w.pcm = nil
		batches.Put(batch)
	}
}

// drain writes all that waits, silence where frames were dropped, and reports
// whether the recording is over.
func (w *writer) drain() bool {
	defer w.borrow()()
	over := false
	for s := w.rec.ring.peek(); s != nil && !over; s = w.rec.ring.peek() {
		for w.frames < s.tick && !over {
			over = w.add(nil)
		}
		if !over {
			over = w.add(s)
		}
		w.rec.ring.release()
	}
	return w.flush() || over
}

// add appends one tick (nil: silence) to the batch.
func (w *writer) add(s *slot) (over bool) {
	n := w.rec.opts.frameSamples() * w.rec.opts.Channels
	if w.used+n > len(w.pcm) && w.flush() {
		return true
	}
	dst := w.pcm[w.used : w.used+n]
	if s == nil || s.silent {
		clear(dst)
	} else {
		w.rec.opts.combine(dst, s)
	}
	w.used += n
	w.frames++
	if w.limit > 0 && w.frames >= w.limit {
		w.rec.finish(Duration)
		return true
	}
	if w.silence != nil && s != nil && !s.silent && w.silence.add(w.rec.opts.watched(s)) {
		w.rec.finish(Silence)
		return true
	}
	return false
}

// flush writes the batch and reports whether that failed for good.
func (w *writer) flush() (failed bool) {
	pcm := w.pcm[:w.used]
	w.used = 0
	if w.err != nil {
		return true
	}
	if len(pcm) == 0 {
		return false
	}
	if w.err = w.out.write(pcm); w.err == nil {
		return false
	}
	w.rec.finish(reasonOf(w.err))
	return true
}

func reasonOf(err error) Reason {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return DiskFull
	default:
		return WriteError
	}
}

// complete makes the file whole, gives it its name and tells everybody.
func (w *writer) complete() {
	r := w.rec
	samples, size, err := w.out.finish()
	if w.err == nil {
		w.err = err
	}
	w.err = errors.Join(w.err, publish(w.file, r.opts.Path))
	r.result = Result{
		Path:     r.opts.Path,
		Duration: durationOf(samples, r.opts.Rate),
		Size:     size,
		Reason:   r.reason,
		Dropped:  r.ring.lost.Load(),
		Err:      w.err,
	}
	if w.err != nil {
		r.opts.Logger.Error("recording ended early", "path", r.opts.Path, "reason", r.reason, "error", w.err)
	}
	close(r.done)
	if r.opts.OnEnd != nil {
		r.opts.OnEnd(r.result)
	}
}

// combine writes the channels that were asked for, interleaved.
func (o Options) combine(dst []int16, s *slot) {
	switch {
	case o.Direction == In:
		copy(dst, s.said)
	case o.Direction == Out:
		copy(dst, s.heard)
	case o.Channels == 1:
		mix(dst, s.said, s.heard)
	default:
		heard := s.heard[:len(s.said)]
		dst = dst[:2*len(heard)]
		for i, v := range s.said {
			dst[2*i], dst[2*i+1] = v, heard[i]
		}
	}
}

// watched is the voice whose silence ends the recording.
func (o Options) watched(s *slot) []int16 {
	if o.Direction == Out {
		return s.heard
	}
	return s.said
}
