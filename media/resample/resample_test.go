package resample

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// sine is two seconds of a tone, and run what comes out at the other rate
// after the filter has settled.
func sine(hz float64, rate int, amp float64) []int16 {
	out := make([]int16, 2*rate)
	for i := range out {
		out[i] = int16(math.Round(amp * math.Sin(2*math.Pi*hz*float64(i)/float64(rate))))
	}
	return out
}

func run(from, to int, in []int16) []int16 {
	r := New(from, to)
	out := make([]int16, r.Len(len(in)))
	return out[:r.Process(out, in)]
}

// settled is the inner second, whole periods of every whole frequency.
func settled(out []int16, rate int) []int16 { return out[rate/2 : rate/2+rate] }

// amplitude is that of one frequency, and rms that of everything.
func amplitude(x []int16, hz float64, rate int) float64 {
	var re, im float64
	for i, v := range x {
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re += float64(v) * c
		im += float64(v) * s
	}
	return 2 * math.Hypot(re, im) / float64(len(x))
}

func rms(x []int16) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(x)))
}

func db(ratio float64) float64 { return 20 * math.Log10(ratio) }

// pairs are the rates of codecs, files, speech engines and ports.
var pairs = [][2]int{
	{8000, 16000},
	{16000, 8000},
	{8000, 48000},
	{48000, 8000},
	{16000, 48000},
	{48000, 16000},
	{22050, 8000},
	{44100, 8000},
	{24000, 8000},
	{11025, 8000},
	{22050, 16000},
	{24000, 16000},
	{44100, 16000},
	{8000, 24000},
	{32000, 8000},
	{44100, 48000},
	{24000, 48000},
	{44100, 22050},
}

// TestPassBand measures the gain over the telephone band and how clean the
// tone is: what comes out beside it is imaging, aliasing and rounding.
func TestPassBand(t *testing.T) {
	for _, p := range pairs {
		from, to := p[0], p[1]
		top := math.Min(3400, passEdge*float64(min(from, to)))
		low, high, worst := math.Inf(1), math.Inf(-1), math.Inf(1)
		for hz := 300.0; hz <= top; hz += 100 {
			out := settled(run(from, to, sine(hz, from, 16000)), to)
			a := amplitude(out, hz, to)
			low, high = math.Min(low, db(a/16000)), math.Max(high, db(a/16000))
			rest := math.Sqrt(math.Max(1e-9, rms(out)*rms(out)-a*a/2))
			worst = math.Min(worst, db(a/math.Sqrt2/rest))
		}
		t.Logf("%5d → %5d Hz: gain %+.3f to %+.3f dB up to %.0f Hz, tone over everything else %.1f dB", from, to, low, high, top, worst)
		if high-low > 0.1 || math.Abs(high) > 0.1 {
			t.Errorf("%d → %d: gain from %.3f to %.3f dB", from, to, low, high)
		}
		if worst < 68 {
			t.Errorf("%d → %d: only %.1f dB over noise and images", from, to, worst)
		}
	}
}

// TestAliasRejection sends tones above the lower Nyquist frequency; all that
// comes out is alias.
func TestAliasRejection(t *testing.T) {
	for _, p := range pairs {
		from, to := p[0], p[1]
		if from <= to {
			continue
		}
		worst, at := math.Inf(1), 0.0
		for hz := float64(to) / 2; hz < float64(from)/2-50; hz += 187 {
			out := settled(run(from, to, sine(hz, from, 16000)), to)
			if d := db(16000 / math.Sqrt2 / math.Max(rms(out), 0.01)); d < worst {
				worst, at = d, hz
			}
		}
		t.Logf("%5d → %5d Hz: aliases at least %.1f dB down (at %.0f Hz)", from, to, worst, at)
		if worst < 66 {
			t.Errorf("%d → %d: alias of %.0f Hz only %.1f dB down", from, to, at, worst)
		}
	}
}

func TestFramesAreExact(t *testing.T) {
	for _, p := range pairs {
		if p[0]%50 != 0 || p[1]%50 != 0 {
			continue
		}
		r := New(p[0], p[1])
		in, out := make([]int16, p[0]/50), make([]int16, p[1]/50+100)
		for i := range 100 {
			if n := r.Process(out, in); n != p[1]/50 {
				t.Errorf("%d → %d: frame %d has %d samples", p[0], p[1], i, n)
			}
		}
	}
}

