package tone

import (
	"math"
	"math/cmplx"
	"time"
)

// Event tells of a DTMF digit heard in the audio.
type Event struct {
	Digit    byte
	End      bool          // false: the digit has lasted for 30 ms and is certain; true: it is over
	Duration time.Duration // how long it lasts or lasted, to some 10 ms
}

// The detector's limits, after ITU-T Q.24 and the usual practice.
const (
	stepTime = 10 * time.Millisecond // a window is the last two steps
	hits     = 2                     // windows in a row that make a digit: 30 ms of tone
	misses   = 4                     // windows without it that end a digit: a dropout of 10 ms spoils three at most, a pause of 40 ms five at least

	minLevel     = 0.003 // amplitude of one frequency, full scale 1: about -47 dBm0
	normalTwist  = 8.0   // the column may be this many dB weaker than the row …
	reverseTwist = 4.0   // … and this many dB stronger
	twistMargin  = 1.0
	deviation    = 0.019 // of a frequency; 1.5 % must pass, 3.5 % must not
	residue      = 0.11  // largest part of the window's power beside the two frequencies
	unsteady     = 3.5   // dB between a frequency's levels in the window's two halves
)

// steadiness is unsteady as a ratio of powers.
var steadiness = math.Pow(10, unsteady/10)

// Detector finds DTMF digits in a stream of PCM. It is not for concurrent use
// and does not allocate.
//
// Each step of 10 ms is measured at the eight frequencies by Goertzel's
// algorithm, under a Hann window that keeps rows and columns apart. Two steps make a window; how far the phase moved between them
// gives each frequency exactly, and what two sines of those frequencies leave
// of the window tells a digit from a voice that happens to hit both.
type Detector struct {
	step   int // samples
	window []float64
	at     int // samples of the newest step in window
	bins   [8]bin

	taper, tapered []float64 // a Hann window of one step; the step under it

	candidate byte // of the last window
	count     int  // windows it was there
	digit     byte // announced and not over
	lasting   int  // windows since its start
	missed    int
	out       [8]Event
}

// bin is one nominal frequency: rows first, then columns.
type bin struct {
	omega    float64 // radians a sample
	cos, sin float64
	turn     complex128 // back by one step
	now      complex128 // amplitude, and phase at the step's end
	last     complex128 // of the step before
}

// NewDetector makes a detector for PCM at rate Hz, 8000 to 48000.
func NewDetector(rate int) *Detector {
	step := int(int64(stepTime) * int64(rate) / int64(time.Second))
	d := &Detector{step: step, window: make([]float64, 2*step)}
	d.taper, d.tapered = make([]float64, step), make([]float64, step)
	for i := range d.taper {
		d.taper[i] = 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(step))
	}
	for i := range 4 {
		d.bins[i].omega = 2 * math.Pi * rows[i] / float64(rate)
		d.bins[4+i].omega = 2 * math.Pi * cols[i] / float64(rate)
	}
	for i := range d.bins {
		d.bins[i].sin, d.bins[i].cos = math.Sincos(d.bins[i].omega)
		d.bins[i].turn = cmplx.Rect(1, -d.bins[i].omega*float64(step))
	}
	return d
}

// Process takes the next samples, at most 40 ms, and returns what was found in
// them. The slice is valid until the next call.
func (d *Detector) Process(pcm []int16) []Event {
	events := d.out[:0]
	for len(pcm) > 0 {
		k := min(d.step-d.at, len(pcm))
		for i, s := range pcm[:k] {
			d.window[d.step+d.at+i] = float64(s) / 32768
		}
		d.at += k
		pcm = pcm[k:]
		if d.at < d.step {
			break
		}
		d.measure()
		events = d.decide(d.classify(), events)
		copy(d.window, d.window[d.step:])
		d.at = 0
	}
	return events
}

// measure runs the eight frequencies over the newest step.
func (d *Detector) measure() {
	for i, x := range d.window[d.step:] {
		d.tapered[i] = x * d.taper[i]
	}
	for i := range d.bins {
		b := &d.bins[i]
		c, s1, s2 := 2*b.cos, 0.0, 0.0
		for _, x := range d.tapered {
			s1, s2 = x+c*s1-s2, s1
		}
		scale := 4 / float64(d.step) // a Hann window's mean is a half
		b.last, b.now = b.now, complex(scale*(s1-s2*b.cos), scale*s2*b.sin)
	}
}

