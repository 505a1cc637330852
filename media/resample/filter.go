package resample

import (
	"math"
	"slices"

	"offhook/media/fir"
)

// The transition band as a part of the lower rate: telephone audio ends at
// 3400 Hz, and everything from 4000 Hz on would fold back at 8000 Hz. Kaiser's
// formulas turn width and rejection into length and shape.
const (
	passEdge  = 0.425
	stopEdge  = 0.5
	rejection = 72.0 // dB
	maxPhases = 1000
)

// filter is a polyphase low-pass that inserts up-1 zeros and keeps every
// down-th sample, without computing what is zero or thrown away.
type filter struct {
	up, down int
	taps     int         // of one phase
	phases   [][]float32 // by phase, oldest input first
	delay    int         // output samples

	// Between a rate and its double, which is what G.722 and telephone bands
	// cost in a call: the same in integers, two output samples at a time, so
	// many input samples apart.
	pair *fir.Pair
	step int
}

func design(from, to int) *filter {
	up, down := ratio(to, from)
	low := float64(min(from, to))
	width := (stopEdge - passEdge) * low / float64(from) // of the input rate
	taps := int(math.Ceil((rejection-7.95)/(2.285*2*math.Pi*width))) + 1
	taps = (taps + 3) &^ 3                                              // whole turns of dot
	cutoff := (stopEdge + passEdge) * low / float64(from) / float64(up) // cycles a sample, times two
	beta := 0.1102 * (rejection - 8.7)
	centre := float64(taps / 2 * up) // a whole number of input samples, so that streams can be aligned
	f := &filter{up: up, down: down, taps: taps, phases: make([][]float32, up)}
	f.delay = int(math.Round(centre / float64(down)))
	for p := range f.phases {
		f.phases[p] = make([]float32, taps)
		var sum float64
		for k := range taps {
			// Input k of the window is taps-1-k samples old.
			x := float64((taps-1-k)*up+p) - centre
			h := sinc(cutoff*x) * bessel0(beta*math.Sqrt(math.Max(0, 1-x*x/(centre*centre)))) / bessel0(beta)
			f.phases[p][k] = float32(h)
			sum += h
		}
		for k := range taps { // the same gain in each phase, or a tone of the phases' rate appears
			f.phases[p][k] /= float32(sum)
		}
	}
	f.integrate()
	return f
}

// integrate makes the pair of integer filters for the ratios 2:1 and 1:2.
func (f *filter) integrate() {
	if f.up*f.down != 2 {
		return
	}
	// One phase of two or two of one: the taps in the order of time, newest first.
	line := make([]float64, f.up*f.taps)
	for i := range line {
		line[i] = float64(f.phases[i%f.up][f.taps-1-i/f.up])
	}
	whole, shift := integers(line, f.up)
	at := func(p, k int) int16 { return whole[(f.taps-1-k)*f.up+p] }
	if f.up == 2 {
		first, second := make([]int16, f.taps), make([]int16, f.taps)
		for k := range f.taps {
			first[k], second[k] = at(0, k), at(1, k)
		}
		f.pair, f.step = fir.NewPair(first, second, shift, true), 1
		return
	}
	// The second output sample is two input samples after the first.
	first, second := make([]int16, f.taps+2), make([]int16, f.taps+2)
	for k := range f.taps {
		first[k], second[k+2] = at(0, k), at(0, k)
	}
	f.pair, f.step = fir.NewPair(first, second, shift, true), 4
}

// integers rounds taps, with as many bits behind the point as leaves every sum
// within 32 bits. What rounding takes from one tap the next ones give back, so
// that its noise lies in the pass band, where it is a hundredth of a decibel, and
// not in the stop band, the upper half of the line's spectrum: the error passes a
// filter with zeros at the cosines c1 and c2, which is least there at its worst.
func integers(line []float64, up int) (whole []int16, shift uint) {
	const c1, c2 = -0.1464, -0.8536
	back := [4]float64{-2 * (c1 + c2), 2 + 4*c1*c2, -2 * (c1 + c2), 1}
	sums := make([]float64, up)
	for i, h := range line {
		sums[i%up] += math.Abs(h)
	}
	for shift = 15; slices.Max(sums)*float64(int(1)<<shift) > 65000; shift-- {
	}
	whole = make([]int16, len(line))
	var past [4]float64
	for i, h := range line {
		v := h * float64(int(1)<<shift)
		for j, e := range past {
			v += back[j] * e
		}
		whole[i] = int16(math.Round(v))
		past = [4]float64{float64(whole[i]) - v, past[0], past[1], past[2]}
	}
	return whole, shift
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// bessel0 is the modified Bessel function of the first kind and order 0.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-12*sum; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

// ratio reduces a/b; where that would take more than maxPhases phases, it
// gives the nearest fraction that does not (at most 0.1 % off, an inaudible
// change of pitch for a file of an odd rate).
func ratio(a, b int) (num, den int) {
	for x, y := a, b; ; {
		if y == 0 {
			a, b = a/x, b/x
			break
		}
		x, y = y, x%y
	}
	if a <= maxPhases {
		return a, b
	}
	best := math.Inf(1)
	for n := 1; n <= maxPhases; n++ {
		d := math.Round(float64(n) * float64(b) / float64(a))
		if e := math.Abs(d/float64(n)*float64(a)/float64(b) - 1); d >= 1 && e < best {
			best, num, den = e, n, int(d)
		}
	}
	return num, den
}
