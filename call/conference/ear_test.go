package conference_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	earRate   = 8000
	earWindow = earRate / 10 // tones on multiples of 10 Hz do not leak into each other
	audible   = 600          // amplitude; a phone's tone has 3276
)

// The tones of the parties and of what is played.
const (
	annHz, bobHz, cidHz, fileHz = 500.0, 1000.0, 1300.0, 2100.0
	lowHz, highHz               = 620.0, 880.0 // of the entry tone
)

var names = map[float64]string{annHz: "ann", bobHz: "bob", cidHz: "cid", fileHz: "file", lowHz: "low", highHz: "high"}

// ear listens for everybody's tones. It implements media.Sink.
type ear struct {
	mu      sync.Mutex
	pcm     []int16
	heard   string          // names in the last window, in order
	streak  int             // windows in which just these were heard
	peak    int16           // of the last window without a party's tone
	ever    map[string]bool // names that were heard at any time
	changed chan struct{}
}

func newEar() *ear { return &ear{ever: map[string]bool{}, changed: make(chan struct{})} }

// WriteFrame implements media.Sink. For a phone, "said" is what comes in.
func (e *ear) WriteFrame(said, _ []int16) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pcm = append(e.pcm, said...)
	if len(e.pcm) < earWindow {
		return
	}
	now := tonesIn(e.pcm[:earWindow], earRate)
	if now == "" {
		e.peak = slices.Max(e.pcm[:earWindow])
	}
	e.pcm = e.pcm[:0]
	for _, name := range strings.Fields(now) {
		e.ever[name] = true
	}
	if now != e.heard {
		e.heard, e.streak = now, 0
	}
	e.streak++
	close(e.changed)
	e.changed = make(chan struct{})
}

// tonesIn names the tones in a window of sound.
func tonesIn(pcm []int16, rate int) string {
	var list []string
	for hz, name := range names {
		if amplitude(pcm, hz, rate) > audible {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// amplitude is that of one frequency (Goertzel).
func amplitude(pcm []int16, hz float64, rate int) float64 {
	w := 2 * math.Pi * hz / float64(rate)
	var s1, s2 float64
	for _, v := range pcm {
		s1, s2 = float64(v)+2*math.Cos(w)*s1-s2, s1
	}
	return 2 * math.Hypot(s1-s2*math.Cos(w), s2*math.Sin(w)) / float64(len(pcm))
}

// hears waits until a party hears just these, by name, for three tenths of a
// second from now on.
func (p *party) hears(t *testing.T, want string) {
	t.Helper()
	p.ear.mu.Lock()
	p.ear.streak = 0
	p.ear.mu.Unlock()
	p.until(t, fmt.Sprintf("just %q", want), func(e *ear) bool { return e.heard == want && e.streak >= 3 })
}

// hearsMusic waits until a party hears something that is no known tone.
func (p *party) hearsMusic(t *testing.T) {
	t.Helper()
	p.until(t, "music", func(e *ear) bool { return e.peak > audible })
}

// hearsOnce waits until a party has heard a tone at any time since the last
// hearsOnce.
func (p *party) hearsOnce(t *testing.T, name string) {
	t.Helper()
	p.until(t, name, func(e *ear) bool {
		heard := e.ever[name]
		delete(e.ever, name)
		return heard
	})
}

// until waits until what a party hears is as it should be.
func (p *party) until(t *testing.T, what string, ok func(*ear) bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		p.ear.mu.Lock()
		done, changed := ok(p.ear), p.ear.changed
		p.ear.mu.Unlock()
		if done {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("%s does not hear %s, but %q", p.name, what, p.ear.heard)
		}
	}
}

// matrix holds what everybody hears against a table: "ann: bob cid".
func matrix(t *testing.T, when string, table map[*party]string) {
	t.Helper()
	t.Run(when, func(t *testing.T) {
		for p, want := range table {
			p.hears(t, want)
		}
	})
	if t.Failed() {
		t.Fatalf("hearing is wrong: %s", when)
	}
}
