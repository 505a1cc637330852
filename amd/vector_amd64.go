//go:build !purego

package amd

// The detector's inner loops with SSE, which every amd64 has. What they do is
// written out in vector_plain.go; the tests compare both.

// firstStages takes the windowed samples in bit-reversed order through the
// first two stages of the transform.
//
//go:noescape
func firstStages(re, im *[halfLen]float32, x, window *[windowSize]float32, places *[halfLen / 4]int64)

// quarterStages joins four transforms of a size into one, all along the array.
//
//go:noescape
func quarterStages(re, im *[halfLen]float32, turns *float32, size int64)

// lastStage joins the two halves.
//
//go:noescape
func lastStage(re, im, turns *[halfLen]float32)

// powers takes the even and odd samples' transforms apart.
//
//go:noescape
func powers(power, re, im, turns *[halfLen]float32)

// products is the inner products of the newest frame with those that begin
// lagMax to lagMin samples before.
//
//go:noescape
func products(sums *[lags]float32, x *[lagMax + lowSamples]float32)

// lowBand rectifies, filters and decimates.
//
//go:noescape
func lowBand(low *[lowSamples]float32, x *[lowTaps - decimation + frameSamples]float32, taps *[lowTaps]float32)

// follow lets the noise fall and rise to what is heard now.
//
//go:noescape
func follow(floor, now *[noiseBins]float32)

// The lengths that vector_amd64.s counts its loops from.
var (
	_ [128]struct{} = [halfLen]struct{}{}
	_ [256]struct{} = [windowSize]struct{}{}
	_ [40]struct{}  = [lowSamples]struct{}{}
	_ [16]struct{}  = [lowTaps]struct{}{}
	_ [4]struct{}   = [decimation]struct{}{}
	_ [28]struct{}  = [lags]struct{}{}
	_ [32]struct{}  = [lagMax]struct{}{}
	_ [116]struct{} = [noiseBins]struct{}{}
)
