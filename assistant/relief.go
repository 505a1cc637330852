package assistant

import (
	"time"

	"offhook/media/vad"
)

// relief tells a voice from a sound behind it that never ends, such as music,
// by what is louder: where there is no silence, a voice begins when the level
// rises by far, and has ended when it stays as far below.
type relief struct {
	stop  int // frames far below that end a voice
	voice bool

	last [5]float64  // energies of the latest frames
	at   int         // in last
	long [25]float64 // of half a second
	n    int         // frames since reset
	top  float64     // the loudest half second since reset
	low  int         // frames in a row that were far below it
	peak float64     // the loudest of them
	base float64     // what is behind; 0: unknown

	levels [25]float64 // of the latest frames
	loud   float64     // the loudest of this piece, but for its last half second, in which a voice may have begun
}

// far is by how much a voice is louder than what is behind it: 10 dB.
const far = 10.0

// change is what a frame changed.
type change int

const (
	same  change = iota
	risen        // a voice has begun
	faded        // it is over
)

// leastFade is how long a voice has to be far below its own level to be over.
// Sentences that end faintly are for up to 600 ms.
const leastFade = 800 * time.Millisecond

// fade is leastFade, or more for who waits longer for the end of a turn.
func (t Times) fade() time.Duration {
	stop := t.VAD.Stop
	if stop == 0 {
		stop = vad.Defaults().Stop
	}
	return max(leastFade, stop+300*time.Millisecond)
}

func newRelief(fade time.Duration) relief { return relief{stop: int(fade / vad.Frame)} }

// reset begins with a voice after silence.
func (r *relief) reset() { *r = relief{stop: r.stop, voice: true} }

// add takes a frame of a sound that goes on.
func (r *relief) add(frame []int16) change {
	now := r.level(frame)
	switch {
	case !r.voice && r.base > 0 && now > far*r.base:
		r.voice, r.n, r.top, r.low = true, 0, 0, 0
		return risen
	case !r.voice:
		return same
	}
	if now*far >= r.top {
		r.low, r.peak = 0, 0
		return same
	}
	r.peak = max(r.peak, now)
	if r.low++; r.low < r.stop {
		return same
	}
	r.voice, r.base = false, r.peak
	return faded
}

// level is the energy of the latest 100 ms.
func (r *relief) level(frame []int16) float64 {
	energy := 0.0
	for _, v := range frame {
		energy += float64(v) * float64(v)
	}
	energy /= float64(len(frame))
	r.last[r.at%len(r.last)], r.long[r.at%len(r.long)] = energy, energy
	r.at++
	if r.n++; r.n >= len(r.long) {
		r.top = max(r.top, mean(r.long[:]))
	}
	now, i := mean(r.last[:]), r.at%len(r.levels)
	r.loud, r.levels[i] = max(r.loud, r.levels[i]), now
	return now
}

func mean(list []float64) float64 {
	sum := 0.0
	for _, v := range list {
		sum += v
	}
	return sum / float64(len(list))
}

// wordless says that a piece of that level is what is behind the voices.
func (r *relief) wordless(level float64) { r.voice, r.base = false, level }

// piece ends a piece and returns its level.
func (r *relief) piece() float64 {
	loud := r.loud
	r.loud = 0
	return loud
}
