package codec

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"
)

// ffmpeg runs the oracle; tests that need it are skipped where it is missing.
func ffmpeg(t *testing.T, in []byte, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	cmd := exec.Command(path, append([]string{"-v", "error", "-nostdin"}, args...)...)
	cmd.Stdin = bytes.NewReader(in)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, stderr.String())
	}
	return out
}

func littleEndian(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}

// signals are what the oracle compares: quiet, speech-like, loud and clipped.
func signals() map[string][]int16 {
	rng := rand.New(rand.NewPCG(1, 2))
	const n = 16000 * 3
	out := map[string][]int16{
		"silence": make([]int16, n), "noise": make([]int16, n), "full scale noise": make([]int16, n),
		"sweep": make([]int16, n), "square": make([]int16, n), "bursts": make([]int16, n),
	}
	var lp float64
	for i := range n {
		t := float64(i) / 16000
		lp = 0.9*lp + 0.1*rng.NormFloat64()
		out["noise"][i] = int16(1000 * rng.NormFloat64())
		out["full scale noise"][i] = int16(rng.IntN(65536) - 32768)
		out["sweep"][i] = int16(30000 * math.Sin(2*math.Pi*(50*t+1200*t*t)))
		out["square"][i] = 32767
		if i/40%2 == 1 {
			out["square"][i] = -32768
		}
		env := math.Max(0, math.Sin(2*math.Pi*3*t))
		out["bursts"][i] = int16(12000 * env * (lp + 0.7*math.Sin(2*math.Pi*180*t)*math.Sin(2*math.Pi*900*t)))
	}
	return out
}

func TestG722EncodesAsFFmpeg(t *testing.T) {
	for name, pcm := range signals() {
		want := ffmpeg(t, littleEndian(pcm), "-f", "s16le", "-ar", "16000", "-ac", "1", "-i", "-", "-c:a", "g722", "-f", "g722", "-")
		got := make([]byte, len(pcm)/2)
		n := g722.NewEncoder().Encode(got, pcm)
		compare(t, name, got[:n], want)
	}
}

func TestG722DecodesAsFFmpeg(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	random := make([]byte, 24000)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	streams := map[string][]byte{"random bytes": random}
	for name, pcm := range signals() {
		b := make([]byte, len(pcm)/2)
		g722.NewEncoder().Encode(b, pcm)
		streams[name] = b
	}
	for name, b := range streams {
		want := ffmpeg(t, b, "-f", "g722", "-i", "-", "-f", "s16le", "-ar", "16000", "-ac", "1", "-")
		got := make([]int16, 2*len(b))
		n := g722.NewDecoder().Decode(got, b)
		compare(t, name, littleEndian(got[:n]), want)
	}
}

func compare(t *testing.T, name string, got, want []byte) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d bytes, ffmpeg has %d", name, len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s: byte %d is %#x, ffmpeg has %#x", name, i, got[i], want[i])
			return
		}
	}
}
