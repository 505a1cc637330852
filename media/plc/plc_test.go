package plc

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"offhook/media/audio"
)

// speech is some seconds of several voices at a rate, in whole frames of 20 ms.
func speech(t *testing.T, rate int) []int16 {
	t.Helper()
	path, err := exec.LookPath("espeak-ng")
	if err != nil {
		t.Skip("espeak-ng is not installed")
	}
	var pcm []int16
	for _, voice := range []string{"en-us", "en-us+f3", "de+m3", "fr-fr+f2"} {
		cmd := exec.Command(path, "--stdin", "--stdout", "-v", voice)
		cmd.Stdin = strings.NewReader("We are sorry that a part of your call was lost; please go on, we are listening to you now.")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		clip, err := audio.Decode(bytes.NewReader(out), ".wav")
		if err != nil {
			t.Fatal(err)
		}
		frame := make([]int16, rate/50)
		for s := clip.Source(rate); s.ReadFrame(frame) == nil; {
			pcm = append(pcm, frame...)
		}
	}
	return pcm
}

// losses marks frames as lost, in bursts of a mean length.
func losses(n int, part, burst float64, seed uint64) []bool {
	rng := rand.New(rand.NewPCG(seed, 1))
	lost, bad := make([]bool, n), false
	for i := range lost {
		if bad {
			bad = rng.Float64() > 1/burst
		} else {
			bad = rng.Float64() < part/(1-part)/burst
		}
		lost[i] = bad && i > 10
	}
	return lost
}

// received plays the speech with the lost frames filled by bad.
func received(pcm []int16, rate int, lost []bool, good, bad func([]int16)) []int16 {
	out := append([]int16(nil), pcm...)
	n := rate / 50
	for i := range lost {
		frame := out[i*n : (i+1)*n]
		if lost[i] {
			bad(frame)
		} else {
			good(frame)
		}
	}
	return out
}

// distance is the log-spectral distance in dB over every window of 20 ms that
// touches a lost frame, 10 ms apart so that the joins count as well, and the
// signal to noise ratio in the lost frames and the ones after them.
func distance(want, got []int16, rate int, lost []bool) (lsd, snr float64) {
	n := rate / 50
	var signal, noise, sum float64
	count := 0
	for i := 1; i < len(lost)-1; i++ {
		if !lost[i] && !lost[i-1] {
			continue
		}
		w, g := want[i*n:(i+1)*n], got[i*n:(i+1)*n]
		for k := range w {
			d := float64(w[k]) - float64(g[k])
			signal, noise = signal+float64(w[k])*float64(w[k]), noise+d*d
		}
		at := i*n - n/2
		sum += spectral(want[at:at+n], got[at:at+n], rate)
		count++
		if lost[i] {
			sum += spectral(w, g, rate)
			count++
		}
	}
	return sum / float64(count), 10 * math.Log10(signal/noise)
}

// spectral is the distance of two frames over bands of 100 Hz up to 3400 Hz.
func spectral(a, b []int16, rate int) float64 {
	sum, bands := 0.0, 0
	for hz := 200.0; hz < 3400; hz += 100 {
		pa, pb := power(a, hz, rate)+50, power(b, hz, rate)+50 // the floor: what nobody hears
		d := 10 * math.Log10(pa/pb)
		sum += d * d
		bands++
	}
	return math.Sqrt(sum / float64(bands))
}

func power(x []int16, hz float64, rate int) float64 {
	var re, im float64
	for i, v := range x {
		h := 0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/float64(len(x)))
		s, c := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		re, im = re+h*float64(v)*c, im+h*float64(v)*s
	}
	return (re*re + im*im) / float64(len(x))
}

