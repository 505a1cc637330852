package amd

import "math"

// The pitch of voices, as lags at 2 kHz: 62 to 400 Hz.
const (
	lagMin = 5
	lagMax = 32
)

// voicing measures how periodic the low band is.
type voicing struct {
	x      [lagMax + lowSamples]float32 // the last lagMax samples, then the frame
	corr   [lagMax - lagMin + 1]float32 // of the last frame
	energy [lagMax - lagMin + 1]float32
	own    float32
}

// frame takes 20 ms of the low band and returns the highest normalised
// autocorrelation over the last two frames: near 1 for a voice or a tone,
// under a half for noise.
func (v *voicing) frame(low *[lowSamples]float32) float32 {
	copy(v.x[:lagMax], v.x[lowSamples:])
	copy(v.x[lagMax:], low[:])
	y := v.x[lagMax:]
	var own float32
	for _, s := range y {
		own += s * s
	}
	var best float32
	// The energy of the delayed frame follows from that of the lag before.
	var delayed float32
	for _, s := range v.x[lagMax-lagMin+1 : lagMax-lagMin+1+lowSamples] {
		delayed += s * s
	}
	for i := range v.corr {
		lag := lagMin + i
		first, last := v.x[lagMax-lag], v.x[lagMax-lag+lowSamples]
		delayed += first*first - last*last
		c := correlate(y, v.x[lagMax-lag:])
		sum, e := c+v.corr[i], max(delayed, 0)+v.energy[i]
		v.corr[i], v.energy[i] = c, max(delayed, 0)
		if sum > 0 {
			best = max(best, sum*sum/(e*(own+v.own)+1e-12))
		}
	}
	v.own = own
	return float32(math.Sqrt(float64(best)))
}

// skip takes a frame that is too quiet to be measured.
func (v *voicing) skip() { *v = voicing{} }

// correlate is the inner product of a frame and an earlier one.
func correlate(a, b []float32) float32 {
	a, b = a[:lowSamples], b[:lowSamples]
	var s0, s1, s2, s3 float32
	for i := 0; i < lowSamples; i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	return (s0 + s1) + (s2 + s3)
}
