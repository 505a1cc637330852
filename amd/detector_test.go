package amd

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// scene builds a stream of 8 kHz PCM.
type scene struct {
	pcm []int16
	rnd *rand.Rand
}

func newScene() *scene { return &scene{rnd: rand.New(rand.NewPCG(1, 2))} }

// add appends d of a function of time in seconds, full scale 1, in noise at
// -65 dBov.
func (s *scene) add(d time.Duration, f func(t float64) float64) *scene {
	n := int(d.Seconds() * rate)
	for i := range n {
		v := f(float64(i)/rate) + s.rnd.NormFloat64()*0.00056
		s.pcm = append(s.pcm, int16(max(-1, min(1, v))*32767))
	}
	return s
}

func (s *scene) quiet(d time.Duration) *scene {
	return s.add(d, func(float64) float64 { return 0 })
}

// talk is a voice: harmonics of a moving pitch, in syllables of 200 ms.
func (s *scene) talk(d time.Duration) *scene {
	phase := 0.0
	return s.add(d, func(t float64) float64 {
		phase += 2 * math.Pi * (130 + 25*math.Sin(2*math.Pi*1.7*t)) / rate
		formant := 600 + 300*math.Sin(2*math.Pi*2.3*t)
		v := 0.0
		for h := 1.0; h < 25; h++ {
			hz := 130 * h
			v += math.Sin(phase*h) * math.Exp(-math.Abs(hz-formant)/300)
		}
		return 0.05 * v * (0.25 + math.Abs(math.Sin(math.Pi*t/0.2)))
	})
}

func (s *scene) tone(d time.Duration, amplitude float64, hz ...float64) *scene {
	return s.add(d, func(t float64) float64 {
		v := 0.0
		for _, f := range hz {
			v += amplitude * math.Sin(2*math.Pi*f*t)
		}
		return v
	})
}

func (s *scene) chirp(d time.Duration, from, to float64) *scene {
	phase := 0.0
	return s.add(d, func(t float64) float64 {
		phase += 2 * math.Pi * (from + (to-from)*t/d.Seconds()) / rate
		return 0.1 * math.Sin(phase)
	})
}

const ms = time.Millisecond

func detect(pcm []int16, c Config) Verdict {
	d := New(rate, c)
	d.Write(pcm)
	return d.Finish()
}

func scenes() map[string]struct {
	s      *scene
	result Result
	cause  string
} {
	type row = struct {
		s      *scene
		result Result
		cause  string
	}
	ced := func() *scene { return newScene().quiet(600*ms).tone(3*time.Second, 0.1, 2100) }
	ansam := newScene().quiet(500 * ms)
	for i := range 7 { // phase reversals each 450 ms
		sign := float64(1 - 2*(i%2))
		ansam.tone(450*ms, 0.1*sign, 2100)
	}
	return map[string]row{
		"hello":            {newScene().quiet(600 * ms).talk(500 * ms).quiet(3 * time.Second), Human, CauseEndOfTurn},
		"hello twice":      {newScene().quiet(400 * ms).talk(350 * ms).quiet(900 * ms).talk(350 * ms).quiet(3 * time.Second), Human, CauseRepeat},
		"hello, then more": {newScene().quiet(400 * ms).talk(160 * ms).quiet(1100 * ms).talk(420 * ms).quiet(320 * ms).talk(4 * time.Second), Machine, CauseLongTalk},
		"a company's name": {newScene().quiet(300 * ms).talk(1900 * ms).quiet(3 * time.Second), Human, CauseEndOfTurn},
		"late and short":   {newScene().quiet(3600 * ms).talk(500 * ms).quiet(3 * time.Second), Human, CauseShortAtEnd},
		"long greeting":    {newScene().quiet(300 * ms).talk(7 * time.Second).quiet(3 * time.Second), Machine, CauseLongTalk},
		"receptionist":     {newScene().quiet(400 * ms).talk(1500 * ms).quiet(350 * ms).talk(1700 * ms).quiet(3 * time.Second), Human, CauseEndOfTurn},
		"menu":             {newScene().quiet(400 * ms).talk(1500 * ms).quiet(600 * ms).talk(1300 * ms).quiet(1100 * ms).talk(4 * time.Second), Machine, CauseLongTalk},
		"late greeting":    {newScene().quiet(2600 * ms).talk(6 * time.Second), Machine, CauseLateTalk},
		"short and beep":   {newScene().quiet(300*ms).talk(1200*ms).quiet(600*ms).tone(300*ms, 0.1, 1000).quiet(time.Second), Machine, CauseBeep},
		"only a beep":      {newScene().quiet(1200*ms).tone(400*ms, 0.1, 1400).quiet(4 * time.Second), Machine, CauseBeep},
		"ringback, hello":  {newScene().tone(500*ms, 0.1, 440, 480).quiet(700 * ms).talk(450 * ms).quiet(3 * time.Second), Human, CauseEndOfTurn},
		"silence":          {newScene().quiet(6 * time.Second), Silence, CauseNoSpeech},
		"digital silence":  {&scene{pcm: make([]int16, 6*rate)}, Silence, CauseNoSpeech},
		"hang-up at once":  {newScene().quiet(300 * ms), Silence, CauseEnded},
		"cng":              {newScene().quiet(500*ms).tone(500*ms, 0.1, 1100).quiet(4 * time.Second), Fax, CauseCNG},
		"ced":              {ced(), Fax, CauseCED},
		"ansam":            {ansam, Fax, CauseCED},
		"sit":              {newScene().quiet(300*ms).tone(276*ms, 0.1, 913.8).tone(276*ms, 0.1, 1370.6).tone(380*ms, 0.1, 1776.7).quiet(200 * ms).talk(4 * time.Second), SIT, CauseSIT},
		"sit with gaps":    {newScene().quiet(300*ms).tone(330*ms, 0.1, 950).quiet(30*ms).tone(330*ms, 0.1, 1400).quiet(30*ms).tone(330*ms, 0.1, 1800).quiet(4 * time.Second), SIT, CauseSIT},
	}
}

