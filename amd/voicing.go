package amd

import "math"

// The pitch of voices, as lags at 2 kHz: 62 to 400 Hz.
const (
	lagMin = 5
	lagMax = 32
	lags   = lagMax - lagMin + 1
)

// voicing measures how periodic the low band is.
type voicing struct {
	x      [lagMax + lowSamples]float32 // the last lagMax samples, then the frame
	corr   [lags]float32                // of the last frame
	energy [lags]float32
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
	// The energy of the delayed frame follows from that of the lag before.
	var delayed float32
	for _, s := range v.x[lagMax-lagMin+1 : lagMax-lagMin+1+lowSamples] {
		delayed += s * s
	}
	var sums [lags]float32
	products(&sums, &v.x)
	above, below := float32(0), float32(1) // the best quotient so far
	for i := range v.corr {
		lag := lagMin + i
		first, last := v.x[lagMax-lag], v.x[lagMax-lag+lowSamples]
		delayed = max(delayed+first*first-last*last, 0)
		c := sums[lags-1-i]
		sum, e := c+v.corr[i], delayed+v.energy[i]
		v.corr[i], v.energy[i] = c, delayed
		square, product := sum*sum, e*(own+v.own)+1e-12
		if sum > 0 && square*below > above*product {
			above, below = square, product
		}
	}
	v.own = own
	return float32(math.Sqrt(float64(above / below)))
}

// skip takes a frame that is too quiet to be measured.
func (v *voicing) skip() { *v = voicing{} }
