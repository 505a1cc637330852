package audio

import (
	"math"
	"sync"
)

// Music is the music on hold that comes with offhook: a slow eight-bar round on
// soft bells over a warm pad, made by this file alone. It is rendered once, at
// the first call (some 100 ms), and shared. Play it with Loop.
func Music() *Clip { return music() }

var music = sync.OnceValue(func() *Clip {
	s := newScore(16000, 72, 32)
	s.pads()
	s.bells()
	s.bass()
	s.echo()
	c := NewClip(s.rate)
	c.Append(s.mixed(0.28))
	c.Close(nil)
	return c
})

// chords are the eight bars as notes in semitones from C4: Cmaj9, Am7, Fmaj9,
// Gsus, Em7, Am9, Dm9, G7sus.
var chords = [8][5]int{
	{-12, 4, 7, 11, 14},
	{-15, 0, 4, 7, 12},
	{-19, 0, 4, 9, 12},
	{-17, 0, 2, 7, 14},
	{-20, -1, 2, 7, 11},
	{-15, 0, 4, 11, 12},
	{-22, 0, 4, 5, 9},
	{-17, 0, 5, 9, 14},
}

// melody is what the bells play: beat, semitones from C5, loudness.
var melody = [][3]float64{
	{0, 4, 1},
	{1.5, 7, .7},
	{2, 11, .9},
	{4, 12, 1},
	{5.5, 7, .7},
	{6, 4, .8},
	{8, 9, 1},
	{9.5, 7, .7},
	{10, 4, .8},
	{12, 2, 1},
	{13.5, 0, .6},
	{14, 2, .8},
	{16, 7, 1},
	{17.5, 11, .7},
	{18, 14, .9},
	{20, 12, 1},
	{21.5, 11, .7},
	{22, 7, .8},
	{24, 5, 1},
	{25.5, 9, .7},
	{26, 12, .9},
	{28, 14, .9},
	{29.5, 9, .6},
	{30, 7, .7},
	{31, 2, .5},
}

// score is a piece on a circle of samples: a note that rings past the end goes
// on at the start, so the piece has no seam.
type score struct {
	rate int
	beat float64 // samples
	mix  []float64
}

func newScore(rate int, perMinute float64, beats int) *score {
	beat := 60 / perMinute * float64(rate)
	// A whole number of 20 ms frames keeps the length whole at every port's rate.
	frame := rate / 50
	n := int(math.Round(beat*float64(beats)/float64(frame))) * frame
	return &score{rate: rate, beat: float64(n) / float64(beats), mix: make([]float64, n)}
}

func hertz(semitones float64) float64 { return 261.6256 * math.Pow(2, semitones/12) }

// partial is one harmonic of an instrument.
type partial struct{ ratio, amp, decay float64 } // decay: seconds to 1/e

// strike adds a struck note: partials that die away, each at its own pace.
func (s *score) strike(beat, hz, amp float64, partials []partial) {
	start := int(beat * s.beat)
	for _, p := range partials {
		if hz*p.ratio > 3300 {
			continue
		}
		sin, cos := math.Sincos(2 * math.Pi * hz * p.ratio / float64(s.rate))
		fall := math.Exp(-1 / (p.decay * float64(s.rate)))
		re, im := amp*p.amp, 0.0
		attack := s.rate / 125
		for i := range int(6 * p.decay * float64(s.rate)) {
			v := im
			if i < attack {
				v *= float64(i) / float64(attack)
			}
			s.mix[(start+i)%len(s.mix)] += v
			re, im = (re*cos-im*sin)*fall, (re*sin+im*cos)*fall
		}
	}
}

func (s *score) bells() {
	bell := []partial{{1, 1, .9}, {2, .35, .5}, {3, .12, .25}, {4.2, .05, .1}}
	for _, n := range melody {
		s.strike(n[0], hertz(12+n[1]), .5*n[2], bell)
	}
}

func (s *score) bass() {
	pluck := []partial{{1, 1, .8}, {2, .6, .5}, {3, .25, .3}}
	for bar, c := range chords {
		s.strike(float64(4*bar), hertz(float64(c[0])), .55, pluck)
		s.strike(float64(4*bar)+2.5, hertz(float64(c[0])+7), .3, pluck)
	}
}

// pads lays each bar's chord under it, swelling in and out over its neighbours;
// two voices a hair apart beat slowly.
func (s *score) pads() {
	bar := 4 * s.beat
	for b, c := range chords {
		start := int(float64(b)*bar - bar/8)
		n := int(bar * 1.25)
		for _, note := range c[1:] {
			for _, detune := range [2]float64{-.04, .04} {
				s.voice(start, n, hertz(float64(note)+detune), .075)
			}
		}
	}
}

// voice adds one soft note with a raised-cosine swell of a fifth at each end.
func (s *score) voice(start, n int, hz, amp float64) {
	edge := n / 5
	for i := range n {
		t := 2 * math.Pi * hz * float64(i) / float64(s.rate)
		v := amp * (math.Sin(t) + .3*math.Sin(2*t) + .1*math.Sin(3*t))
		if k := min(i, n-1-i); k < edge {
			v *= .5 - .5*math.Cos(math.Pi*float64(k)/float64(edge))
		}
		s.mix[((start+i)%len(s.mix)+len(s.mix))%len(s.mix)] += v
	}
}

// echo adds repeats on the dotted quaver, round the circle as well.
func (s *score) echo() {
	dry := append([]float64(nil), s.mix...)
	delay := int(.75 * s.beat)
	gain := .3
	for k := 1; k <= 3; k++ {
		for i := range s.mix {
			s.mix[(i+k*delay)%len(s.mix)] += gain * dry[i]
		}
		gain *= .45
	}
}

// mixed scales the piece to a peak of full scale times peak.
func (s *score) mixed(peak float64) []int16 {
	top := 0.0
	for _, v := range s.mix {
		top = math.Max(top, math.Abs(v))
	}
	out := make([]int16, len(s.mix))
	for i, v := range s.mix {
		out[i] = int16(math.Round(v / top * peak * 32767))
	}
	return out
}
