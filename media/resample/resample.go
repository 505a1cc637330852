// Package resample changes the sample rate of streaming PCM with a polyphase
// Kaiser-windowed FIR filter: flat within 0.1 dB up to 0.425 of the lower rate,
// 66 dB down from its half on. Between a rate and its double it works in integers,
// with the same promise.
package resample

import "sync"

// Resampler converts one stream. It is not for concurrent use.
type Resampler struct {
	filter *filter
	from   int
	to     int
	phase  int       // position of the next output sample after the next input sample, in 1/up input samples
	hist   []float32 // the last taps-1 input samples, then room for a block
	past   []int16   // the same where the filter is a pair of integer ones
}

// block is how many input samples are filtered at a time, at most.
const block = 960

// New makes a resampler between two rates in Hz; each is held to 8000..48000.
// Equal rates copy. Filters are computed once for each pair of rates and
// shared.
func New(from, to int) *Resampler {
	from, to = clampRate(from), clampRate(to)
	r := &Resampler{from: from, to: to}
	if from != to {
		r.filter = shared.load(from, to)
		if f := r.filter; f.pair != nil {
			r.past = make([]int16, block+f.pair.Taps()+f.step)
		} else {
			r.hist = make([]float32, f.taps-1+block)
		}
	}
	return r
}

func clampRate(hz int) int { return max(8000, min(48000, hz)) }

// Process converts src into dst and returns the samples written: 20 ms for
// 20 ms, other lengths in proportion, with the remainder carried over. dst
// must have room for Len(len(src)) samples; what does not fit is lost. The
// output is Delay samples late. Process never allocates.
func (r *Resampler) Process(dst, src []int16) int {
	if r.filter == nil {
		return copy(dst, src)
	}
	n := 0
	for len(src) > 0 {
		k := min(block, len(src))
		if r.past != nil {
			n += r.double(dst[n:], src[:k])
		} else {
			n += r.step(dst[n:], src[:k])
		}
		src = src[k:]
	}
	return n
}

func (r *Resampler) step(dst, src []int16) int {
	f := r.filter
	keep := f.taps - 1
	in := r.hist[keep : keep+len(src)]
	for i, s := range src {
		in[i] = float32(s)
	}
	n := 0
	end := len(src) * f.up
	p := r.phase
	for ; p < end; p += f.down {
		if n == len(dst) {
			continue
		}
		at := p / f.up
		dst[n] = round(dot(f.phases[p-at*f.up], r.hist[at:at+f.taps]))
		n++
	}
	r.phase = p - end
	copy(r.hist, r.hist[len(src):len(src)+keep])
	return n
}

// double is step with the pair of integer filters.
func (r *Resampler) double(dst, src []int16) int {
	f := r.filter
	keep := f.taps - 1
	copy(r.past[keep:], src)
	all := r.Len(len(src))
	n := min(all, len(dst))
	if first := r.phase / f.up; n > 0 {
		done := 2 * f.pair.Run(dst[:n&^1], r.past[first:], f.step)
		if done < n { // the second of the last two is not due yet
			var two [2]int16
			f.pair.Run(two[:], r.past[first+done/2*f.step:], f.step)
			dst[done] = two[0]
		}
	}
	r.phase += all*f.down - len(src)*f.up
	copy(r.past, r.past[len(src):len(src)+keep])
	return n
}

// Len is the number of samples that Process gives next for n samples.
func (r *Resampler) Len(n int) int {
	if r.filter == nil {
		return n
	}
	return max(0, (n*r.filter.up-r.phase+r.filter.down-1)/r.filter.down)
}

// Delay is how late the output is, in output samples, rounded.
func (r *Resampler) Delay() int {
	if r.filter == nil {
		return 0
	}
	return r.filter.delay
}

// Lag is how late the output is in input samples, exactly: so many must follow
// for the whole answer to the last one to be out.
func (r *Resampler) Lag() int {
	if r.filter == nil {
		return 0
	}
	return r.filter.taps / 2
}

// Align takes the delay out of a new stream: the first output sample will be
// the one at the time of input sample n, counted from 0, and nothing comes out
// before.
func (r *Resampler) Align(n int) {
	if r.filter != nil {
		r.phase = (n + r.Lag()) * r.filter.up
	}
}

// Reset forgets the stream: the next sample is the first of a new one.
func (r *Resampler) Reset() {
	r.phase = 0
	clear(r.hist)
	clear(r.past)
}

// dot is the inner product; four sums keep the processor's adders busy.
func dot(a, b []float32) float32 {
	b = b[:len(a)]
	var s0, s1, s2, s3 float32
	for len(a) >= 4 && len(b) >= 4 {
		s0 += a[0] * b[0]
		s1 += a[1] * b[1]
		s2 += a[2] * b[2]
		s3 += a[3] * b[3]
		a, b = a[4:], b[4:]
	}
	for i := range a {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

func round(v float32) int16 {
	switch {
	case v >= 32767:
		return 32767
	case v <= -32768:
		return -32768
	case v < 0:
		return int16(v - 0.5)
	}
	return int16(v + 0.5)
}

// filters holds the designs by pair of rates.
type filters struct {
	mu sync.Mutex
	by map[[2]int]*filter
}

var shared = filters{by: map[[2]int]*filter{}}

// maxShared bounds the designs that are kept; files may come in any rate.
const maxShared = 64

func (c *filters) load(from, to int) *filter {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := [2]int{from, to}
	if f, ok := c.by[key]; ok {
		return f
	}
	f := design(from, to)
	if len(c.by) < maxShared {
		c.by[key] = f
	}
	return f
}
