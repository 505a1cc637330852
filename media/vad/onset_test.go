package vad

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"offhook/media/audio"
	"offhook/media/codec"
	"offhook/media/resample"
)

// interruptions begin with every kind of sound that English has.
var interruptions = []string{
	"no wait", "stop", "hold on", "actually", "excuse me", "sorry", "what", "how much", "I don't think so", "please stop",
	"hello", "hey", "listen", "help", "four", "she said", "cheese", "this is wrong", "but", "can I", "my order",
	"never mind", "you are wrong", "zero", "one moment", "that's not it", "agent", "operator", "transfer me", "should I", "thank you",
	"yes but", "is it", "every day", "under ten", "fifty five", "seven", "very good", "who is this", "just a second",
}

// voices are programs that speak a text into a file.
var voices = map[string]func(text, file string) *exec.Cmd{
	"espeak-ng en-us": espeak("en-us"),
	"flite slt":       flite("slt"),
	"flite rms":       flite("rms"),
	"flite kal":       flite("kal16"),
}

func espeak(voice string) func(text, file string) *exec.Cmd {
	return func(text, file string) *exec.Cmd { return exec.Command("espeak-ng", "-v", voice, "-w", file, text) }
}

func flite(voice string) func(text, file string) *exec.Cmd {
	return func(text, file string) *exec.Cmd {
		return exec.Command("flite", "-voice", voice, "-t", text, "-o", file)
	}
}

// speak gives a text spoken, at the rate of telephones.
func speak(t testing.TB, voice, text string) []int16 {
	t.Helper()
	file := filepath.Join(t.TempDir(), "speech.wav")
	if out, err := voices[voice](text, file).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v %s", voice, err, out)
	}
	return telephone(t, file)
}

// levelOf is a level in dBFS.
func levelOf(pcm []int16) float64 {
	s := newSpectrum(Defaults().Noise)
	return s.measure(pcm).level
}

// loudness is how loud people speak into telephones, in dBFS.
const loudness = -22

// telephone reads a file as 8000 Hz, its voice at loudness.
func telephone(t testing.TB, file string) []int16 {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	clip, err := audio.Decode(bytes.NewReader(raw), "wav")
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	for part := range clip.Parts() {
		pcm = append(pcm, part...)
	}
	r := resample.New(clip.Rate(), 8000)
	out := make([]int16, r.Len(len(pcm)))
	r.Process(out, pcm)
	var levels []float64
	for at := 0; at+160 <= len(out); at += 160 {
		if level := levelOf(out[at : at+160]); level > -45 {
			levels = append(levels, level)
		}
	}
	slices.Sort(levels)
	gain := math.Pow(10, (loudness-levels[len(levels)*3/4])/20)
	for i, v := range out {
		out[i] = int16(max(-32000, min(32000, gain*float64(v))))
	}
	return out
}

// carry sends speech over a line with noise of a level in dBFS and G.711, and
// gives it at Rate. before is so much of the line without speech.
func carry(pcm []int16, before time.Duration, noise float64) []int16 {
	random := rand.New(rand.NewPCG(1, 2))
	amplitude := math.Pow(10, noise/20) * 32768 * math.Sqrt(3)
	line := make([]int16, int(before.Seconds()*8000)+len(pcm)+4000)
	copy(line[int(before.Seconds()*8000):], pcm)
	for i, v := range line {
		line[i] = int16(max(-32768, min(32767, float64(v)+amplitude*(2*random.Float64()-1))))
	}
	format, _ := codec.Lookup("PCMU")
	encoder, decoder, r := format.NewEncoder(), format.NewDecoder(), resample.New(8000, Rate)
	var out []int16
	payload, frame, wide := make([]byte, 160), make([]int16, 160), make([]int16, 320)
	for at := 0; at+160 <= len(line); at += 160 {
		n := encoder.Encode(payload, line[at:at+160])
		decoder.Decode(frame, payload[:n])
		out = append(out, wide[:r.Process(wide, frame)]...)
	}
	return out
}

// onset is where people hear speech begin: from there on it is at most 25 dB
// below its loudness.
func onset(pcm []int16) time.Duration {
	const step = 40 // 5 ms
	for at := 0; at+step <= len(pcm); at += step {
		if level := levelOf(pcm[at : at+step]); level > loudness-25 {
			return time.Duration(at) * time.Second / 8000
		}
	}
	return 0
}

