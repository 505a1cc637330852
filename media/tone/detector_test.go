package tone

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"offhook/media/audio"
	"offhook/media/codec"
)

// line is a test signal at 8 kHz. Levels are in dBm0: a full-scale sine is
// +3.14 dBm0 (ITU-T G.711).
type line struct {
	pcm []float64
	rng *rand.Rand
}

func newLine(seed uint64) *line { return &line{rng: rand.New(rand.NewPCG(seed, 7))} }

func amp(dBm0 float64) float64 { return math.Pow(10, (dBm0-3.14)/20) }

func (l *line) pause(d time.Duration) {
	l.pcm = append(l.pcm, make([]float64, int(d.Seconds()*8000))...)
}

// key adds a digit; twist is the column's level over the row's in dB, level the
// stronger one's, off a deviation of both frequencies.
func (l *line) key(digit byte, d time.Duration, level, twist, off float64) {
	i := strings.IndexByte(keypad, digit)
	r, c := level, level
	if twist > 0 {
		r -= twist
	} else {
		c += twist
	}
	pr, pc := 2*math.Pi*l.rng.Float64(), 2*math.Pi*l.rng.Float64()
	for n := range int(d.Seconds() * 8000) {
		t := 2 * math.Pi * float64(n) / 8000 * (1 + off)
		l.pcm = append(l.pcm, amp(r)*math.Sin(rows[i/4]*t+pr)+amp(c)*math.Sin(cols[i%4]*t+pc))
	}
}

// noise adds white noise of a level to all that is there.
func (l *line) noise(dBm0 float64) {
	rms := amp(dBm0) / math.Sqrt2
	for i := range l.pcm {
		l.pcm[i] += rms * l.rng.NormFloat64()
	}
}

// digits runs a detector over the line in 20 ms frames, as they come out of
// PCMU packets.
func (l *line) digits() (digits string, events []Event) {
	d := NewDetector(8000)
	pcmu, _ := codec.Lookup("PCMU")
	frame, packet := make([]int16, 160), make([]byte, 160)
	for at := 0; at+160 <= len(l.pcm); at += 160 {
		for i := range frame {
			frame[i] = clip(32768 * l.pcm[at+i])
		}
		pcmu.NewEncoder().Encode(packet, frame)
		pcmu.NewDecoder().Decode(frame, packet)
		for _, e := range d.Process(frame) {
			if !e.End {
				digits += string(e.Digit)
			}
			events = append(events, e)
		}
	}
	return digits, events
}

// keys dials all sixteen digits with 40 ms of tone and 40 ms of pause each, at
// changing positions to the detector's blocks.
func (l *line) keys(level, twist, off float64) {
	for _, digit := range []byte(Digits) {
		l.pause(40*time.Millisecond + time.Duration(l.rng.IntN(20))*time.Millisecond)
		l.key(digit, 40*time.Millisecond, level, twist, off)
	}
	l.pause(100 * time.Millisecond)
}

func TestAllDigits(t *testing.T) {
	for _, level := range []float64{-3, -10, -20, -30, -36} {
		for _, twist := range []float64{-8, -6, -3, 0, 2, 4} {
			for _, off := range []float64{-0.015, 0, 0.015} {
				l := newLine(uint64(1000*(level+100) + 10*(twist+10) + off*100))
				l.keys(level, twist, off)
				if got, _ := l.digits(); got != Digits {
					t.Errorf("level %v dBm0, twist %v dB, frequencies off by %v: %q", level, twist, off, got)
				}
			}
		}
	}
}

func TestDigitsInNoise(t *testing.T) {
	for _, snr := range []float64{24, 18, 15} {
		missed, wrong := 0, 0
		for seed := range uint64(20) {
			l := newLine(seed)
			l.keys(-15, 0, 0)
			l.noise(-15 - snr)
			got, _ := l.digits()
			missed += max(0, 16-len(got))
			for i := range min(len(got), 16) {
				if got[i] != Digits[i] && len(got) == 16 {
					wrong++
				}
			}
		}
		t.Logf("%v dB over noise: %d of 320 missed, %d wrong", snr, missed, wrong)
		if missed+wrong > 0 {
			t.Errorf("%v dB over noise: %d of 320 missed, %d wrong", snr, missed, wrong)
		}
	}
}

