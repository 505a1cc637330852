package media

import (
	"math"
	"testing"
	"time"

	"offhook/media/tone"
)

// level is the RMS of pcm in dBFS.
func level(pcm []int16) float64 {
	sum := 0.0
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return 10 * math.Log10(sum/float64(len(pcm)+1)/(32768*32768)+1e-12)
}

// pitch is the level of one frequency in dBFS.
func pitch(pcm []int16, rate int, hz float64) float64 {
	var re, im float64
	for i, v := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re += float64(v) * cos
		im += float64(v) * sin
	}
	n := float64(len(pcm)) / 2
	return 20 * math.Log10(math.Hypot(re, im)/n/32768+1e-9)
}

func TestPlayReachesTheParty(t *testing.T) {
	for _, name := range []string{"PCMU", "PCMA", "G722"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
				ph := newPhone(t, w, "127.0.0.1:9000")
				port := connect(t, e, ph, name, nil)
				time.Sleep(200 * time.Millisecond)
				b := port.Play(tone.New(16000, tone.Spec{Hz1: 1000, On: time.Second, Level: -12}))
				<-b.Done()
				if err := b.Err(); err != nil {
					t.Error(err)
				}
				time.Sleep(100 * time.Millisecond)
				got := ph.packets()
				checkStream(t, got)
				f := format(t, name)
				pcm := decode(f, got[15:55])
				if l := pitch(pcm, f.SampleRate, 1000); l < -14 || l > -10 {
					t.Errorf("1000 Hz at %.1f dBFS, want -12", l)
				}
				if l := level(decode(f, got[:8])); l > -60 {
					t.Errorf("%.1f dBFS before playing, want silence", l)
				}
			})
		})
	}
}
