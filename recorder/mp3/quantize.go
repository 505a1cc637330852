package mp3

import "math"

// rounding is added before a line is cut to an integer. Less than one half,
// since small values are more common than large ones and cheaper as well.
const rounding = 0.4054

// gains: a quantised value v stands for v^(4/3) * 2^((global_gain-210)/4).
var scale34 [256]float32 // 2^(-3/16*(gain-210))

func init() {
	for gain := range scale34 {
		scale34[gain] = float32(math.Exp2(-3.0 / 16 * float64(gain-210)))
	}
}

// spectrum is one channel's granule on its way through the quantiser.
type spectrum struct {
	blockType int
	gain      int
	xr        [granule]float32 // lines in the order in which they are coded
	power     [granule]float32 // |xr|^(3/4)
	end       int              // lines from here on are zero
	peak      float32          // of power
	ix        [granule]int32   // quantised magnitudes
	code      coding
}

// prepare computes what all tries of the rate loop share.
func (s *spectrum) prepare() {
	s.end, s.peak = 0, 0
	for i, x := range s.xr {
		if x < 0 {
			x = -x
		}
		p := sqrt(x * sqrt(x))
		s.power[i] = p
		if p > 0 {
			s.end = i + 1
			s.peak = max(s.peak, p)
		}
	}
}

func sqrt(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// leastGain is the smallest gain at which no value is too large to be coded.
func (s *spectrum) leastGain() int {
	gain := 0
	for gain < 255 && s.peak*scale34[gain] > maxQuant-1 {
		gain++
	}
	return gain
}

// quantize fills ix for a gain and gives where the zeros begin.
func (s *spectrum) quantize(gain int) (end int) {
	s.gain = gain
	scale := scale34[gain]
	power := s.power[:s.end]
	ix := s.ix[:len(power)]
	for i, p := range power {
		ix[i] = int32(p*scale + rounding)
	}
	clear(s.ix[s.end:])
	return s.end
}
