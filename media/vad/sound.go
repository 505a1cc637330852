package vad

import "math"

// sound is what one frame sounds like.
type sound struct {
	level  float64 // dBFS
	rough  float64 // the energy of its slope over its own, 4 sin²(πf/Rate) for a tone of f Hz
	bright float64 // dB of its energy that is above 600 Hz
}

// spectrum measures frames, and knows what the line lets through.
type spectrum struct {
	high       biquad
	low        [2]biquad
	noise      float64 // Config.Noise
	bass, full float64 // energy of darker sounds than that below 200 Hz, and all of it
}

func newSpectrum(noise float64) spectrum {
	low := lowPass(200)
	return spectrum{high: highPass(600), low: [2]biquad{low, low}, noise: noise}
}

// forget is how much of what is known of a line is left a frame later.
const forget = 0.98

// measure measures one frame.
func (s *spectrum) measure(pcm []int16) sound {
	var energy, slope int64
	var high, low float64
	last := int64(0)
	if len(pcm) > 0 {
		last = int64(pcm[0])
	}
	for _, sample := range pcm {
		v := int64(sample)
		energy += v * v
		slope += (v - last) * (v - last)
		last = v
	}
	if energy == 0 { // filters that ring out are slow: their numbers get too small for processors
		s.high.rest()
		s.low[0].rest()
		s.low[1].rest()
		return sound{level: -120, bright: -120}
	}
	for _, sample := range pcm {
		y := s.high.next(float64(sample))
		high += y * y
		y = s.low[1].next(s.low[0].next(float64(sample)))
		low += y * y
	}
	all := float64(energy)
	if float64(slope) < all*s.noise {
		s.bass, s.full = forget*s.bass+low, forget*s.full+all
	}
	return sound{level: decibels(all / float64(len(pcm)) / (32768 * 32768)), rough: float64(slope) / all, bright: decibels(high / all)}
}

// Lines that carry less than bassShare dB of their sound below 200 Hz, as
// handsets and old trunks do, make hums brighter by narrowShift dB.
const (
	bassShare   = -8
	narrowShift = 5.5
)

// shift is how much brighter than elsewhere a hum sounds on this line, in dB.
func (s *spectrum) shift() float64 {
	if decibels(s.bass/s.full) < bassShare {
		return narrowShift
	}
	return 0
}

func decibels(ratio float64) float64 { return 10 * math.Log10(ratio) }

// biquad is a filter of the second order, without resonance.
type biquad struct{ b0, b1, b2, a1, a2, z1, z2 float64 }

func (f *biquad) next(x float64) float64 {
	y := f.b0*x + f.z1
	f.z1 = f.b1*x - f.a1*y + f.z2
	f.z2 = f.b2*x - f.a2*y
	return y
}

// rest forgets the sound so far.
func (f *biquad) rest() { f.z1, f.z2 = 0, 0 }

func lowPass(hz float64) biquad {
	f, c := poles(hz)
	f.b0, f.b1, f.b2 = f.b0*(1-c)/2, f.b0*(1-c), f.b0*(1-c)/2
	return f
}

func highPass(hz float64) biquad {
	f, c := poles(hz)
	f.b0, f.b1, f.b2 = f.b0*(1+c)/2, -f.b0*(1+c), f.b0*(1+c)/2
	return f
}

// poles are those of a Butterworth filter; b0 is the factor of its zeros, c the
// cosine of its angle.
func poles(hz float64) (f biquad, c float64) {
	sin, c := math.Sincos(2 * math.Pi * hz / Rate)
	a0 := 1 + sin/math.Sqrt2
	return biquad{b0: 1 / a0, a1: -2 * c / a0, a2: (1 - sin/math.Sqrt2) / a0}, c
}

// A span covers the last second and a half in blocks.
const (
	blocks      = 5
	blockFrames = 15
)

// span is the lowest and highest level of late.
type span struct {
	low, high [blocks]float64
	frames    int
}

func (s *span) add(level float64) {
	at := s.frames / blockFrames % blocks
	if s.frames%blockFrames == 0 {
		s.low[at], s.high[at] = level, level
	}
	s.low[at], s.high[at] = min(s.low[at], level), max(s.high[at], level)
	if s.frames++; s.frames == 2*blocks*blockFrames {
		s.frames = blocks * blockFrames
	}
}

// bounds are those of the last 1.2 to 1.5 s; full reports whether there has
// been that much.
func (s *span) bounds() (low, high float64, full bool) {
	n := min(blocks, (s.frames+blockFrames-1)/blockFrames)
	low, high = math.Inf(1), math.Inf(-1)
	for i := range n {
		low, high = min(low, s.low[i]), max(high, s.high[i])
	}
	return low, high, s.frames > (blocks-1)*blockFrames
}
