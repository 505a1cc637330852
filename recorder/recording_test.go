package recorder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"offhook/media/wav"
)

// frame is 20 ms of one value.
func frame(rate int, value int16) []int16 {
	pcm := make([]int16, rate/50)
	for i := range pcm {
		pcm[i] = value
	}
	return pcm
}

// feed writes one tick, and lets the recording's goroutine keep up.
func feed(r *Recording, said, heard []int16) {
	for !r.ended.Load() && r.ring.head.Load()-r.ring.tail.Load() > ringFrames/2 {
		runtime.Gosched()
	}
	r.WriteFrame(said, heard)
}

func options(t testing.TB, name string) Options {
	return Options{Path: filepath.Join(t.TempDir(), name), Rate: 8000, Logger: slog.New(slog.DiscardHandler)}
}

func mustStart(t testing.TB, o Options) *Recording {
	t.Helper()
	r, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Stop() })
	return r
}

// readWAV checks the header and gives the interleaved samples.
func readWAV(t testing.TB, path string, rate, channels int) []int16 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := wav.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	want := wav.Header{Coding: wav.PCM, Channels: channels, Rate: rate, Bits: 16, Bytes: int64(len(b) - wav.LongHeaderBytes)}
	if r.Header() != want {
		t.Fatalf("%d bytes begin with %+v, want %+v", len(b), r.Header(), want)
	}
	b = b[wav.LongHeaderBytes:]
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm
}

func TestChannels(t *testing.T) {
	const said, heard = 1000, -300
	for _, test := range []struct {
		name      string
		direction Direction
		channels  int
		want      []int16
	}{
		{"in", In, 0, []int16{said}},
		{"out", Out, 1, []int16{heard}},
		{"both", Both, 0, []int16{said, heard}},
		{"default", "", 0, []int16{said, heard}},
		{"mix", Both, 1, []int16{said + heard}},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := options(t, "a.wav")
			o.Direction, o.Channels = test.direction, test.channels
			r := mustStart(t, o)
			for range 60 {
				feed(r, frame(o.Rate, said), frame(o.Rate, heard))
			}
			got := r.Stop()
			if got.Err != nil || got.Reason != Stopped || got.Duration != 60*FrameDuration || got.Dropped != 0 {
				t.Fatalf("result %+v", got)
			}
			pcm := readWAV(t, o.Path, o.Rate, len(test.want))
			if len(pcm) != 60*160*len(test.want) || got.Size != int64(wav.LongHeaderBytes+2*len(pcm)) {
				t.Fatalf("%d samples, size %d", len(pcm), got.Size)
			}
			for i, v := range pcm {
				if v != test.want[i%len(test.want)] {
					t.Fatalf("sample %d is %d, want %v in turn", i, v, test.want)
				}
			}
		})
	}
}

func TestMixBendsInsteadOfClipping(t *testing.T) {
	last := int32(-1)
	for sum := int32(0); sum <= 65534; sum++ {
		half := int16(sum / 2)
		var out [1]int16
		mix(out[:], []int16{half}, []int16{int16(sum - int32(half))})
		got := int32(out[0])
		if sum <= knee && got != sum || got < last || got > 32767 {
			t.Fatalf("%d became %d after %d", sum, got, last)
		}
		last = got
	}
	var out [1]int16
	mix(out[:], []int16{-32768}, []int16{-32768})
	if out[0] > -30000 {
		t.Fatalf("two full scales became %d", out[0])
	}
}

func TestMissingAndShortFramesAreSilence(t *testing.T) {
	o := options(t, "a.wav")
	r := mustStart(t, o)
	feed(r, frame(o.Rate, 7)[:80], nil)
	r.Stop()
	pcm := readWAV(t, o.Path, o.Rate, 2)
	if len(pcm) != 320 {
		t.Fatalf("%d samples", len(pcm))
	}
	for i, v := range pcm {
		want := int16(0)
		if i%2 == 0 && i < 160 {
			want = 7
		}
		if v != want {
			t.Fatalf("sample %d is %d, want %d", i, v, want)
		}
	}
}

func TestPauseKeepsTheTimeline(t *testing.T) {
	o := options(t, "a.wav")
	o.Direction = In
	r := mustStart(t, o)
	for i := range 90 {
		switch i {
		case 30:
			r.Pause()
		case 60:
			r.Resume()
		}
		feed(r, frame(o.Rate, 5), nil)
	}
	r.Stop()
	for i, v := range readWAV(t, o.Path, o.Rate, 1) {
		want := int16(5)
		if at := i / 160; at >= 30 && at < 60 {
			want = 0
		}
		if v != want {
			t.Fatalf("sample %d is %d, want %d", i, v, want)
		}
	}
}

