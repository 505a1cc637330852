package amd

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestVectors compares the processor's own inner loops with the plain ones.
func TestVectors(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	fill := func(x []float32) {
		for i := range x {
			x[i] = float32(rnd.NormFloat64())
		}
	}
	same := func(name string, got, want []float32) {
		t.Helper()
		for i := range got {
			if d := math.Abs(float64(got[i] - want[i])); d > 1e-4*(1+math.Abs(float64(want[i]))) {
				t.Fatalf("%s: %g at %d, want %g", name, got[i], i, want[i])
			}
		}
	}
	var x [windowSize]float32
	var a, b spectrum
	for range 20 {
		fill(x[:])
		firstStages(&a.re, &a.im, &x, &hann, &places)
		plainFirstStages(&b.re, &b.im, &x, &hann, &places)
		same("firstStages", a.re[:], b.re[:])
		for _, size := range []int64{4, 16} {
			fill(a.re[:])
			fill(a.im[:])
			b = a
			quarterStages(&a.re, &a.im, &map[int64][]float32{4: turns4, 16: turns16}[size][0], size)
			plainQuarterStages(&b.re, &b.im, size)
			same("quarterStages", append(a.re[:], a.im[:]...), append(b.re[:], b.im[:]...))
		}
		b = a
		lastStage(&a.re, &a.im, &turnsHalf)
		plainLastStage(&b.re, &b.im)
		same("lastStage", append(a.re[:], a.im[:]...), append(b.re[:], b.im[:]...))
		powers(&a.power, &a.re, &a.im, &turnsEven)
		plainPowers(&b.power, &b.re, &b.im)
		same("powers", a.power[:], b.power[:])

		var past [lagMax + lowSamples]float32
		var sums, plainSums [lags]float32
		fill(past[:])
		products(&sums, &past)
		plainProducts(&plainSums, &past)
		same("products", sums[:], plainSums[:])

		var floor, plainFloor [noiseBins]float32
		fill(floor[:])
		plainFloor = floor
		follow(&floor, (*[noiseBins]float32)(x[:]))
		plainFollow(&plainFloor, (*[noiseBins]float32)(x[:]))
		same("follow", floor[:], plainFloor[:])

		var low, plainLow [lowSamples]float32
		lowBand(&low, (*[lowTaps - decimation + frameSamples]float32)(x[:]), &lowPass)
		plainLowBand(&plainLow, (*[lowTaps - decimation + frameSamples]float32)(x[:]), &lowPass)
		same("lowBand", low[:], plainLow[:])
	}
}
