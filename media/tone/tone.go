// Package tone makes and finds the tones of telephony: call progress, beeps
// and DTMF digits.
package tone

import (
	"io"
	"math"
	"strings"
	"time"
)

// DefaultLevel is each frequency's level in dBFS where a Spec leaves it 0.
const DefaultLevel = -13.0

// Spec is one step of a cadence: a tone of one or two frequencies, then a
// pause.
type Spec struct {
	Hz1, Hz2 float64       // 0: absent; both 0: silence
	On, Off  time.Duration // On 0: for ever
	Level    float64       // of each frequency in dB to a full-scale sine; 0: DefaultLevel
	Repeat   bool          // after this step the cadence starts again at its first
}

// Ringback is the North American ringing tone.
func Ringback() Spec {
	return Spec{Hz1: 440, Hz2: 480, On: 2 * time.Second, Off: 4 * time.Second, Level: -19, Repeat: true}
}

// Busy is the North American busy tone.
func Busy() Spec {
	return Spec{Hz1: 480, Hz2: 620, On: 500 * time.Millisecond, Off: 500 * time.Millisecond, Level: -19, Repeat: true}
}

// Congestion is the North American reorder (fast busy) tone.
func Congestion() Spec {
	return Spec{Hz1: 480, Hz2: 620, On: 250 * time.Millisecond, Off: 250 * time.Millisecond, Level: -19, Repeat: true}
}

// Beep is the short tone before a recording.
func Beep() Spec { return Spec{Hz1: 1000, On: 400 * time.Millisecond, Level: -12} }

// Milliwatt is the 1004 Hz test tone, for ever.
func Milliwatt() Spec { return Spec{Hz1: 1004, Level: -15} }

// Digits are the sixteen DTMF digits in the order of RFC 4733's events 0..15.
const Digits = "0123456789*#ABCD"

var (
	rows = [4]float64{697, 770, 852, 941}
	cols = [4]float64{1209, 1336, 1477, 1633}
)

// keypad holds the digits by row and column of ITU-T Q.23.
const keypad = "123A456B789C*0#D"

// DTMF is the tone of a digit (a letter in any case), on for on and followed
// by gap of silence; false when digit is none of Digits.
func DTMF(digit byte, on, gap time.Duration) (Spec, bool) {
	i := strings.IndexByte(keypad, upper(digit))
	if i < 0 {
		return Spec{}, false
	}
	return Spec{Hz1: rows[i/4], Hz2: cols[i%4], On: on, Off: gap, Level: -10}, true
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'd' {
		return c - 'a' + 'A'
	}
	return c
}

// Source plays a cadence. It implements media.Source: ReadFrame never blocks
// and never allocates, and is for one goroutine.
type Source struct {
	rate  int
	specs []Spec
	next  int // spec to start when left is 0
	left  int // samples of the present stretch; -1: for ever
	off   int // samples of pause after it
	at    int // samples of the tone so far
	tone  bool
	osc   [2]oscillator
}

// New makes a source at rate Hz of the steps in order. Without steps it is
// over at once.
func New(rate int, s ...Spec) *Source {
	return &Source{rate: rate, specs: append([]Spec(nil), s...)}
}

// Rate is the sample rate in Hz.
func (s *Source) Rate() int { return s.rate }

// ReadFrame fills dst. When the cadence ends inside dst, the rest is silence;
// after that it returns io.EOF.
func (s *Source) ReadFrame(dst []int16) error {
	for n := 0; n < len(dst); {
		if s.left == 0 && !s.step() {
			clear(dst[n:])
			if n == 0 {
				return io.EOF
			}
			return nil
		}
		part := dst[n:]
		if s.left > 0 && len(part) > s.left {
			part = part[:s.left]
		}
		s.fill(part)
		n += len(part)
	}
	return nil
}

// step goes to the next stretch of tone or pause; false at the end.
func (s *Source) step() bool {
	if s.tone && s.off > 0 {
		s.tone, s.left = false, s.off
		return true
	}
	for range len(s.specs) + 1 {
		if s.next == len(s.specs) {
			return false
		}
		spec := s.specs[s.next]
		s.next++
		if spec.Repeat {
			s.next = 0
		}
		s.left, s.off, s.at = s.samples(spec.On), s.samples(spec.Off), 0
		if spec.On <= 0 {
			s.left = -1
		}
		if s.left != 0 {
			s.start(spec)
			return true
		}
	}
	return false // every step is shorter than a sample
}

func (s *Source) samples(d time.Duration) int {
	return int(int64(d) * int64(s.rate) / int64(time.Second))
}

func (s *Source) start(spec Spec) {
	level := spec.Level
	if level == 0 {
		level = DefaultLevel
	}
	amp := 32767 * math.Pow(10, level/20)
	s.tone = true
	s.osc[0].start(spec.Hz1, amp, s.rate)
	s.osc[1].start(spec.Hz2, amp, s.rate)
}

// fill writes part of one stretch; a tone rises and falls over 2 ms, so that
// it does not click.
func (s *Source) fill(dst []int16) {
	if !s.tone {
		clear(dst)
		s.left -= len(dst)
		return
	}
	ramp := s.rate / 500
	for i := range dst {
		v := s.osc[0].next() + s.osc[1].next()
		if edge := s.at; edge < ramp {
			v *= float64(edge) / float64(ramp)
		} else if s.left >= 0 && s.left < ramp {
			v *= float64(s.left) / float64(ramp)
		}
		dst[i] = clip(v)
		s.at++
		if s.left > 0 {
			s.left--
		}
	}
}

func clip(v float64) int16 {
	return int16(math.Max(-32768, math.Min(32767, math.Round(v))))
}

// oscillator gives a sine by rotating a vector; no table, no call to math.Sin.
type oscillator struct{ re, im, cos, sin float64 }

func (o *oscillator) start(hz, amp float64, rate int) {
	if hz <= 0 {
		*o = oscillator{}
		return
	}
	o.sin, o.cos = math.Sincos(2 * math.Pi * hz / float64(rate))
	o.re, o.im = amp, 0
}

func (o *oscillator) next() float64 {
	v := o.im
	o.re, o.im = o.re*o.cos-o.im*o.sin, o.re*o.sin+o.im*o.cos
	return v
}
