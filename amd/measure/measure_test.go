package main

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"
)

// sound is alternating stretches of silence and tone in ms, silence first.
func sound(ms ...int) (pcm []int16) {
	for i, d := range ms {
		for k := range d * 8 {
			v := 0.0
			if i%2 == 1 {
				v = 5000 * math.Sin(float64(k)*0.5)
			}
			pcm = append(pcm, int16(v))
		}
	}
	return pcm
}

func TestRule(t *testing.T) {
	for _, tt := range []struct {
		name   string
		pcm    []int16
		result string
		at     time.Duration
	}{
		{"initial silence", sound(4000), "machine", 2500 * time.Millisecond},
		{"hello", sound(500, 400, 2000), "human", 1700 * time.Millisecond},
		{"long greeting", sound(500, 3000), "machine", 2000 * time.Millisecond},
		{"three words", sound(500, 200, 200, 200, 200, 200), "machine", 1400 * time.Millisecond},
		{"ends", sound(500, 200), "notsure", 700 * time.Millisecond},
	} {
		if result, at := ruleDefaults.decide(tt.pcm); result != tt.result || at != tt.at {
			t.Errorf("%s: %s at %s, want %s at %s", tt.name, result, at, tt.result, tt.at)
		}
	}
}

func TestReport(t *testing.T) {
	calls := []call{{name: "a", label: "silence", kind: "silence", pcm: sound(6000), greetingEnd: -1, beepStart: -1, beepEnd: -1}}
	var out bytes.Buffer
	report(&out, "one", calls)
	for _, want := range []string{"### one: 1 calls", "| silence/silence | 0 | 0 | 0 | 0 | 0 | 1 | 100.0 % |", "False beeps: 0 in 1"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestTrim(t *testing.T) {
	if got := len(trim(sound(300, 500, 200))); got < 490*8 || got > 500*8 {
		t.Errorf("%d samples", got)
	}
	if got := trim(make([]int16, 100)); len(got) != 0 {
		t.Errorf("%d samples of silence", len(got))
	}
}
