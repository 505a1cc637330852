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
	pcm     [frameSamples]int16 // the frame that is being filled
	fill    int                 // samples of it
	mean    float32             // of the rectified signal
	x1, x2  float32             // high pass: what went in last
	y1, y2  float32             // and what came out
	low     [lowSamples]float32 // the frame at 2 kHz
	silent  bool                // all samples of the frame are 0: the sender was silent or a packet was lost
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
	n := copy(f.pcm[f.fill:], pcm)
	f.fill += n
	if f.fill < frameSamples {
		return n, false
	}
	f.fill = 0
	f.filter()
	return n, true
}

// filter passes the full frame into the window and measures its level. Samples
// go in pairs: the second is worked out from those before the first, too, so
// that it need not wait for it.
func (f *front) filter() {
	copy(f.window[:], f.window[frameSamples:])
	out := f.window[windowSize-frameSamples:]
	x1, x2, y1, y2 := f.x1, f.x2, f.y1, f.y2
	var e0, e1 float32
	var peak int16
	for i := 0; i+1 < len(out) && i+1 < len(f.pcm); i += 2 {
		s, t := f.pcm[i], f.pcm[i+1]
		peak = max(peak, s^s>>15, t^t>>15)
		xa, xb := float32(s)*(hpB0/32768), float32(t)*(hpB0/32768)
		va, vb := xa-2*x1+x2, xb-2*xa+x1
		ya := va - hpA2*y2 - hpA1*y1
		yb := vb - hpA1*va + hpA1*hpA2*y2 + (hpA1*hpA1-hpA2)*y1
		out[i], out[i+1] = ya, yb
		e0 += ya * ya
		e1 += yb * yb
		x1, x2, y1, y2 = xb, xa, yb, ya
	}
	if peak == 0 && max(y1, y2, -y1, -y2) < 1e-12 {
		y1, y2 = 0, 0 // numbers too small for the processor to be quick with
	}
	f.x1, f.x2, f.y1, f.y2 = x1, x2, y1, y2
	f.levelDB = decibels((e0 + e1) / frameSamples)
	f.silent = peak <= 8 // A-law's smallest step is silence, too
}

// lowBand works out the frame's low band. The signal is rectified first: the
// pitch of a voice shows in its envelope even when one formant outshines the
// fundamental.
func (f *front) lowBand() {
	const before = lowTaps - decimation
	lowBand(&f.low, (*[before + frameSamples]float32)(f.window[windowSize-frameSamples-before:]), &lowPass)
	mean := f.mean
	for i, v := range f.low {
		mean += (v - mean) * 0.06
		f.low[i] = v - mean
	}
	f.mean = mean
}

// decibels is the level of a mean square, full scale 0, at least -100.
func decibels(power float32) float32 {
	if power < 1e-10 {
		return -100
	}
	return float32(10 * math.Log10(float64(power)))
}