func TestResults(t *testing.T) {
	for name, row := range scenes() {
		v := detect(row.s.pcm, Config{})
		if v.Result != row.result || v.Cause != row.cause {
			t.Errorf("%s: %s by %s at %s, want %s by %s (%+v)", name, v.Result, v.Cause, v.DecidedAt, row.result, row.cause, v.Features)
		}
		if v.DecidedAt > 5*time.Second {
			t.Errorf("%s: decided at %s", name, v.DecidedAt)
		}
	}
}

// TestFraming gives every stream in frames of several lengths: nothing of the
// verdict may change.
func TestFraming(t *testing.T) {
	for name, row := range scenes() {
		want := detect(row.s.pcm, Config{})
		for _, n := range []int{1, 80, 160, 240, 480, 1001} {
			d := New(rate, Config{})
			for pcm := row.s.pcm; len(pcm) > 0; pcm = pcm[min(n, len(pcm)):] {
				d.Write(pcm[:min(n, len(pcm))])
			}
			if got := d.Finish(); got != want {
				t.Errorf("%s in frames of %d: %+v, want %+v", name, n, got, want)
			}
		}
	}
}

// TestRates gives the same sound at other rates: the times stay.
func TestRates(t *testing.T) {
	for _, hz := range []int{11025, 16000, 44100, 48000} {
		n := hz * 6
		pcm := make([]int16, n)
		for i := range pcm {
			at := float64(i) / float64(hz)
			if at >= 1.2 && at < 1.6 {
				pcm[i] = int16(3000 * math.Sin(2*math.Pi*1400*at))
			}
		}
		d := New(hz, Config{})
		d.Write(pcm)
		v := d.Finish()
		if v.Result != Machine || !within(v.BeepAt, 1200*ms, 30*ms) || !within(v.BeepEnd, 1600*ms, 30*ms) || math.Abs(v.BeepHz-1400) > 3 {
			t.Errorf("%d Hz: %+v", hz, v)
		}
	}
}

func within(got, want, by time.Duration) bool { return got >= want-by && got <= want+by }

func TestBeeps(t *testing.T) {
	greeting := func() *scene { return newScene().quiet(300 * ms).talk(5 * time.Second).quiet(700 * ms) }
	start := 6 * time.Second
	for name, row := range map[string]struct {
		s      *scene
		length time.Duration
		hz     float64
	}{
		"80 ms":           {greeting().tone(80*ms, 0.1, 1000), 80 * ms, 1000},
		"100 ms high":     {greeting().tone(100*ms, 0.1, 2500), 100 * ms, 2500},
		"low":             {greeting().tone(400*ms, 0.1, 350), 400 * ms, 350},
		"2 s":             {greeting().tone(2*time.Second, 0.1, 440), 2 * time.Second, 440},
		"quiet":           {greeting().tone(300*ms, 0.006, 1400), 300 * ms, 1400},
		"dual":            {greeting().tone(400*ms, 0.07, 850, 1336), 400 * ms, 0},
		"chirped":         {greeting().chirp(400*ms, 1000, 1400), 400 * ms, 1200},
		"three bursts":    {greeting().tone(170*ms, 0.1, 1250).quiet(90*ms).tone(170*ms, 0.1, 1250).quiet(90*ms).tone(170*ms, 0.1, 1250), 690 * ms, 1250},
		"into no silence": {newScene().quiet(300*ms).talk(5700*ms).tone(400*ms, 0.2, 1000), 400 * ms, 1000},
	} {
		v := detect(row.s.quiet(3*time.Second).pcm, Config{})
		if v.Result != Machine || !within(v.BeepAt, start, 30*ms) || !within(v.BeepEnd, start+row.length, 30*ms) {
			t.Errorf("%s: %s, beep %s to %s", name, v.Result, v.BeepAt, v.BeepEnd)
		}
		if row.hz != 0 && math.Abs(v.BeepHz-row.hz) > 12 {
			t.Errorf("%s: %g Hz, want %g", name, v.BeepHz, row.hz)
		}
		if d := v.Ready - v.BeepEnd; d < 100*ms || d > 400*ms {
			t.Errorf("%s: ready %s after the beep", name, d)
		}
	}
}