func TestDurationsAndPauses(t *testing.T) {
	l := newLine(1)
	l.pause(55 * time.Millisecond)
	l.key('5', 300*time.Millisecond, -10, 0, 0)
	l.pause(41 * time.Millisecond)
	l.key('5', 60*time.Millisecond, -10, 0, 0) // the same digit again
	l.key('6', 60*time.Millisecond, -10, 0, 0) // without a pause
	l.pause(100 * time.Millisecond)
	l.key('9', 100*time.Millisecond, -10, 0, 0)
	l.pause(10 * time.Millisecond) // a dropout
	l.key('9', 100*time.Millisecond, -10, 0, 0)
	l.pause(100 * time.Millisecond)
	l.key('1', 15*time.Millisecond, -10, 0, 0) // too short
	l.pause(100 * time.Millisecond)
	l.key('2', 60*time.Millisecond, -60, 0, 0) // too quiet
	l.pause(100 * time.Millisecond)
	l.key('3', 60*time.Millisecond, -10, 14, 0) // too twisted
	l.pause(100 * time.Millisecond)
	got, events := l.digits()
	if got != "5569" {
		t.Fatalf("digits %q", got)
	}
	want := []time.Duration{300, 60, 60, 210}
	for _, e := range events {
		if !e.End {
			continue
		}
		if d := e.Duration - want[0]*time.Millisecond; d.Abs() > 26*time.Millisecond {
			t.Errorf("%c lasts %s, want %d ms", e.Digit, e.Duration, want[0])
		}
		want = want[1:]
	}
	if len(want) != 0 {
		t.Errorf("%d ends are missing", len(want))
	}
}

// TestWrongFrequencies turns the dial 3.5 % off, either way: no digit.
func TestWrongFrequencies(t *testing.T) {
	for _, off := range []float64{-0.035, 0.035} {
		l := newLine(9)
		l.keys(-10, 0, off)
		if got, _ := l.digits(); got != "" {
			t.Errorf("frequencies off by %v: %q", off, got)
		}
	}
}

// TestShortTones are 23 ms and shorter, which Q.24 takes for noise.
func TestShortTones(t *testing.T) {
	l := newLine(10)
	for i := range 200 {
		l.pause(time.Duration(50+l.rng.IntN(20)) * time.Millisecond)
		l.key(Digits[i%16], 23*time.Millisecond, -10, 0, 0)
	}
	if got, _ := l.digits(); got != "" {
		t.Errorf("%d of 200 tones of 23 ms are digits", len(got))
	}
}

func TestOtherRates(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		d := NewDetector(rate)
		got := ""
		frame := make([]int16, rate/50)
		for _, digit := range []byte(Digits) {
			spec, _ := DTMF(digit, 60*time.Millisecond, 60*time.Millisecond)
			for s := New(rate, spec); s.ReadFrame(frame) == nil; {
				for _, e := range d.Process(frame) {
					if !e.End {
						got += string(e.Digit)
					}
				}
			}
		}
		if got != Digits {
			t.Errorf("%d Hz: %q", rate, got)
		}
	}
}

// spoken is a text in one of espeak-ng's voices.
func spoken(t *testing.T, voice, text string, args ...string) *audio.Clip {
	t.Helper()
	path, err := exec.LookPath("espeak-ng")
	if err != nil {
		t.Skip("espeak-ng is not installed")
	}
	cmd := exec.Command(path, append([]string{"--stdin", "--stdout", "-v", voice}, args...)...)
	cmd.Stdin = strings.NewReader(text)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", voice, err)
	}
	clip, err := audio.Decode(bytes.NewReader(out), ".wav")
	if err != nil {
		t.Fatal(err)
	}
	return clip
}

