package tone

import (
	"io"
	"math"
	"testing"
	"time"
)

// play reads a source to its end, at most a minute.
func play(s *Source) []int16 {
	frame := make([]int16, s.Rate()/50)
	var out []int16
	for range 3000 {
		if s.ReadFrame(frame) != nil {
			break
		}
		out = append(out, frame...)
	}
	return out
}

// sounding are the stretches of tone and of silence in ms, a stretch of
// silence being 5 ms or more.
func sounding(pcm []int16, rate int) (ms []int) {
	on, start, quiet := false, 0, rate
	for i, v := range pcm {
		if v != 0 {
			quiet = 0
		} else {
			quiet++
		}
		if now := quiet < rate/200; now != on {
			edge := i
			if !now {
				edge -= rate / 200
			}
			if edge-start > rate/500 { // a tone starts with a sample of 0
				ms = append(ms, (1000*(edge-start)+rate/2)/rate)
			}
			on, start = now, edge
		}
	}
	if on {
		ms = append(ms, (1000*(len(pcm)-start)+rate/2)/rate)
	}
	return ms
}

func TestCadences(t *testing.T) {
	for _, c := range []struct {
		name  string
		specs []Spec
		want  []int // ms of tone, pause, tone …
		ends  bool
	}{
		{"ringback", []Spec{Ringback()}, []int{2000, 4000, 2000, 4000}, false},
		{"busy", []Spec{Busy()}, []int{500, 500, 500, 500}, false},
		{"beep", []Spec{Beep()}, []int{400}, true},
		{"two steps, repeated", []Spec{{Hz1: 400, On: 100 * time.Millisecond, Off: 200 * time.Millisecond}, {Hz1: 450, On: 300 * time.Millisecond, Off: 100 * time.Millisecond, Repeat: true}}, []int{100, 200, 300, 100, 100, 200}, false},
		{"silence first", []Spec{{On: 60 * time.Millisecond}, {Hz1: 400, On: 40 * time.Millisecond, Off: 50 * time.Millisecond}}, []int{60, 40}, true},
		{"nothing", nil, nil, true},
		{"only empty steps, repeated", []Spec{{Hz1: 400, On: 1, Repeat: true}}, nil, true},
	} {
		for _, rate := range []int{8000, 16000} {
			s := New(rate, c.specs...)
			got := sounding(play(s), rate)
			for i, want := range c.want {
				if i >= len(got) || got[i] < want-2 || got[i] > want+2 {
					t.Errorf("%s at %d Hz: stretches %v, want %v", c.name, rate, got[:min(len(got), 8)], c.want)
					break
				}
			}
			if err := s.ReadFrame(make([]int16, rate/50)); (err == io.EOF) != c.ends {
				t.Errorf("%s: %v after a minute", c.name, err)
			}
		}
	}
}

func TestLevelAndFrequency(t *testing.T) {
	pcm := play(New(8000, Spec{Hz1: 1000, On: time.Second, Level: -20}))
	crossings, peak := 0, 0
	for i := 1; i < len(pcm); i++ {
		if pcm[i-1] < 0 && pcm[i] >= 0 {
			crossings++
		}
		peak = max(peak, int(pcm[i]))
	}
	if crossings < 998 || crossings > 1001 {
		t.Errorf("%d periods in a second", crossings)
	}
	if want := 3276.7; math.Abs(float64(peak)-want) > 10 {
		t.Errorf("peak %d, want %.0f", peak, want)
	}
}

// TestLongToneKeepsItsLevel runs the oscillator for ten minutes.
func TestLongToneKeepsItsLevel(t *testing.T) {
	var o oscillator
	o.start(1004, 10000, 8000)
	for range 8000 * 600 {
		o.next()
	}
	if a := math.Hypot(o.re, o.im); math.Abs(a-10000) > 1 {
		t.Errorf("level drifts to %v", a)
	}
}

func TestNoClick(t *testing.T) {
	pcm := play(New(8000, Spec{Hz1: 400, On: 113 * time.Millisecond, Off: 20 * time.Millisecond, Level: -6}))
	for i := 1; i < len(pcm); i++ {
		if d := int(pcm[i]) - int(pcm[i-1]); d > 6000 || d < -6000 {
			t.Errorf("step of %d at %d", d, i)
		}
	}
}

func TestDTMF(t *testing.T) {
	for _, c := range []byte("abcd") {
		if _, ok := DTMF(c, time.Second, 0); !ok {
			t.Errorf("%c is refused", c)
		}
	}
	for _, c := range []byte("eE \x00+") {
		if _, ok := DTMF(c, time.Second, 0); ok {
			t.Errorf("%q is taken", c)
		}
	}
}