func TestMaxDuration(t *testing.T) {
	o := options(t, "a.wav")
	o.MaxDuration = 610 * time.Millisecond
	ends := make(chan Result, 2)
	o.OnEnd = func(result Result) { ends <- result }
	r := mustStart(t, o)
	for range 200 {
		feed(r, frame(o.Rate, 5), nil)
	}
	result := <-ends
	if result.Reason != Duration || result.Duration != 620*time.Millisecond {
		t.Fatalf("result %+v", result)
	}
	if again := r.End("key"); again != result {
		t.Fatalf("End afterwards gives %+v", again)
	}
	if len(ends) != 0 {
		t.Fatal("OnEnd was called twice")
	}
}

func TestEndWithAReasonOfOnesOwn(t *testing.T) {
	r := mustStart(t, options(t, "a.wav"))
	if got := r.End("key"); got.Reason != "key" {
		t.Fatalf("result %+v", got)
	}
	r.WriteFrame(frame(8000, 1), nil) // must do nothing
	if got := r.Stop(); got.Reason != "key" || got.Duration != 0 {
		t.Fatalf("result %+v", got)
	}
}

func TestStopMayBeCalledFromOnEnd(t *testing.T) {
	o := options(t, "a.wav")
	again := make(chan Result, 1)
	var r *Recording
	started := make(chan struct{})
	o.OnEnd = func(Result) { <-started; again <- r.Stop() }
	r = mustStart(t, o)
	close(started)
	if got := r.Stop(); got != <-again {
		t.Fatal("two results")
	}
}

func TestIdleEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options(t, "a.wav")
		o.Idle = time.Minute
		r := mustStart(t, o)
		for range 10 { // less than a batch
			r.WriteFrame(frame(o.Rate, 1), nil)
			time.Sleep(FrameDuration)
		}
		before := time.Now()
		<-r.Done()
		got := r.Stop()
		if waited := time.Since(before); waited < time.Minute || waited > 2*time.Minute {
			t.Fatalf("ended after %v", waited)
		}
		if got.Reason != Idle || got.Duration != 10*FrameDuration {
			t.Fatalf("result %+v", got)
		}
	})
}

func TestBadOptions(t *testing.T) {
	for name, spoil := range map[string]func(*Options){
		"no path":           func(o *Options) { o.Path = "" },
		"hidden path":       func(o *Options) { o.Path = filepath.Join(filepath.Dir(o.Path), ".a.wav") },
		"format":            func(o *Options) { o.Format = "ogg" },
		"direction":         func(o *Options) { o.Direction = "up" },
		"stereo of one":     func(o *Options) { o.Direction, o.Channels = In, 2 },
		"channels":          func(o *Options) { o.Channels = 3 },
		"rate":              func(o *Options) { o.Rate = 4000 },
		"MP3 at 8 kHz":      func(o *Options) { o.Format = MP3 },
		"negative duration": func(o *Options) { o.MaxDuration = -1 },
		"bit rate":          func(o *Options) { o.Format, o.Rate, o.BitRate = MP3, 16000, 33333 },
	} {
		o := options(t, "a.wav")
		spoil(&o)
		if r, err := Start(o); err == nil {
			r.Stop()
			t.Errorf("%s: started", name)
		} else if !errors.Is(err, ErrOptions) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(o.Path)); o.Path != "" && len(left) != 0 {
			t.Errorf("%s: left %v behind", name, left)
		}
	}
}

func TestRateFor(t *testing.T) {
	for _, test := range []struct {
		format     Format
		call, want int
	}{{WAV, 8000, 8000}, {MP3, 8000, 16000}, {MP3, 16000, 16000}, {MP3, 48000, 48000}, {MP3, 20000, 22050}} {
		if got := RateFor(test.format, test.call); got != test.want {
			t.Errorf("%s at %d: %d, want %d", test.format, test.call, got, test.want)
		}
	}
}

func TestWriteFrameDoesNotAllocate(t *testing.T) {
	for _, name := range []string{"a.wav", "a.mp3"} {
		o := options(t, name)
		o.Rate, o.Format = 16000, Format(name[2:])
		r := mustStart(t, o)
		said, heard := frame(o.Rate, 3), frame(o.Rate, -3)
		for range 200 {
			feed(r, said, heard)
		}
		if n := testing.AllocsPerRun(1000, func() { feed(r, said, heard) }); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
}
