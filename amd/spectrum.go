package amd

import "math"

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

var hann, cosines, sines, reverse = tables()

func tables() (w [windowSize]float32, c, s [windowSize]float32, rev [halfLen]uint8) {
	for i := range w {
		w[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/windowSize))
		a := 2 * math.Pi * float64(i) / windowSize
		c[i], s[i] = float32(math.Cos(a)), float32(-math.Sin(a))
	}
	for i := range rev {
		r := 0
		for b := range 7 {
			r |= i >> b & 1 << (6 - b)
		}
		rev[i] = uint8(r)
	}
	return w, c, s, rev
}

// transform works out the power spectrum of x: a complex transform of half
// the length over the even and odd samples, taken apart.
func (s *spectrum) transform(x *[windowSize]float32) {
	for i := range s.re {
		j, at := reverse[i]&(halfLen-1), 2*i&(windowSize-2)
		s.re[j] = x[at] * hann[at]
		s.im[j] = x[at+1] * hann[at+1]
	}
	s.butterflies()
	// Power 1 of x's mean square over the window's own power.
	const scale = 2.0 / (windowSize * windowSize * 0.375)
	s.power[0] = 0
	for k := 1; k <= halfLen/2; k++ { // the bins k and m share their halves
		m := halfLen - k
		er, ei := (s.re[k]+s.re[m])/2, (s.im[k]-s.im[m])/2
		or, oi := (s.im[k]+s.im[m])/2, (s.re[m]-s.re[k])/2
		c, w := cosines[k], sines[k]
		pr, pi := c*or-w*oi, c*oi+w*or
		r, i := er+pr, ei+pi
		s.power[k] = (r*r + i*i) * scale
		r, i = er-pr, ei-pi
		s.power[m] = (r*r + i*i) * scale
	}
}

func (s *spectrum) butterflies() {
	re, im := &s.re, &s.im
	for i := 0; i < halfLen; i += 4 { // the first two stages have no multiplications
		a, b, c, d := re[i], re[i+1], re[i+2], re[i+3]
		e, f, g, h := im[i], im[i+1], im[i+2], im[i+3]
		re[i], re[i+1], re[i+2], re[i+3] = a+b+c+d, a-b+g-h, a+b-c-d, a-b-g+h
		im[i], im[i+1], im[i+2], im[i+3] = e+f+g+h, e-f-c+d, e+f-g-h, e-f+c-d
	}
	s.quarters(4)
	s.quarters(16)
	for j := range halfLen / 2 {
		k := j + halfLen/2
		c, w := cosines[2*j], sines[2*j]
		tr, ti := re[k]*c-im[k]*w, re[k]*w+im[k]*c
		re[k], im[k] = re[j]-tr, im[j]-ti
		re[j], im[j] = re[j]+tr, im[j]+ti
	}
}

// quarters joins four transforms of a size into one, all along the array: two
// stages in one, with three multiplications instead of four.
func (s *spectrum) quarters(size int) {
	const last = halfLen - 1 // masks keep the indices in bounds
	re, im := &s.re, &s.im
	for j := range size {
		turn := windowSize / 4 / size * j
		c1, w1 := cosines[2*turn&(windowSize-1)], sines[2*turn&(windowSize-1)]
		c2, w2 := cosines[turn&(windowSize-1)], sines[turn&(windowSize-1)]
		c3, w3 := cosines[3*turn&(windowSize-1)], sines[3*turn&(windowSize-1)]
		for at := j; at < halfLen; at += 4 * size {
			i0, i1, i2, i3 := at&last, (at+size)&last, (at+2*size)&last, (at+3*size)&last
			br, bi := re[i1]*c1-im[i1]*w1, re[i1]*w1+im[i1]*c1
			cr, ci := re[i2]*c2-im[i2]*w2, re[i2]*w2+im[i2]*c2
			dr, di := re[i3]*c3-im[i3]*w3, re[i3]*w3+im[i3]*c3
			pr, pi, mr, mi := re[i0]+br, im[i0]+bi, re[i0]-br, im[i0]-bi
			er, ei, or, oi := cr+dr, ci+di, ci-di, dr-cr
			re[i0], im[i0], re[i2], im[i2] = pr+er, pi+ei, pr-er, pi-ei
			re[i1], im[i1], re[i3], im[i3] = mr+or, mi+oi, mr-or, mi-oi
		}
	}
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
	for k := from; k <= to; k++ {
		p := s.power[k]
		if p > top && p >= s.power[k-1] && p >= s.power[k+1] && (not.power == 0 || k > not.bin+3 || k < not.bin-3) {
			best, top = k, p
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
