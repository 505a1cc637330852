package recorder

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// line makes frames of speech-like bursts over a line's noise.
type line struct {
	random *rand.Rand
	noise  float64 // dBFS
	t      int
}

func amplitude(db float64) float64 { return 32768 * math.Pow(10, db/20) }

// frame is 20 ms with speech at a level, or with noise alone at -inf.
func (l *line) frame(speech float64) []int16 {
	pcm := make([]int16, 160)
	for i := range pcm {
		l.t++
		// Syllables: 4 Hz modulation of a voiced tone.
		syllable := math.Abs(math.Sin(2 * math.Pi * 2 * float64(l.t) / 8000))
		v := amplitude(speech) * math.Sqrt2 * syllable * math.Sin(2*math.Pi*180*float64(l.t)/8000)
		v += amplitude(l.noise) * l.random.NormFloat64()
		pcm[i] = int16(max(-32768, min(32767, v)))
	}
	return pcm
}

func TestSilenceEndsAfterSpeech(t *testing.T) {
	never := math.Inf(-1)
	type part struct {
		seconds float64
		speech  float64
	}
	for _, test := range []struct {
		name           string
		noise          float64
		after, initial time.Duration
		parts          []part
		from, to       float64 // seconds in which it ends; 0: not at all
	}{
		{"quiet line", -75, 2 * time.Second, 0, []part{{1, never}, {3, -20}, {10, never}}, 5.9, 6.4},
		{"noisy line", -42, 2 * time.Second, 0, []part{{2, never}, {3, -18}, {10, never}}, 6.9, 7.4},
		{"soft voice", -65, 2 * time.Second, 0, []part{{1, never}, {3, -38}, {10, never}}, 5.8, 6.4},
		{"pause shorter than the limit", -60, 2 * time.Second, 0, []part{{3, -20}, {1.5, never}, {3, -20}, {10, never}}, 9.4, 9.9},
		{"speech from the first frame", -60, time.Second, 0, []part{{4, -20}, {5, never}}, 4.9, 5.4},
		{"long speech", -60, time.Second, 0, []part{{30, -20}}, 0, 0},
		{"nobody speaks", -60, time.Second, 0, []part{{20, never}}, 0, 0},
		{"nobody speaks, bounded", -60, time.Second, 4 * time.Second, []part{{20, never}}, 3.9, 4.1},
		{"noise gets louder", -70, 3 * time.Second, 0, []part{{1, never}, {2, -20}, {2, -40}, {10, never}}, 5.8, 8.5},
		{"digital silence", -200, 2 * time.Second, 0, []part{{1, never}, {3, -20}, {10, never}}, 5.9, 6.4},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := &line{random: rand.New(rand.NewPCG(1, 2)), noise: test.noise}
			d := newSilenceDetector(test.after, test.initial)
			ended, frames := 0.0, 0
			for _, p := range test.parts {
				for range int(p.seconds * 50) {
					frames++
					if d.add(l.frame(p.speech)) && ended == 0 {
						ended = float64(frames) / 50
					}
				}
			}
			if ended < test.from || ended > test.to {
				t.Errorf("ended at %.2f s, want %.2f to %.2f", ended, test.from, test.to)
			}
		})
	}
}

func TestASingleClickIsNotSpeech(t *testing.T) {
	l := &line{random: rand.New(rand.NewPCG(1, 2)), noise: -60}
	d := newSilenceDetector(time.Second, 0)
	for i := range 500 {
		speech := math.Inf(-1)
		if i%100 == 50 {
			speech = -10
		}
		if d.add(l.frame(speech)) {
			t.Fatalf("ended at frame %d", i)
		}
	}
}

func TestRecordingEndsBySilence(t *testing.T) {
	l := &line{random: rand.New(rand.NewPCG(1, 2)), noise: -60}
	o := options(t, "a.wav")
	o.Direction, o.Silence = In, time.Second
	r := mustStart(t, o)
	for range 100 {
		feed(r, l.frame(-20), nil)
	}
	for range 500 {
		feed(r, l.frame(math.Inf(-1)), nil)
	}
	if got := r.Stop(); got.Reason != Silence || got.Duration < 2900*time.Millisecond || got.Duration > 3300*time.Millisecond {
		t.Errorf("result %+v", got)
	}
}
