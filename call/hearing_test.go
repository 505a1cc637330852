package call_test

import (
	"math"
	"sync"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/media/tone"
)

// party is a phone in a call that sends a tone of its own and listens for the
// others'.
type party struct {
	name string
	hz   float64
	call *phone.Call
	ear  *spectrum
}

// newParty lets a call's phone send a tone and listen.
func newParty(name string, hz float64, c *phone.Call) *party {
	p := &party{name: name, hz: hz, call: c, ear: &spectrum{}}
	c.Port().Attach(p.ear, 8000)
	c.Play(tone.New(8000, tone.Spec{Hz1: hz, Level: -20}))
	return p
}

// spectrum keeps the last fifth of a second of what a phone hears.
type spectrum struct {
	mu      sync.Mutex
	samples []int16
}

const window = 1600 // 200 ms at 8 kHz

// WriteFrame implements media.Sink; for a phone, said is what comes in.
func (s *spectrum) WriteFrame(said, _ []int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.samples = append(s.samples, said...)
	if n := len(s.samples); n > window {
		s.samples = append(s.samples[:0], s.samples[n-window:]...)
	}
}

// level is the power at a frequency in dB relative to full scale (Goertzel).
func (s *spectrum) level(hz float64) float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.samples) < window {
		return -100
	}
	w := 2 * math.Cos(2*math.Pi*hz/8000)
	var a, b float64
	for _, x := range s.samples {
		a, b = float64(x)/32768+w*a-b, a
	}
	power := (a*a + b*b - w*a*b) / (window * window / 4)
	return 10 * math.Log10(power+1e-10)
}

// hears waits until each listener hears exactly the speakers that it should,
// for as long as a window lasts.
func hears(t *testing.T, when string, want map[*party][]*party, all ...*party) {
	t.Helper()
	deadline, tick := time.After(8*time.Second), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for right := 0; right < 15; {
		select {
		case <-tick.C:
		case <-deadline:
			for _, listener := range all {
				for _, speaker := range all {
					t.Logf("%s hears %s at %.0f dB", listener.name, speaker.name, listener.ear.level(speaker.hz))
				}
			}
			t.Fatalf("%s: who hears whom is not as it should be", when)
		}
		if matches(want, all) {
			right++
		} else {
			right = 0
		}
	}
}

// audible is the level above which a party's tone counts as heard. The music
// on hold has some power at every frequency, but less.
const audible = -35

func matches(want map[*party][]*party, all []*party) bool {
	for _, listener := range all {
		for _, speaker := range all {
			should := false
			for _, s := range want[listener] {
				should = should || s == speaker
			}
			if (listener.ear.level(speaker.hz) > audible) != should {
				return false
			}
		}
	}
	return true
}