const talk = `Thank you for calling. For sales, press one; for support, press two. Peter Piper picked a peck
of pickled peppers, she sells sea shells by the sea shore. Eeny, meeny, miny, moe. Ooh, aah, why, oh why? All our
agents are busy at the moment; your call is important to us, and it will be answered in the order received.
Zero, one, two, three, four, five, six, seven, eight, nine, ten, eleven, twelve, thirteen, nineteen eighty four.`

// TestTalkOff listens to minutes of speech of many voices: no digit may be
// heard in it.
func TestTalkOff(t *testing.T) {
	var total time.Duration
	for i, voice := range []string{"en-us", "en-us+f3", "en-gb+m7", "de+f2", "fr-fr+f5", "es+m3", "it+f4", "ru", "hi+f1", "cmn+f2", "ja+f3", "en-us+whisper"} {
		clip := spoken(t, voice, talk, "-s", fmt.Sprint(130+15*i), "-p", fmt.Sprint(25+6*i))
		total += clip.Duration()
		for _, e := range heard(clip.Source(8000)) {
			t.Errorf("%s: heard %c", voice, e.Digit)
		}
	}
	t.Logf("%s of speech", total)
}

// heard are the events in a source, of a minute at most.
func heard(s interface{ ReadFrame([]int16) error }) (events []Event) {
	d, frame := NewDetector(8000), make([]int16, 160)
	for range 3000 {
		if s.ReadFrame(frame) != nil {
			break
		}
		events = append(events, d.Process(frame)...)
	}
	return events
}

func TestOtherSoundsAreNoDigits(t *testing.T) {
	for name, s := range map[string]interface{ ReadFrame([]int16) error }{
		"ringback": New(8000, Ringback()), "busy": New(8000, Busy()), "congestion": New(8000, Congestion()),
		"milliwatt": New(8000, Milliwatt()), "music": audio.Loop(audio.Music(), 8000),
		"one row alone": New(8000, Spec{Hz1: 770}), "two rows": New(8000, Spec{Hz1: 770, Hz2: 941}),
	} {
		if events := heard(s); len(events) > 0 {
			t.Errorf("%s: %d events, first %c", name, len(events), events[0].Digit)
		}
	}
}

// TestDigitsOverAPrompt dials while the prompt comes back as an echo, 15 dB
// below the digits at its loudest.
func TestDigitsOverAPrompt(t *testing.T) {
	clip := spoken(t, "en-us", talk)
	l := newLine(11)
	for range 10 {
		l.keys(-12, 0, 0)
	}
	s, frame := clip.Source(8000), make([]int16, 160)
	var peak int16 = 1
	var echo []int16
	for len(echo) < len(l.pcm) && s.ReadFrame(frame) == nil {
		echo = append(echo, frame...)
		peak = max(peak, slices.Max(frame), -slices.Min(frame))
	}
	for i := range min(len(echo), len(l.pcm)) {
		l.pcm[i] += float64(echo[i]) / float64(peak) * amp(-12-15)
	}
	if got, _ := l.digits(); got != strings.Repeat(Digits, 10) {
		t.Errorf("%d of 160 digits", len(got))
	}
}

func TestNoAllocation(t *testing.T) {
	d, frame := NewDetector(8000), make([]int16, 160)
	spec, _ := DTMF('5', 50*time.Millisecond, 50*time.Millisecond)
	spec.Repeat = true
	s := New(8000, spec)
	if n := testing.AllocsPerRun(200, func() { _ = s.ReadFrame(frame); d.Process(frame) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// The benchmarks are of 20 ms.
func BenchmarkDetect(b *testing.B) {
	b.ReportAllocs()
	d, frame := NewDetector(8000), make([]int16, 160)
	_ = New(8000, Ringback()).ReadFrame(frame)
	for b.Loop() {
		d.Process(frame)
	}
}

func BenchmarkSource(b *testing.B) {
	b.ReportAllocs()
	s, frame := New(8000, Spec{Hz1: 440, Hz2: 480}), make([]int16, 160)
	for b.Loop() {
		_ = s.ReadFrame(frame)
	}
}
