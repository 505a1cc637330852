package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"offhook/media/wav"
)

// ffmpeg makes a file of a second of 440 Hz at 10,000 of 32,767 (as loud in
// each of two channels).
func ffmpeg(t *testing.T, args ...string) []byte {
	t.Helper()
	path, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("ffmpeg is not installed")
	}
	args = append([]string{"-v", "error", "-nostdin", "-f", "lavfi", "-i", "aevalsrc=0.30518*sin(2*PI*440*t):s=48000:d=1"}, args...)
	out, err := exec.Command(path, append(args, "-")...).Output()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v", args, err)
	}
	return out
}

// tone measures the amplitude of 440 Hz in the middle of a clip.
func tone(c *Clip) float64 {
	var pcm []int16
	for part := range c.Parts() {
		pcm = append(pcm, part...)
	}
	pcm = pcm[c.Rate()/4 : c.Rate()*3/4]
	var re, im float64
	for i, v := range pcm {
		s, co := math.Sincos(2 * math.Pi * 440 * float64(i) / float64(c.Rate()))
		re, im = re+float64(v)*co, im+float64(v)*s
	}
	return 2 * math.Hypot(re, im) / float64(len(pcm))
}

func TestDecode(t *testing.T) {
	for _, c := range []struct {
		name, hint string
		args       []string
		rate       int
	}{
		{"WAV 8 bits", "", []string{"-ar", "8000", "-c:a", "pcm_u8", "-f", "wav"}, 8000},
		{"WAV 16 bits stereo", "audio/x-wav", []string{"-ar", "44100", "-ac", "2", "-c:a", "pcm_s16le", "-f", "wav"}, 44100},
		{"WAV 24 bits", "x.wav", []string{"-ar", "48000", "-c:a", "pcm_s24le", "-f", "wav"}, 48000},
		{"WAV 32 bits", "", []string{"-ar", "32000", "-c:a", "pcm_s32le", "-f", "wav"}, 32000},
		{"WAV float", "", []string{"-ar", "16000", "-c:a", "pcm_f32le", "-f", "wav"}, 16000},
		{"WAV µ-law", "", []string{"-ar", "8000", "-c:a", "pcm_mulaw", "-f", "wav"}, 8000},
		{"WAV A-law", "", []string{"-ar", "8000", "-c:a", "pcm_alaw", "-f", "wav"}, 8000},
		{"WAV of five channels", "", []string{"-ar", "11025", "-ac", "5", "-c:a", "pcm_s16le", "-f", "wav"}, 11025},
		{"MP3 16 kHz mono", "audio/mpeg", []string{"-ar", "16000", "-b:a", "32k", "-f", "mp3"}, 16000},
		{"MP3 44.1 kHz stereo", "x.mp3", []string{"-ar", "44100", "-ac", "2", "-b:a", "128k", "-f", "mp3"}, 44100},
		{"MP3 without tags or a hint", "", []string{"-ar", "24000", "-b:a", "48k", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3"}, 24000},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := ffmpeg(t, c.args...)
			for _, r := range []io.Reader{bytes.NewReader(file), iotest.HalfReader(bytes.NewReader(file))} {
				clip, err := Decode(r, c.hint)
				if err != nil {
					t.Fatal(err)
				}
				if clip.Rate() != c.rate || clip.Duration() < 990*time.Millisecond || clip.Duration() > 1200*time.Millisecond {
					t.Errorf("%s at %d Hz", clip.Duration(), clip.Rate())
				}
				// Making one channel many, ffmpeg lowers it or puts it on one of five.
				if a := tone(clip); a < 1900 || a > 10300 {
					t.Errorf("amplitude %.0f", a)
				}
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, b := range map[string]string{
		"nothing": "", "a byte": "R", "HTML": "<html><body>not found</body></html>",
		"ID3 alone": "ID3\x03\x00\x00\x00\x00\x00\x00", "a sync word alone": "\xff\xfb\x90\x00",
		"rate": string(wav.AppendHeader(nil, 4000, 1, 2)) + "ab",
	} {
		if _, err := Decode(strings.NewReader(b), "audio/mpeg"); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// TestMP3IsTrimmed finds a click where it was before encoding, and the length
// as it was: nothing of the encoder's padding is left.
func TestMP3IsTrimmed(t *testing.T) {
	const click = "aevalsrc='if(between(n,24000,24009),0.8,0)':s=48000:d=1"
	for _, c := range []struct{ rate, channels string }{{"16000", "1"}, {"24000", "2"}, {"44100", "1"}, {"48000", "2"}} {
		path, err := exec.LookPath("ffmpeg")
		if err != nil {
			t.Skip("ffmpeg is not installed")
		}
		// To a file: only there can the encoder go back and complete the tag.
		name := filepath.Join(t.TempDir(), "a.mp3")
		if err := exec.Command(path, "-v", "error", "-nostdin", "-f", "lavfi", "-i", click, "-ar", c.rate, "-ac", c.channels, "-b:a", "64k", name).Run(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		clip, err := Decode(bytes.NewReader(b), "")
		if err != nil {
			t.Fatal(err)
		}
		n, peak, at := 0, 0, 0
		for part := range clip.Parts() {
			for _, v := range part {
				if int(v) > peak {
					peak, at = int(v), n
				}
				n++
			}
		}
		if d := at - clip.Rate()/2; n != clip.Rate() || d < -3 || d > 10 { // it lasts 10 at 48 kHz
			t.Errorf("%s Hz, %s channels: %d samples, click %d samples late", c.rate, c.channels, n, d)
		}
	}
}

// TestTagBomb has a tag that says it is a quarter of a gigabyte: nobody may
// believe it before the bytes are there.
func TestTagBomb(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Decode(strings.NewReader("ID3\x03\x00\x00\x7f\x7f\x7f\x7f and no more"), ""); !errors.Is(err, ErrFormat) {
		t.Errorf("error is %v", err)
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
		t.Errorf("%d bytes allocated", n)
	}
}

func TestLimit(t *testing.T) {
	b := wav.AppendHeader(nil, 8000, 1, 16000)
	d, err := NewDecoder(bytes.NewReader(append(b, make([]byte, 16000)...)), "")
	if err != nil {
		t.Fatal(err)
	}
	c := NewClip(d.Rate())
	if err := d.CopyTo(c, 500*time.Millisecond); !errors.Is(err, ErrTooLong) || c.Duration() != 500*time.Millisecond {
		t.Errorf("%v, %s", err, c.Duration())
	}
}

func TestRawDecoder(t *testing.T) {
	var b []byte
	for _, v := range count(5, 1000) {
		b = binary.LittleEndian.AppendUint16(b, uint16(v))
	}
	for _, r := range []io.Reader{bytes.NewReader(b), iotest.OneByteReader(bytes.NewReader(append(b, 1)))} {
		d := NewRawDecoder(r, 24000)
		c := NewClip(d.Rate())
		if err := d.CopyTo(c, time.Minute); err != nil || c.Samples() != 1000 || c.Rate() != 24000 {
			t.Errorf("%v, %d samples", err, c.Samples())
		}
		for part := range c.Parts() {
			for i, v := range part {
				if v != int16(5+i) {
					t.Fatalf("sample %d is %d", i, v)
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(append(wav.AppendHeader(nil, 8000, 1, 4), 1, 2, 3, 4))
	f.Add([]byte("ID3\x03\x00\x00\x00\x00\x00\x00\xff\xfb\x90\x00"))
	if path, err := exec.LookPath("ffmpeg"); err == nil {
		for _, args := range [][]string{{"-ar", "16000", "-ac", "1", "-b:a", "16k"}, {"-ar", "44100", "-ac", "2", "-b:a", "64k"}} {
			args = append([]string{"-v", "error", "-nostdin", "-f", "lavfi", "-i", "sine=d=0.2"}, args...)
			if out, err := exec.Command(path, append(args, "-f", "mp3", "-")...).Output(); err == nil {
				f.Add(out)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Decode(bytes.NewReader(b), "x.mp3")
		if (c == nil) == (err == nil) {
			t.Errorf("clip %v, error %v", c, err)
		}
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("error is %v", err)
		}
	})
}
