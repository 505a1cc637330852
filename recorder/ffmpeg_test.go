package recorder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"offhook/media/wav"
)

// decode runs ffmpeg, which must have nothing to complain of.
func decode(t *testing.T, path string) []int16 {
	t.Helper()
	if _, err := exec.LookPath("ffmpeg"); err != nil && os.Getenv("CI") == "" {
		t.Skip("ffmpeg is not installed")
	}
	var out, complaints bytes.Buffer
	cmd := exec.Command("ffmpeg", "-v", "warning", "-guess_layout_max", "0", "-i", path, "-f", "s16le", "-")
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Fatalf("ffmpeg: %v\n%s", err, &complaints)
	}
	pcm := make([]int16, out.Len()/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(out.Bytes()[2*i:]))
	}
	return pcm
}

// tone is the amplitude of one frequency in a channel (Goertzel).
func tone(pcm []int16, channel, channels, rate int, hz float64) float64 {
	w := 2 * math.Pi * hz / float64(rate)
	var re, im float64
	n := 0
	for i := channel; i < len(pcm); i += channels {
		re += float64(pcm[i]) * math.Cos(w*float64(n))
		im += float64(pcm[i]) * math.Sin(w*float64(n))
		n++
	}
	return 2 * math.Hypot(re, im) / float64(n)
}

func sine(rate, frame int, hz, amplitude float64) []int16 {
	pcm := make([]int16, rate/50)
	for i := range pcm {
		pcm[i] = int16(amplitude * math.Sin(2*math.Pi*hz*float64(frame*len(pcm)+i)/float64(rate)))
	}
	return pcm
}

func TestTonesOnTheRightChannels(t *testing.T) {
	const said, heard, amplitude = 440.0, 1000.0, 8000.0
	for _, test := range []struct {
		format         Format
		rate, channels int
	}{{WAV, 8000, 2}, {WAV, 48000, 1}, {MP3, 16000, 2}, {MP3, 16000, 1}, {MP3, 24000, 2}, {MP3, 48000, 2}} {
		t.Run(string(test.format)+strconv.Itoa(test.rate)+"_"+strconv.Itoa(test.channels), func(t *testing.T) {
			o := options(t, "a."+string(test.format))
			o.Format, o.Rate, o.Channels = test.format, test.rate, test.channels
			r := mustStart(t, o)
			for i := range 333 {
				feed(r, sine(o.Rate, i, said, amplitude), sine(o.Rate, i, heard, amplitude))
			}
			result := r.Stop()
			if result.Err != nil || result.Duration != 333*FrameDuration {
				t.Fatalf("result %+v", result)
			}
			pcm := decode(t, o.Path)
			length := time.Duration(len(pcm)/test.channels) * time.Second / time.Duration(o.Rate)
			if length != result.Duration {
				t.Errorf("decoded %v, result says %v", length, result.Duration)
			}
			for channel := range test.channels {
				for hz, on := range map[float64]bool{
					said:  channel == 0,
					heard: channel == 1 || test.channels == 1,
				} {
					want := 0.0
					if on {
						want = amplitude
					}
					if got := tone(pcm, channel, test.channels, o.Rate, hz); math.Abs(got-want) > 0.02*amplitude {
						t.Errorf("channel %d: %.0f Hz is at %.0f, want %.0f", channel, hz, got, want)
					}
				}
			}
		})
	}
}

// TestRecoverBeyond4GiB mends a stereo recording of 38 hours, a hole on the disk,
// that plain WAV has no sizes for.
func TestRecoverBeyond4GiB(t *testing.T) {
	path := filepath.Join(t.TempDir(), "long.wav")
	f, err := os.Create(partialName(path))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := wav.NewLongWriter(f, 8000, 2); err != nil {
		t.Fatal(err)
	}
	const long = 38 * time.Hour
	size := wav.LongHeaderBytes + int64(long/time.Second)*8000*4
	if err := errors.Join(f.Truncate(size+3), f.Close()); err != nil {
		t.Fatal(err)
	}
	results, err := Recover(filepath.Dir(path))
	if err != nil || len(results) != 1 || results[0].Size != size || results[0].Duration != long {
		t.Fatalf("recovered %+v, %v", results, err)
	}
	if _, err := exec.LookPath("ffprobe"); err != nil && os.Getenv("CI") == "" {
		t.Skip("ffprobe is not installed")
	}
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", path).CombinedOutput()
	if got := strings.TrimSpace(string(out)); err != nil || got != "136800.000000" {
		t.Errorf("ffprobe: %q, %v", got, err)
	}
}