// TestBetterThanSilenceAndRepetition compares with playing nothing and with
// playing the last packet again.
func TestBetterThanSilenceAndRepetition(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		pcm := speech(t, rate)
		for _, c := range []struct{ part, burst float64 }{{.02, 1}, {.1, 1}, {.2, 1.5}, {.1, 3}} {
			lost := losses(len(pcm)/(rate/50), c.part, c.burst, 42)
			p := New(rate)
			lsd, snr := distance(pcm, received(pcm, rate, lost, p.Good, p.Bad), rate, lost)
			lsdSilence, snrSilence := distance(pcm, received(pcm, rate, lost, func([]int16) {}, func(b []int16) { clear(b) }), rate, lost)
			last := make([]int16, rate/50)
			lsdRepeat, snrRepeat := distance(pcm, received(pcm, rate, lost,
				func(b []int16) { copy(last, b) }, func(b []int16) { copy(b, last) }), rate, lost)
			t.Logf("%d Hz, %2.0f%% lost in bursts of %.1f: spectral distance %.2f dB (silence %.2f, repetition %.2f), SNR %.1f dB (%.1f, %.1f)",
				rate, 100*c.part, c.burst, lsd, lsdSilence, lsdRepeat, snr, snrSilence, snrRepeat)
			if lsd > 0.7*lsdSilence || lsd > lsdRepeat || snr < snrRepeat+0.9 {
				t.Errorf("%d Hz, %v: not better", rate, c)
			}
		}
	}
}

// TestToneGoesOn conceals a steady tone: it must go on almost as it was.
func TestToneGoesOn(t *testing.T) {
	for _, hz := range []float64{120, 211, 333, 440} {
		p := New(8000)
		pcm := make([]int16, 160*20)
		for i := range pcm {
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/8000))
		}
		lost := make([]bool, 20)
		lost[10] = true
		if _, snr := distance(pcm, received(pcm, 8000, lost, p.Good, p.Bad), 8000, lost); snr < 15 {
			t.Errorf("%v Hz: %.1f dB", hz, snr)
		} else {
			t.Logf("%v Hz: %.1f dB", hz, snr)
		}
	}
}

// TestFadesToSilence loses everything after some speech.
func TestFadesToSilence(t *testing.T) {
	pcm := speech(t, 8000)
	p := New(8000)
	for at := 0; at < 16000; at += 160 {
		p.Good(pcm[at : at+160])
	}
	frame := make([]int16, 160)
	for i := range 10 {
		p.Bad(frame)
		peak := 0
		for _, v := range frame {
			peak = max(peak, int(v), -int(v))
		}
		if i >= 5 && peak > 0 {
			t.Errorf("frame %d still has a peak of %d", i, peak)
		}
	}
}

// TestNoSteps loses packets of a smooth signal: no jump may be larger than
// some times the largest step of the signal itself.
func TestNoSteps(t *testing.T) {
	pcm := make([]int16, 16000)
	largest := 0
	for i := range pcm {
		x := float64(i) / 8000
		pcm[i] = int16(6000*math.Sin(2*math.Pi*140*x*(1+0.05*x)) + 3000*math.Sin(2*math.Pi*430*x))
		if i > 0 {
			largest = max(largest, int(pcm[i])-int(pcm[i-1]), int(pcm[i-1])-int(pcm[i]))
		}
	}
	p := New(8000)
	out := received(pcm, 8000, losses(100, .2, 1.5, 3), p.Good, p.Bad)
	for i := 1; i < len(out); i++ {
		if d := int(out[i]) - int(out[i-1]); d > 2*largest || d < -2*largest {
			t.Errorf("step of %d at %d; the signal's largest is %d", d, i, largest)
		}
	}
}

func TestLossBeforeAnything(t *testing.T) {
	p, frame := New(8000), make([]int16, 160)
	frame[3] = 99
	p.Bad(frame)
	for _, v := range frame {
		if v != 0 {
			t.Fatal("sound out of nothing")
		}
	}
}

func TestNoAllocation(t *testing.T) {
	p, frame := New(8000), make([]int16, 160)
	if n := testing.AllocsPerRun(100, func() { p.Good(frame); p.Bad(frame); p.Bad(frame) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkGood is a frame without a loss, BenchmarkLoss the first lost frame
// with its search and the good one after it.
func BenchmarkGood(b *testing.B) {
	b.ReportAllocs()
	p, frame := New(8000), make([]int16, 160)
	for b.Loop() {
		p.Good(frame)
	}
}

func BenchmarkLoss(b *testing.B) {
	for name, rate := range map[string]int{"8000": 8000, "16000": 16000, "48000": 48000} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			p, frame := New(rate), make([]int16, rate/50)
			for i := range frame {
				frame[i] = int16(5000 * math.Sin(float64(i)/20))
			}
			for b.Loop() {
				p.Bad(frame)
				p.Good(frame)
			}
		})
	}
}