// firmAfter is when a detector is sure of an interruption; 0: never.
func firmAfter(line []int16) time.Duration {
	d := New(Config{})
	for at := 0; at+320 <= len(line); at += 320 {
		d.Write(line[at : at+320])
		if d.Firm() {
			return time.Duration(at+320) * time.Second / Rate
		}
	}
	return 0
}

// handset takes away what old telephones and trunks do not carry.
func handset(pcm []int16) []int16 {
	out, first := slices.Clone(pcm), highPass(600) // 300 Hz at half of Rate
	second := first
	for i, v := range pcm {
		out[i] = int16(max(-32768, min(32767, second.next(first.next(float64(v))))))
	}
	return out
}

func needPrograms(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("many voices")
	}
	for _, program := range []string{"espeak-ng", "flite"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not installed", program)
		}
	}
}

// TestOnsets measures how long after the begin of an interruption the detector
// is sure of it.
//
//	go test ./media/vad -run TestOnsets -v
func TestOnsets(t *testing.T) {
	needPrograms(t)
	words := map[string][]int16{} // by voice and text
	for name := range voices {
		for _, text := range interruptions {
			words[name+text] = speak(t, name, text)
		}
	}
	for _, line := range []string{"whole", "handset"} {
		var all []time.Duration
		for name := range voices {
			for _, text := range interruptions {
				pcm := words[name+text]
				if line == "handset" {
					pcm = handset(pcm)
				}
				took := time.Second
				if firm := firmAfter(carry(pcm, time.Second, -60)); firm > 0 {
					took = firm - time.Second - onset(pcm)
				}
				if took > 200*time.Millisecond {
					t.Logf("%-10s %-20s %-18s %v", line, name, text, took)
				}
				all = append(all, took)
			}
		}
		slices.Sort(all)
		at := func(q float64) time.Duration { return all[int(q*float64(len(all)-1))] }
		t.Logf("%s: %d words, median %v, 90 %% %v, 95 %% %v, 99 %% %v, most %v", line, len(all), at(0.5), at(0.9), at(0.95), at(0.99), at(1))
		if at(0.5) > 100*time.Millisecond || at(0.9) > 180*time.Millisecond {
			t.Errorf("%s: the detector is sure after %v, and for one in ten after %v", line, at(0.5), at(0.9))
		}
	}
}

// TestMonologue reads a long sentence without pauses; none of it is taken for
// noise, on lines of every kind.
func TestMonologue(t *testing.T) {
	needPrograms(t)
	const text = "I am really annoyed in any way and all our money is on a new loan now while you were away in an old room " +
		"so I want to know when all of my orders are going to be here or if there is anybody else I may ask about that"
	for name := range voices {
		pcm := speak(t, name, text)
		for noise := -60.0; noise <= -45; noise += 15 {
			d, phrases, length := New(Config{}), 0, time.Duration(0)
			line := carry(pcm, time.Second, noise)
			for at := 0; at+320 <= len(line); at += 320 {
				if d.Write(line[at:at+320]) == Begun {
					phrases++
				}
				if d.Speaking() {
					length += Frame
				}
			}
			whole := time.Duration(len(pcm)) * time.Second / 8000
			if phrases != 1 || length < whole*9/10 {
				t.Errorf("%s, noise of %v dB: %d phrases of %v together, spoken for %v", name, noise, phrases, length, whole)
			}
		}
	}
}

// TestHums lets people hum that they listen.
func TestHums(t *testing.T) {
	needPrograms(t)
	hums := []string{"pau m m hh m m pau", "pau m m m pau", "pau m m m m pau", "pau hh m m m pau"}
	firm, all := 0, 0
	for _, voice := range []string{"slt", "rms", "awb"} {
		for _, phones := range hums {
			file := filepath.Join(t.TempDir(), "hum.wav")
			if out, err := exec.Command("flite", "-voice", voice, "-p", phones, "-o", file).CombinedOutput(); err != nil {
				t.Fatalf("flite: %v %s", err, out)
			}
			pcm := telephone(t, file)
			for name, sound := range map[string][]int16{"whole": pcm, "handset": handset(pcm)} {
				all++
				if after := firmAfter(carry(sound, time.Second, -60)); after > 0 {
					firm++
					t.Logf("%-10s %-5s %-22s interrupts after %v", name, voice, phones, after-time.Second)
				}
			}
		}
	}
	t.Logf("%d of %d hums interrupt", firm, all)
	if firm > all/4 {
		t.Errorf("%d of %d hums interrupt", firm, all)
	}
}