// strongest is the strongest of four bins over the whole window.
func (d *Detector) strongest(from int) (index int) {
	power := -1.0
	for i := from; i < from+4; i++ {
		if p := cmplx.Abs(d.bins[i].now) + cmplx.Abs(d.bins[i].last); p > power {
			index, power = i, p
		}
	}
	return index
}

// classify names the digit that fills the window, 0 for none.
func (d *Detector) classify() byte {
	r, c := d.strongest(0), d.strongest(4)
	row, col := &d.bins[r], &d.bins[c]
	for _, b := range [2]*bin{row, col} {
		if now, last := square(b.now), square(b.last); min(now, last) < minLevel*minLevel/4 || max(now, last) > min(now, last)*steadiness {
			return 0
		}
	}
	energy := 0.0
	for _, x := range d.window {
		energy += x * x
	}
	// A cheap look first: most of speech ends here.
	if p := square(row.now) + square(row.last) + square(col.now) + square(col.last); p*float64(d.step)/2 < 0.5*energy {
		return 0
	}
	wr, ok1 := row.frequency(d.step)
	wc, ok2 := col.frequency(d.step)
	if !ok1 || !ok2 {
		return 0
	}
	fit := d.fit(wr, wc)
	if fit.rest > residue*energy || fit.row < minLevel || fit.col < minLevel {
		return 0
	}
	if twist := 20 * math.Log10(fit.col/fit.row); twist < -normalTwist-twistMargin || twist > reverseTwist+twistMargin {
		return 0
	}
	return keypad[4*r+c-4]
}

func square(c complex128) float64 { return real(c)*real(c) + imag(c)*imag(c) }

// frequency is the bin's true frequency in radians a sample, from the phase's
// way between the two steps; false when it is too far off the nominal one.
func (b *bin) frequency(step int) (float64, bool) {
	off := cmplx.Phase(b.now*cmplx.Conj(b.last)*b.turn) / float64(step)
	return b.omega + off, math.Abs(off) <= deviation*b.omega
}

// fitted is what two sines explain of a window.
type fitted struct{ row, col, rest float64 } // amplitudes; energy that is left

// fit finds amplitudes and phases of two sines by least squares. Time is
// counted from the window's middle: there cosines are even and sines odd, so
// the four equations fall into two pairs.
func (d *Detector) fit(wr, wc float64) fitted {
	var even, odd pair
	energy := 0.0
	start := -float64(len(d.window)-1) / 2
	r, c := cmplx.Rect(1, wr*start), cmplx.Rect(1, wc*start)
	tr, tc := cmplx.Rect(1, wr), cmplx.Rect(1, wc)
	for _, x := range d.window {
		energy += x * x
		even.add(x, real(r), real(c))
		odd.add(x, imag(r), imag(c))
		r, c = r*tr, c*tc
	}
	er, ec, e1 := even.solve()
	or, oc, e2 := odd.solve()
	return fitted{row: math.Hypot(er, or), col: math.Hypot(ec, oc), rest: energy - e1 - e2}
}

// pair sums up the normal equations of two basis functions u and v.
type pair struct{ xu, xv, uu, uv, vv float64 }

func (p *pair) add(x, u, v float64) {
	p.xu += x * u
	p.xv += x * v
	p.uu += u * u
	p.uv += u * v
	p.vv += v * v
}

// solve gives both factors and the energy that they explain.
func (p *pair) solve() (a, b, explained float64) {
	det := p.uu*p.vv - p.uv*p.uv
	a = (p.xu*p.vv - p.xv*p.uv) / det
	b = (p.xv*p.uu - p.xu*p.uv) / det
	return a, b, a*p.xu + b*p.xv
}

// decide counts the window's digit and appends what is certain by now.
func (d *Detector) decide(digit byte, events []Event) []Event {
	if digit != 0 && digit == d.candidate {
		d.count++
	} else {
		d.candidate, d.count = digit, 1
	}
	if d.digit != 0 {
		d.lasting++
		if digit == d.digit {
			d.missed = 0
			return events
		}
		d.missed++
		if d.missed < misses && !(digit != 0 && d.count >= hits) {
			return events
		}
		events = append(events, Event{Digit: d.digit, End: true, Duration: d.duration(d.lasting - d.missed)})
		d.digit = 0
	}
	if digit != 0 && d.count >= hits {
		d.digit, d.lasting, d.missed = digit, d.count, 0
		events = append(events, Event{Digit: digit, Duration: d.duration(d.count)})
	}
	return events
}

// duration of a tone that filled so many windows: each begins a step after the
// one before, and the tone began up to a step before the first.
func (d *Detector) duration(windows int) time.Duration { return time.Duration(windows+1) * stepTime }
