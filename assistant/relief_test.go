package assistant

import (
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"offhook/media/vad"
	"offhook/speech"
	"offhook/speech/espeak"
	"offhook/speech/stt"
)

// TestReliefInSpeech lets real sentences, some of which end faintly, on lines
// with and without noise, be no voices before something louder.
func TestReliefInSpeech(t *testing.T) {
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
	engine := espeak.New(espeak.Options{})
	for _, language := range []string{"en-US", "fr-FR", "de-DE"} {
		for _, text := range []string{
			"Hello, I am calling because my order with the number one two three four five has not arrived yet, and I would like to know where it is, please.",
			"Um, well, you know, I was thinking that maybe, if it is not too much trouble, you could send it to my mother instead.",
			"NO! I said that I want to talk to a real person, not to a machine, and I want it now, thank you very much.",
		} {
			clip, err := engine.Synthesize(t.Context(), speech.Request{Text: text, Language: language})
			if err != nil {
				t.Fatal(err)
			}
			<-clip.Done()
			src := clip.Source(stt.Rate)
			voice := make([]int16, stt.Samples(clip.Duration()))
			for at := 0; at+320 <= len(voice) && src.ReadFrame(voice[at:at+320]) == nil; at += 320 {
			}
			for _, noise := range []float64{0, 20, 100, 400} {
				if n := fades(voice, noise); n != 0 {
					t.Errorf("%s, noise %v: %q is over %d times", language, noise, text, n)
				}
			}
		}
	}
}

// fades is how often a voice seems to end before something louder does.
func fades(voice []int16, noise float64) (n int) {
	random := rand.New(rand.NewPCG(1, 2))
	d, r := vad.New(vad.Defaults()), newRelief(DefaultTimes().fade())
	line := make([]int16, stt.Rate, len(voice)+3*stt.Rate)
	line = append(append(line, voice...), make([]int16, 2*stt.Rate)...)
	frame := make([]int16, stt.Samples(20*time.Millisecond))
	for ; len(line) >= len(frame); line = line[len(frame):] {
		for i := range frame {
			frame[i] = int16(float64(line[i])/2 + noise*(2*random.Float64()-1))
		}
		if d.Write(frame) == vad.Begun {
			r.reset()
		}
		if d.Speaking() && r.add(frame) == faded {
			n++
		}
	}
	return n
}

// TestRelief tells what is behind a voice from what is in front of it.
func TestRelief(t *testing.T) {
	r := newRelief(leastFade)
	r.reset()
	last := func(amplitude int16, d time.Duration) (c change) {
		frame := make([]int16, stt.Samples(20*time.Millisecond))
		for i := range frame {
			frame[i] = amplitude
		}
		for ; d > 0; d -= 20 * time.Millisecond {
			if now := r.add(frame); now != same {
				c = now
			}
		}
		return c
	}
	for i, step := range []struct {
		amplitude int16
		d         time.Duration
		want      change
	}{
		{5000, 2 * time.Second, same},         // a voice
		{500, 700 * time.Millisecond, same},   // its end may be faint
		{5000, time.Second, same},             // it goes on
		{500, 1500 * time.Millisecond, faded}, // music behind it
		{1000, 300 * time.Millisecond, same},  // louder music
		{4000, 200 * time.Millisecond, risen}, // a beat
		{500, 1500 * time.Millisecond, faded},
		{4000, 200 * time.Millisecond, risen}, // another one
	} {
		if got := last(step.amplitude, step.d); got != step.want {
			t.Errorf("step %d: %v", i, got)
		}
		if step.want == faded {
			r.piece()
		}
	}
	if got := last(500, 2*time.Second); got != faded {
		t.Errorf("after the beats: %v", got)
	}
	r.wordless(r.piece()) // there were no words in the beats
	if got := last(4000, 200*time.Millisecond); got != same {
		t.Errorf("a beat that is known: %v", got)
	}
	if got := last(14000, 200*time.Millisecond); got != risen {
		t.Errorf("a voice before the beats: %v", got)
	}
}
