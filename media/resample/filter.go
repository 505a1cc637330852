package resample

import "math"

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
	return f
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
