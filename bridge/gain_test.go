package bridge

import (
	"fmt"
	"math"
	"testing"
)

// sines is the sum of n voices of the same peak, each at its own pitch.
func sines(n int, peak float64, at int) []int32 {
	sum := make([]int32, 160)
	for i := range sum {
		for k := range n {
			sum[i] += int32(peak * math.Sin(2*math.Pi*(200+97*float64(k))*float64(at+i)/8000))
		}
	}
	return sum
}

func TestTwoVoicesAreNotTurnedDown(t *testing.T) {
	var g gain
	for frame := range 100 {
		g.follow(sines(2, 32767, frame*160), 2)
		if g.from != 0 || g.to != 0 {
			t.Fatalf("frame %d: gain %d/%d below full", frame, unity-g.to, unity)
		}
	}
	quiet := []int32{0, 100, -100, 24000, -24000}
	out := make([]int16, len(quiet))
	g.apply(out, quiet)
	for i := range quiet {
		if int32(out[i]) != quiet[i] {
			t.Errorf("%d became %d", quiet[i], out[i])
		}
	}
}

// TestTwoVoicesDoNotPump listens to a quiet voice while a loud one comes and goes
// over it: the quiet one's level must not follow.
func TestTwoVoicesDoNotPump(t *testing.T) {
	const quiet = 2000.0 // the peak of 297 Hz
	for _, loud := range []float64{4000, 16000, 22000} {
		var g gain
		for second := range 8 {
			var pcm []int16
			for frame := range 50 {
				at := (second*50 + frame) * 160
				sum := make([]int32, 160)
				for i := range sum {
					v := quiet * math.Sin(2*math.Pi*297*float64(at+i)/8000)
					if second%2 == 1 {
						v += loud * math.Sin(2*math.Pi*800*float64(at+i)/8000)
					}
					sum[i] = int32(v)
				}
				g.follow(sum, 1+second%2)
				out := make([]int16, 160)
				g.apply(out, sum)
				pcm = append(pcm, out...)
			}
			if got, want := goertzel(pcm, 8000, 297), 20*math.Log10(quiet/32768); math.Abs(got-want) > 0.2 {
				t.Errorf("loud voice of %.0f, second %d: the quiet one is at %.2f dBFS, want %.2f", loud, second, got, want)
			}
		}
	}
}

func TestManyVoicesStaySane(t *testing.T) {
	for _, n := range []int{3, 10, 50, 200} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var g gain
			out := make([]int16, 160)
			last, clipped := int32(0), 0
			for frame := range 200 {
				sum := sines(n, 16000, frame*160)
				g.follow(sum, n)
				g.apply(out, sum)
				for i, v := range out {
					if v == math.MaxInt16 || v == math.MinInt16 {
						clipped++
					}
					// A limiter that steps makes jumps that the input has not.
					if i > 0 && math.Abs(float64(int32(v)-last)) > math.Abs(float64(sum[i]-sum[i-1]))+2500 {
						t.Fatalf("frame %d sample %d: from %d to %d", frame, i, last, v)
					}
					last = int32(v)
				}
			}
			if clipped > 0 {
				t.Errorf("%d samples at full scale", clipped)
			}
		})
	}
}

func TestGainComesBack(t *testing.T) {
	var g gain
	g.follow(sines(20, 16000, 0), 20)
	down := unity - g.to
	for range 50 * 20 {
		g.follow(sines(1, 8000, 0), 1)
	}
	if down > unity/2 || g.to != 0 {
		t.Errorf("gain %d, after 20 s of one voice %d of %d", down, unity-g.to, unity)
	}
}

func TestGateAndTalking(t *testing.T) {
	frame := func(peak int16) []int16 {
		pcm := make([]int16, 160)
		for i := range pcm {
			pcm[i] = peak * int16(1-2*(i%2))
		}
		return pcm
	}
	var v voice
	if v.hear(frame(40), true) || !v.hear(frame(40), false) {
		t.Error("noise passes the gate of a large bridge, or not that of a small one")
	}
	v = voice{}
	for i := range 10 {
		if !v.hear(frame(4000), true) {
			t.Error("a voice is left out")
		}
		if want := i >= talkStart-1; v.talking() != want {
			t.Errorf("frame %d: talking %v", i, v.talking())
		}
	}
	open := 0
	for v.hear(frame(0), true) {
		open++
	}
	if open != hangover || v.talking() {
		t.Errorf("gate open for %d frames, talking %v", open, v.talking())
	}
}

func BenchmarkMixing(b *testing.B) {
	for _, n := range []int{3, 10, 50, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			br := &Bridge{rate: 8000}
			br.mixer.tune(8000)
			voices := make([][]int16, n)
			for i := range voices {
				voices[i] = make([]int16, 160)
				for j, v := range sines(1, 3000, i*160) {
					voices[i][j] = int16(v)
				}
				br.members = append(br.members, &Member{bridge: br, inMix: true, level: voices[i]})
			}
			for b.Loop() {
				clear(br.mixer.total)
				for _, m := range br.members {
					br.mixer.addVoice(m.level)
				}
				br.mixer.gain.follow(br.mixer.total, n)
				for _, m := range br.members {
					copy(br.mixer.sum, br.mixer.total)
					m.without(br.mixer.sum)
					br.render(br.mixer.sum)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}
