package mp3

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// The oracles are other people's programs: espeak-ng speaks, ffmpeg resamples
// and decodes, lame is the encoder to beat.

const text = "Good morning, you have reached the support line. Please press one for sales, " +
	"two for billing, or stay on the line, and somebody will be with you shortly. " +
	"She sells sea shells by the shore; the quick brown fox jumps over the lazy dog."

func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed", program)
	}
}

// run gives a program's output and fails when it complains.
func run(t testing.TB, stdin []byte, program string, args ...string) []byte {
	t.Helper()
	need(t, program)
	var out, complaints bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(stdin), &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("%s %v: %v\n%s", program, args, err, &complaints)
	}
	return out.Bytes()
}

var spoken sync.Map // voice -> WAV

// speech is about 15 s of somebody talking, mono.
func speech(t testing.TB, voice string, rate int) []int16 {
	t.Helper()
	wav, ok := spoken.Load(voice)
	if !ok {
		wav, _ = spoken.LoadOrStore(voice, run(t, nil, "espeak-ng", "-v", voice, "--stdout", text))
	}
	return samples(run(t, wav.([]byte), "ffmpeg", "-v", "error", "-i", "-", "-f", "s16le",
		"-ac", "1", "-ar", strconv.Itoa(rate), "-"))
}

func samples(b []byte) []int16 {
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm
}

func octets(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, v := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	return b
}

// conversation is stereo: one talks, then the other, with a little overlap.
func conversation(t testing.TB, rate int) []int16 {
	t.Helper()
	left, right := speech(t, "en-us", rate), speech(t, "en+f3", rate)
	turn := 3 * rate
	n := min(len(left), len(right))
	pcm := make([]int16, 2*n)
	for i := range n {
		if (i/turn)%2 == 0 {
			pcm[2*i] = left[i]
		}
		if ((i+rate/5)/turn)%2 == 1 {
			pcm[2*i+1] = right[i]
		}
	}
	return pcm
}

// encode runs the encoder under test into a file.
func encode(t testing.TB, c Config, pcm []int16) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ours.mp3")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e, err := NewEncoder(f, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Write(pcm); err != nil {
		t.Fatal(err)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// overTelephone takes away what a narrow-band line does not carry.
func overTelephone(t testing.TB, pcm []int16, rate int) []int16 {
	t.Helper()
	hz := strconv.Itoa(rate)
	return samples(run(t, octets(pcm), "ffmpeg", "-v", "error", "-f", "s16le", "-ar", hz, "-ac", "1", "-i", "-",
		"-af", "aresample=8000,aresample="+hz, "-f", "s16le", "-"))
}

// decode runs ffmpeg, which must have nothing to complain of.
func decode(t testing.TB, path string) []int16 {
	t.Helper()
	return decodeAt(t, path, "warning")
}

func decodeAt(t testing.TB, path, level string) []int16 {
	t.Helper()
	return samples(run(t, nil, "ffmpeg", "-v", level, "-i", path, "-f", "s16le", "-"))
}

// encodeLAME is the oracle's file, made with further options.
func encodeLAME(t testing.TB, c Config, pcm []int16, options ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lame.mp3")
	mode := "m"
	if c.Channels == 2 {
		mode = "j"
	}
	wav := filepath.Join(t.TempDir(), "in.wav")
	run(t, octets(pcm), "ffmpeg", "-v", "error", "-f", "s16le", "-ar", strconv.Itoa(c.SampleRate),
		"-ac", strconv.Itoa(c.Channels), "-i", "-", wav)
	options = append([]string{
		"--quiet", "-m", mode, "--cbr", "-b", strconv.Itoa(c.BitRate / 1000),
		"--resample", strconv.FormatFloat(float64(c.SampleRate)/1000, 'f', -1, 64),
	}, options...)
	run(t, nil, "lame", append(options, wav, path)...)
	return path
}

// snr compares what was decoded with what was encoded, in dB, with the delay
// trimmed by the decoder or, where the header frame did not tell it, not.
func snr(want, got []int16, channels int) (best float64, lag int) {
	best = -100
	for _, untrimmed := range []int{0, 1105} { // LAME's delay and the decoder's
		for l := untrimmed - 2; l <= untrimmed+2; l++ {
			if db := snrAt(want, got, l*channels); db > best {
				best, lag = db, l
			}
		}
	}
	return best, lag
}

func snrAt(want, got []int16, lag int) float64 {
	var signal, noise float64
	for i := range want {
		if j := i + lag; j >= 0 && j < len(got) {
			d := float64(want[i]) - float64(got[j])
			noise += d * d
		}
		signal += float64(want[i]) * float64(want[i])
	}
	return 10 * math.Log10(signal/max(noise, 1))
}

// atLevelOf scales got to the level at which it is nearest to want: LAME turns
// its input down a little, which is no noise.
func atLevelOf(want, got []int16, lag int) []int16 {
	var cross, power float64
	for i := range want {
		if j := i + lag; j >= 0 && j < len(got) {
			cross += float64(want[i]) * float64(got[j])
			power += float64(got[j]) * float64(got[j])
		}
	}
	out := make([]int16, len(got))
	for i, v := range got {
		out[i] = int16(math.Round(max(-32768, min(32767, float64(v)*cross/power))))
	}
	return out
}