// TestGreetingWithoutBeep is ready after two seconds of silence.
func TestGreetingWithoutBeep(t *testing.T) {
	v := detect(newScene().quiet(300*ms).talk(6*time.Second).quiet(4*time.Second).pcm, Config{})
	if v.Result != Machine || v.BeepAt != None || !within(v.GreetingEnd, 6300*ms, 100*ms) || !within(v.Ready, v.GreetingEnd+2*time.Second, 60*ms) {
		t.Errorf("%+v", v)
	}
}

// TestEarlyMedia counts from the answer and takes the ringback before it for
// what it is.
func TestEarlyMedia(t *testing.T) {
	d := New(rate, Config{})
	d.Early()
	d.Write(newScene().tone(2*time.Second, 0.1, 440, 480).quiet(4*time.Second).tone(500*ms, 0.1, 440, 480).pcm)
	if v := d.Verdict(); v.Result != "" {
		t.Fatalf("decided before the answer: %+v", v)
	}
	d.Answered()
	d.Write(newScene().tone(300*ms, 0.1, 440, 480).quiet(500 * ms).talk(400 * ms).quiet(2 * time.Second).pcm)
	if v := d.Finish(); v.Result != Human {
		t.Errorf("%+v", v)
	}
}

func TestWriteDoesNotAllocate(t *testing.T) {
	for _, hz := range []int{8000, 16000} {
		pcm := newScene().quiet(300*ms).talk(5*time.Second).tone(300*ms, 0.1, 1000).quiet(time.Second).pcm
		l := NewListener(hz, Config{})
		n := hz / 50
		at := 0
		if a := testing.AllocsPerRun(300, func() {
			l.WriteFrame(pcm[at:at+n], nil)
			at = (at + n) % (len(pcm) - n)
		}); a != 0 {
			t.Errorf("%d Hz: %g allocations a frame", hz, a)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, th := range Thresholds() {
		if th.Name == "" || th.Unit == "" || th.Reason == "" || !(th.Min <= th.Default && th.Default <= th.Max && th.Min < th.Max) {
			t.Errorf("threshold %+v", th)
		}
	}
	var c Config
	if err := c.Override(json.RawMessage(`{"limit_ms": 4000, "voicing": 0.6}`)); err != nil || c.Limit != 4000 || c.Voicing != 0.6 || c.EndShort != Defaults().EndShort {
		t.Errorf("%v, %+v", err, c)
	}
	for _, empty := range []string{"", " ", "null", "{}"} {
		if err := c.Override(json.RawMessage(empty)); err != nil || c.Limit != 4000 {
			t.Errorf("%q: %v", empty, err)
		}
	}
	for _, bad := range []string{`{"limit": 4000}`, `{"limit_ms": "4000"}`, `{"limit_ms": 1}`, `{"limit_ms": 3000, "voicing": 7}`, `[]`, `{} {}`, `{`} {
		if err := c.Override(json.RawMessage(bad)); err == nil || c.Limit != 4000 {
			t.Errorf("%s is accepted: %+v", bad, c)
		}
	}
	if got := (Config{}).WithLimit(time.Hour).Limit; got != 60000 {
		t.Errorf("limit %g", got)
	}
	v := detect(newScene().quiet(6*time.Second).pcm, Config{}.WithLimit(2*time.Second))
	if v.DecidedAt != 2*time.Second {
		t.Errorf("decided at %s", v.DecidedAt)
	}
}

// BenchmarkCalls is a greeting, a beep and silence: ns/op is one second of one
// call, and percent what 100 calls take of a core.
func BenchmarkCalls(b *testing.B) {
	pcm := newScene().quiet(500*ms).talk(6*time.Second).quiet(600*ms).tone(400*ms, 0.1, 1000).quiet(2500 * ms).pcm
	b.ReportAllocs()
	d := New(rate, Config{})
	at := 0
	for b.Loop() {
		if at+rate > len(pcm) {
			b.StopTimer()
			at, d = 0, New(rate, Config{})
			b.StartTimer()
		}
		for range 50 {
			d.Write(pcm[at : at+frameSamples])
			at += frameSamples
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1e9*100*100, "%core/100calls")
}
