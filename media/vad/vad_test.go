package vad

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// line makes frames of a telephone line.
type line struct {
	noise  float64 // amplitude of white noise
	random *rand.Rand
	at     int
}

func newLine(noise float64) *line { return &line{noise: noise, random: rand.New(rand.NewPCG(1, 2))} }

// frame is 20 ms of a tone that rises and falls as syllables do, noise, and a
// burst of louder noise.
func (l *line) frame(hz, amplitude, burst float64) []int16 {
	pcm := make([]int16, Rate/50)
	for i := range pcm {
		syllable := 0.55 + 0.45*math.Cos(2*math.Pi*4*float64(l.at)/Rate)
		v := syllable*amplitude*math.Sin(2*math.Pi*hz*float64(l.at)/Rate) + (l.noise+burst)*(2*l.random.Float64()-1)
		pcm[i] = int16(v)
		l.at++
	}
	return pcm
}

// TestPhrase speaks 800 ms after a second of silence, on quiet and noisy lines.
func TestPhrase(t *testing.T) {
	for _, noise := range []float64{0, 20, 300} {
		l, d := newLine(noise), New(Config{})
		var begun, ended time.Duration
		for at := time.Duration(0); at < 3*time.Second; at += Frame {
			amplitude := 0.0
			if at >= time.Second && at < 1800*time.Millisecond {
				amplitude = 4000
			}
			switch d.Write(l.frame(700, amplitude, 0)) {
			case Begun:
				begun = at + Frame - time.Second
			case Ended:
				ended = at + Frame - 1800*time.Millisecond
			}
		}
		if begun != d.cfg.Start || ended != d.cfg.Stop {
			t.Errorf("noise %.0f: begun after %v, ended after %v", noise, begun, ended)
		}
	}
}

// TestFirm tells what interrupts: speech at once, a hum and a cough not.
func TestFirm(t *testing.T) {
	for _, c := range []struct {
		name            string
		hz, tone, burst float64
		length          time.Duration
		firm            bool
		within          time.Duration
		wantBegun       bool
	}{
		{name: "speech", hz: 700, tone: 4000, length: 500 * time.Millisecond, firm: true, within: 100 * time.Millisecond, wantBegun: true},
		{name: "mm-hm", hz: 200, tone: 4000, length: 400 * time.Millisecond, wantBegun: true},
		{name: "cough", burst: 6000, length: 260 * time.Millisecond, wantBegun: true},
		{name: "click", burst: 9000, length: 40 * time.Millisecond},
		{name: "a hum that goes on", hz: 200, tone: 4000, length: time.Second, firm: true, within: 600 * time.Millisecond, wantBegun: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, d := newLine(15), New(Config{})
			for range 50 {
				d.Write(l.frame(0, 0, 0))
			}
			var firmAt time.Duration
			begun := false
			for at := Frame; at <= c.length; at += Frame {
				begun = d.Write(l.frame(c.hz, c.tone, c.burst)) == Begun || begun
				if d.Firm() && firmAt == 0 {
					firmAt = at
				}
			}
			if (firmAt > 0) != c.firm || firmAt > c.within && c.firm || begun != c.wantBegun {
				t.Errorf("firm after %v, begun %v", firmAt, begun)
			}
		})
	}
}

// TestLastingNoise lets a fan start beside the caller; it becomes floor within
// two seconds, speech over it is found again, and soft speech once it is off.
func TestLastingNoise(t *testing.T) {
	for _, loud := range []float64{200, 600, 2000, 6000} {
		l, d := newLine(10), New(Config{})
		for range 50 {
			d.Write(l.frame(0, 0, 0))
		}
		l.noise = loud
		spoke := time.Duration(0)
		for range 50 * 20 {
			d.Write(l.frame(0, 0, 0))
			if d.Speaking() {
				spoke += Frame
			}
		}
		if spoke > 2*time.Second || d.Speaking() {
			t.Errorf("noise of %v is speech for %v, floor %.1f", loud, spoke, d.Floor())
		}
		if !phraseIn(l, d, min(25000, 8*loud)) {
			t.Errorf("speech over noise of %v is not found, floor %.1f", loud, d.Floor())
		}
		l.noise = 10
		for range 100 {
			d.Write(l.frame(0, 0, 0))
		}
		if !phraseIn(l, d, 1000) {
			t.Errorf("soft speech after noise of %v is not found, floor %.1f", loud, d.Floor())
		}
	}
}

// phraseIn speaks for 600 ms and is then silent; it reports whether that was a
// phrase with an end.
func phraseIn(l *line, d *Detector, amplitude float64) bool {
	begun, ended := false, false
	for range 30 {
		begun = d.Write(l.frame(700, amplitude, 0)) == Begun || begun
	}
	for range 40 {
		ended = d.Write(l.frame(0, 0, 0)) == Ended || ended
	}
	return begun && ended
}

// TestCut cuts a monologue.
func TestCut(t *testing.T) {
	l, d := newLine(0), New(Config{Longest: time.Second})
	cuts := 0
	for range 50 * 5 {
		if d.Write(l.frame(700, 4000, 0)) == Cut {
			cuts++
		}
	}
	if cuts != 5 {
		t.Errorf("%d cuts in 5 s of one breath, each at most 1 s", cuts)
	}
}

func BenchmarkWrite(b *testing.B) {
	l, d := newLine(15), New(Config{})
	frame := l.frame(700, 4000, 0)
	b.ReportAllocs()
	for b.Loop() {
		d.Write(frame)
	}
}