// TestAnyPiecesGiveTheSame cuts one stream in many ways.
func TestAnyPiecesGiveTheSame(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for _, p := range append(pairs, [2]int{12345, 8000}, [2]int{8000, 8001}) {
		in := make([]int16, 20000)
		for i := range in {
			in[i] = int16(rng.IntN(40000) - 20000)
		}
		want := run(p[0], p[1], in)
		r := New(p[0], p[1])
		var got []int16
		buf := make([]int16, 30000)
		for rest := in; len(rest) > 0; {
			k := min(len(rest), rng.IntN(1500))
			if n := r.Len(k); n != r.Process(buf, rest[:k]) {
				t.Fatalf("%d → %d: Len(%d) = %d is wrong", p[0], p[1], k, n)
			} else {
				got = append(got, buf[:n]...)
			}
			rest = rest[k:]
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d → %d: pieces give another stream", p[0], p[1])
		}
		if off := math.Abs(float64(len(want)) - 20000*float64(p[1])/float64(p[0])); off > 0.0011*float64(len(want)) {
			t.Errorf("%d → %d: length %d", p[0], p[1], len(want))
		}
	}
}

func TestDelayAndReset(t *testing.T) {
	for _, p := range pairs {
		r := New(p[0], p[1])
		in := make([]int16, 2000)
		in[500] = 32000
		out := make([]int16, r.Len(len(in)))
		for range 2 {
			peak, at := 0, 0
			for i, v := range out[:r.Process(out, in)] {
				if int(v) > peak {
					peak, at = int(v), i
				}
			}
			if want := 500*p[1]/p[0] + r.Delay(); at < want-1 || at > want+1 {
				t.Errorf("%d → %d: pulse at %d, want %d", p[0], p[1], at, want)
			}
			r.Reset()
		}
	}
}

func TestFullScaleDoesNotWrap(t *testing.T) {
	in := make([]int16, 8000)
	for i := range in {
		in[i] = 32767
		if i/20%2 == 1 {
			in[i] = -32768
		}
	}
	out := run(8000, 16000, in)
	for i := 201; i < len(out); i++ {
		if d := int(out[i]) - int(out[i-1]); d > 60000 || d < -60000 {
			t.Fatalf("step of %d at %d", d, i)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, p := range pairs {
		r := New(p[0], p[1])
		in, out := make([]int16, p[0]/50), make([]int16, p[1]/50+1)
		if n := testing.AllocsPerRun(20, func() { r.Process(out, in) }); n != 0 {
			t.Errorf("%d → %d: %v allocations a frame", p[0], p[1], n)
		}
	}
}

// BenchmarkFrame is 20 ms.
func BenchmarkFrame(b *testing.B) {
	for _, p := range pairs {
		b.Run(fmt.Sprintf("%d-%d", p[0], p[1]), func(b *testing.B) {
			b.ReportAllocs()
			r := New(p[0], p[1])
			in, out := sine(1000, p[0], 10000)[:p[0]/50], make([]int16, p[1]/50+1)
			for b.Loop() {
				r.Process(out, in)
			}
		})
	}
}

// TestAlign takes the delay out: a tone comes out in its own phase.
func TestAlign(t *testing.T) {
	for _, p := range pairs {
		in := sine(500, p[0], 10000)
		r := New(p[0], p[1])
		r.Align(100)
		out := make([]int16, r.Len(len(in)))
		if n := r.Process(out, in); n != len(out) {
			t.Errorf("%d → %d: %d samples, Len said %d", p[0], p[1], n, len(out))
		}
		for i := 200; i < len(out); i++ {
			at := 100/float64(p[0]) + float64(i)/float64(p[1])
			if want := 10000 * math.Sin(2*math.Pi*500*at); math.Abs(float64(out[i])-want) > 30 { // 0.03 dB, or a hundredth of a sample
				t.Errorf("%d → %d: sample %d is %d, want %.0f", p[0], p[1], i, out[i], want)
				break
			}
		}
	}
}
