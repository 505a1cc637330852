package amd

import "math"

const (
	rate         = 8000 // the rate that the detector works at, in Hz
	frameMS      = 20   // the step of all decisions
	frameSamples = rate * frameMS / 1000
	decimation   = 4 // the voicing detector hears what is below 1 kHz
	lowSamples   = frameSamples / decimation
	windowSize   = 256 // samples under the spectrum's window, 32 ms
)

// front cuts the stream into frames without hum and rumble.
type front struct {
	window  [windowSize]float32 // the newest samples, oldest first
	fill    int                 // samples of the frame that is being filled
	mean    float32             // of the rectified signal
	z1, z2  float32             // high pass
	low     [lowSamples]float32 // the frame at 2 kHz
	silent  bool                // all samples of the frame are 0: the sender was silent or a packet was lost
	peak    int16               // magnitude
	levelDB float32
}

// The high pass is a Butterworth section at 180 Hz: mains hum and engines are
// below, the second harmonic of the deepest voice above.
const (
	hpB0 = 0.90486
	hpA1 = -1.80064506
	hpA2 = 0.81878993
)

const lowTaps = 16

// lowPass is a windowed sinc at 900 Hz for 8000 Hz.
var lowPass = func() (h [lowTaps]float32) {
	var sum float64
	for i := range h {
		x := float64(i) - float64(lowTaps-1)/2
		s := math.Sin(2*math.Pi*900/rate*x) / (math.Pi * x)
		w := 0.54 + 0.46*math.Cos(2*math.Pi*x/lowTaps)
		h[i] = float32(s * w)
		sum += s * w
	}
	for i := range h {
		h[i] /= float32(sum)
	}
	return h
}()

// write takes samples up to the end of a frame. It returns how many it took
// and whether the frame is full.
func (f *front) write(pcm []int16) (int, bool) {
	n := min(len(pcm), frameSamples-f.fill)
	if f.fill == 0 {
		copy(f.window[:], f.window[frameSamples:])
		f.peak = 0
	}
	out := f.window[windowSize-frameSamples+f.fill:]
	z1, z2, peak := f.z1, f.z2, f.peak
	for i, s := range pcm[:n] {
		peak = max(peak, s^s>>15)
		x := float32(s) * (hpB0 / 32768)
		y := x + z1
		z1 = z2 - 2*x - hpA1*y
		z2 = x - hpA2*y
		out[i] = y
	}
	f.z1, f.z2, f.peak = z1, z2, peak
	f.fill += n
	if f.fill < frameSamples {
		return n, false
	}
	f.fill = 0
	f.silent = f.peak <= 8 // A-law's smallest step is silence, too
	return n, true
}

// measure works out the full frame's level.
func (f *front) measure() {
	x := f.window[windowSize-frameSamples:]
	var e0, e1 float32
	for i := 0; i+1 < len(x); i += 2 {
		e0 += x[i] * x[i]
		e1 += x[i+1] * x[i+1]
	}
	f.levelDB = decibels((e0 + e1) / frameSamples)
}

// lowBand works out the frame's low band. The signal is rectified first: the
// pitch of a voice shows in its envelope even when one formant outshines the
// fundamental.
func (f *front) lowBand() {
	const before = lowTaps - decimation
	var r [before + frameSamples]float32
	for i, v := range f.window[windowSize-frameSamples-before:] {
		if v > 0 {
			r[i] = v
		}
	}
	for i := range f.low {
		w := r[i*decimation : i*decimation+lowTaps]
		var a, b float32
		for k := 0; k < lowTaps/2; k += 2 { // the filter is symmetric
			a += lowPass[k] * (w[k] + w[lowTaps-1-k])
			b += lowPass[k+1] * (w[k+1] + w[lowTaps-2-k])
		}
		f.mean += (a + b - f.mean) * 0.06
		f.low[i] = a + b - f.mean
	}
}

// decibels is the level of a mean square, full scale 0, at least -100.
func decibels(power float32) float32 {
	if power < 1e-10 {
		return -100
	}
	return float32(10 * math.Log10(float64(power)))
}
