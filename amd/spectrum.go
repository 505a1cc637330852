package amd

import (
	"math"
	"math/bits"
)

const (
	bins    = windowSize / 2
	binHz   = float64(rate) / windowSize
	halfLen = windowSize / 2
)

// spectrum is a power spectrum of 256 samples under a Hann window. Its tables
// are shared.
type spectrum struct {
	re, im [halfLen]float32
	power  [bins]float32 // of a sine of full scale: 0.5 in its three bins together
}

var hann, cosines, sines = tables()

func tables() (w, c, s [windowSize]float32) {
	for i := range w {
		w[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/windowSize))
		a := 2 * math.Pi * float64(i) / windowSize
		c[i], s[i] = float32(math.Cos(a)), float32(-math.Sin(a))
	}
	return w, c, s
}

// places is where the outputs of the first stages go, in bytes: the order of
// the reversed bits.
var places = func() (p [halfLen / 4]int64) {
	for i := range p {
		p[i] = int64(bits.Reverse8(uint8(i))>>3) * 16
	}
	return p
}()

// The twiddles of the stages, four cosines before four sines: for joining
// quarters of 4 and 16, the halves, and the even and odd samples.
var (
	turns4    = turns(4, func(j int) []int { return []int{32 * j, 16 * j, 48 * j} })
	turns16   = turns(16, func(j int) []int { return []int{8 * j, 4 * j, 12 * j} })
	turnsHalf = [halfLen]float32(turns(halfLen/2, func(j int) []int { return []int{2 * j} }))
	turnsEven = [halfLen]float32(turns(halfLen/2, func(j int) []int { return []int{j + 1} }))
)

func turns(n int, angles func(j int) []int) (t []float32) {
	for j := 0; j < n; j += 4 {
		for k := range angles(j) {
			for _, table := range []*[windowSize]float32{&cosines, &sines} {
				for i := range 4 {
					t = append(t, table[angles(j + i)[k]])
				}
			}
		}
	}
	return t
}

// transform works out the power spectrum of x: a complex transform of half
// the length over the even and odd samples, taken apart.
func (s *spectrum) transform(x *[windowSize]float32) {
	firstStages(&s.re, &s.im, x, &hann, &places)
	quarterStages(&s.re, &s.im, &turns4[0], 4)
	quarterStages(&s.re, &s.im, &turns16[0], 16)
	lastStage(&s.re, &s.im, &turnsHalf)
	powers(&s.power, &s.re, &s.im, &turnsEven)
}

// line is a spectral line.
type line struct {
	bin   int
	power float32
	hz    float32
}

// strongest finds the line of the highest peak between two bins that is not
// within three bins of another.
func (s *spectrum) strongest(from, to int, not line) line {
	best := 0
	var top float32
	low, high := bins, 0 // the bins that are too near
	if not.power != 0 {
		low, high = not.bin-3, not.bin+3
	}
	around := s.power[from-1 : to+2]
	for k := 1; k+1 < len(around); k++ {
		p := around[k]
		if p > top && p >= around[k-1] && p >= around[k+1] && (k+from-1 > high || k+from-1 < low) {
			best, top = k+from-1, p
		}
	}
	if best == 0 {
		return line{}
	}
	l := line{bin: best}
	for k := best - 2; k <= best+2; k++ {
		l.power += s.power[k]
	}
	l.hz = float32(binHz) * (float32(best) + s.offset(best))
	return l
}

// offset is where the line lies between bins: for a Hann window the ratio of
// the amplitudes of the two highest bins gives it exactly.
func (s *spectrum) offset(k int) float32 {
	root := func(p float32) float64 { return math.Sqrt(float64(p)) }
	a, b, c := root(s.power[k-1]), root(s.power[k]), root(s.power[k+1])
	if b == 0 {
		return 0
	}
	if c >= a {
		r := c / b
		return float32((2*r - 1) / (r + 1))
	}
	r := a / b
	return -float32((2*r - 1) / (r + 1))
}

// total is the power between two bins, both included.
func (s *spectrum) total(from, to int) float32 {
	var a, b float32
	p := s.power[from : to+1]
	for i := 0; i+1 < len(p); i += 2 {
		a += p[i]
		b += p[i+1]
	}
	if len(p)&1 == 1 {
		a += p[len(p)-1]
	}
	return a + b
}
