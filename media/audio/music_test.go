package audio

import (
	"math"
	"testing"
	"time"
)

// TestMusic holds the built-in piece to what a caller may expect: loud enough,
// never clipped, no silence, no steps and none where it starts again.
func TestMusic(t *testing.T) {
	c := Music()
	if d := c.Duration(); d < 20*time.Second || d%(20*time.Millisecond) != 0 {
		t.Errorf("lasts %s", d)
	}
	for _, rate := range []int{8000, 16000} {
		loud, quietest := 0.0, math.Inf(1)
		s, frame := Loop(c, rate), make([]int16, rate/50)
		last, step, seam, peak := 0, 0, 0, 0
		window, frames := 0.0, int(2*c.Duration()/(20*time.Millisecond))
		for i := range frames {
			if err := s.ReadFrame(frame); err != nil {
				t.Fatal(err)
			}
			for k, v := range frame {
				if k == 0 && i == frames/2 {
					seam = max(int(v)-last, last-int(v))
				}
				window += float64(v) * float64(v)
				step = max(step, int(v)-last, last-int(v))
				peak = max(peak, int(v), -int(v))
				last = int(v)
			}
			if i%25 == 24 { // half a second
				rms := math.Sqrt(window / float64(25*len(frame)))
				loud, quietest, window = math.Max(loud, rms), math.Min(quietest, rms), 0
			}
		}
		t.Logf("%d Hz: peak %.1f dBFS, half seconds from %.1f to %.1f dBFS, largest step %d, at the seam %d",
			rate, level(float64(peak)), level(quietest), level(loud), step, seam)
		if level(float64(peak)) > -6 || level(quietest) < -36 || level(loud) < -26 || seam > step/2 {
			t.Errorf("%d Hz: not as it should be", rate)
		}
	}
}

func level(v float64) float64 { return 20 * math.Log10(v/32768) }

func BenchmarkMusic(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		s := newScore(16000, 72, 32)
		s.pads()
		s.bells()
		s.bass()
		s.echo()
		s.mixed(0.28)
	}
}
