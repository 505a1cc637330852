package audio

import (
	"errors"
	"io"
	"math"
	"sync"
	"testing"
	"time"
)

// count is the samples 0, 1, 2 … from a start.
func count(from, n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16((from + i) & 0x7fff)
	}
	return out
}

// complete is a clip of pcm that has ended.
func complete(rate int, pcm []int16) *Clip {
	c := NewClip(rate)
	c.Append(pcm)
	c.Close(nil)
	return c
}

// read plays a source to its end.
func read(s *Source) (out []int16, err error) {
	frame := make([]int16, s.Rate()/50)
	for err == nil {
		if err = s.ReadFrame(frame); err == nil {
			out = append(out, frame...)
		}
	}
	return out, err
}

func TestSourcePlaysTheWholeClip(t *testing.T) {
	c := NewClip(8000)
	for at := 0; at < 10000; at += 777 {
		c.Append(count(at, 777))
	}
	c.Close(nil)
	got, err := read(c.Source(8000))
	if err != io.EOF {
		t.Errorf("ends with %v", err)
	}
	if len(got) != (c.Samples()+159)/160*160 {
		t.Errorf("%d samples of %d", len(got), c.Samples())
	}
	for i, v := range got {
		if want := int16(i); i < c.Samples() && v != want || i >= c.Samples() && v != 0 {
			t.Fatalf("sample %d is %d", i, v)
		}
	}
	if d := c.Duration(); d != time.Duration(c.Samples())*time.Second/8000 {
		t.Errorf("duration %s", d)
	}
}

// TestWaitsForTheWriter gives silence while a frame is not complete, and
// afterwards every sample once.
func TestWaitsForTheWriter(t *testing.T) {
	c := NewClip(8000)
	s := c.Source(8000)
	frame := count(1, 160)
	if err := s.ReadFrame(frame); err != nil || frame[0] != 0 || frame[159] != 0 {
		t.Errorf("nothing there: %v, %v", frame[:2], err)
	}
	c.Append(count(1, 159))
	if err := s.ReadFrame(frame); err != nil || frame[0] != 0 {
		t.Errorf("half a frame: %v, %v", frame[:2], err)
	}
	c.Append(count(160, 2))
	if err := s.ReadFrame(frame); err != nil || frame[0] != 1 || frame[159] != 160 {
		t.Errorf("a frame: %v, %v", frame[:2], err)
	}
	broken := errors.New("engine broke")
	c.Close(broken)
	if err := s.ReadFrame(frame); err != nil || frame[0] != 161 || frame[1] != 0 {
		t.Errorf("the rest: %v, %v", frame[:2], err)
	}
	if err := s.ReadFrame(frame); err != broken || c.Err() != broken {
		t.Errorf("the end: %v, %v", err, c.Err())
	}
	if s.Position() != 161*time.Second/8000 {
		t.Errorf("position %s", s.Position())
	}
}

func TestCloseIsFinal(t *testing.T) {
	c := complete(8000, count(0, 10))
	c.Append(count(0, 10))
	c.Close(errors.New("late"))
	if c.Samples() != 10 || c.Err() != nil {
		t.Errorf("%d samples, %v", c.Samples(), c.Err())
	}
	<-c.Done()
}

// TestManyReadersOneWriter is for the race detector, and checks that readers in
// two rates see every sample in order while the clip grows.
func TestManyReadersOneWriter(t *testing.T) {
	c := NewClip(16000)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, frame, next := c.Source(16000), make([]int16, 320), int16(0)
			for s.ReadFrame(frame) == nil {
				for _, v := range frame {
					if v != 0 && v != next+1 {
						t.Errorf("%d after %d", v, next)
						return
					}
					if v != 0 {
						next = v
					}
				}
			}
			if next != 30000 {
				t.Errorf("ends at %d", next)
			}
		})
		wg.Go(func() {
			s, frame, n := c.Source(8000), make([]int16, 160), 0
			for s.ReadFrame(frame) == nil {
				for _, v := range frame {
					if v != 0 {
						n++
					}
				}
			}
			if n < 14900 || n > 15100 {
				t.Errorf("%d samples at half the rate", n)
			}
		})
	}
	for at := 1; at <= 30000; at += 100 {
		c.Append(count(at, 100))
	}
	c.Close(nil)
	wg.Wait()
}

// TestRenditionIsInPlace: the resampled clip starts and ends where the clip
// does, neither late nor cut, also where it was first played half way.
func TestRenditionIsInPlace(t *testing.T) {
	pcm := make([]int16, 22050)
	for i := range pcm {
		pcm[i] = int16(10000 * math.Sin(2*math.Pi*500*float64(i)/22050))
	}
	for name, play := range map[string]func() *Source{
		"complete": func() *Source { return complete(22050, pcm).Source(8000) },
		"growing": func() *Source {
			c := NewClip(22050)
			c.Append(pcm[:7000])
			s := c.Source(8000)
			c.Append(pcm[7000:])
			c.Close(nil)
			return s
		},
	} {
		s := play()
		got, _ := read(s)
		if s.clip.Samples() != 8000 {
			t.Errorf("%s: %d samples", name, s.clip.Samples())
		}
		for i := 50; i < 7950; i++ {
			if want := 10000 * math.Sin(2*math.Pi*500*float64(i)/8000); math.Abs(float64(got[i])-want) > 20 {
				t.Fatalf("%s: sample %d is %d, want %.0f", name, i, got[i], want)
			}
		}
	}
}

// TestLongClipPlaysAtOnce converts a quarter of an hour in the background.
func TestLongClipPlaysAtOnce(t *testing.T) {
	c := complete(16000, make([]int16, 900*16000))
	s := c.Source(8000)
	if n := s.clip.Samples(); n < 8000 {
		t.Errorf("%d samples at the start", n)
	}
	<-s.clip.Done()
	if s.clip.Duration() != c.Duration() {
		t.Errorf("%s of %s", s.clip.Duration(), c.Duration())
	}
	if want := int64(900 * 48000); c.Bytes() != want {
		t.Errorf("%d bytes, want %d", c.Bytes(), want)
	}
}

func TestRenditionIsShared(t *testing.T) {
	c := complete(16000, count(0, 16000))
	if a, b := c.Source(8000), c.Source(8000); a.clip != b.clip {
		t.Error("two players have two copies")
	}
	if n := c.Bytes(); n < 48000 || n > 49000 {
		t.Errorf("%d bytes", n)
	}
}

func TestLoopHasNoSeam(t *testing.T) {
	const n = 16000 // a whole number of periods
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(10000 * math.Sin(2*math.Pi*250*float64(i)/16000))
	}
	for _, rate := range []int{8000, 16000, 48000} {
		s := Loop(complete(16000, pcm), rate)
		frame := make([]int16, rate/50)
		for at := 0; at < 3*rate; at += len(frame) {
			if err := s.ReadFrame(frame); err != nil {
				t.Fatal(err)
			}
			for i, v := range frame {
				want := 10000 * math.Sin(2*math.Pi*250*float64(at+i)/float64(rate))
				if math.Abs(float64(v)-want) > 30 {
					t.Fatalf("%d Hz: sample %d is %d, want %.0f", rate, at+i, v, want)
				}
			}
		}
	}
}

func TestLoopOfOddLengths(t *testing.T) {
	for _, n := range []int{1, 7, 159, 161, 5000} {
		s, frame := Loop(complete(8000, count(0, n)), 8000), make([]int16, 160)
		next := 0
		for range 100 {
			if err := s.ReadFrame(frame); err != nil {
				t.Fatal(err)
			}
			for _, v := range frame {
				if int(v) != next%n {
					t.Fatalf("length %d: %d, want %d", n, v, next%n)
				}
				next++
			}
		}
		if _, err := read(Loop(complete(8000, nil), 8000)); err != io.EOF {
			t.Errorf("a loop of nothing: %v", err)
		}
	}
}

func TestLoopOfShortClipsInAnotherRate(t *testing.T) {
	for _, n := range []int{1, 3, 50, 441} {
		s, frame := Loop(complete(44100, count(1000, n)), 8000), make([]int16, 160)
		for range 10 {
			if err := s.ReadFrame(frame); err != nil && err != io.EOF {
				t.Errorf("length %d: %v", n, err)
			}
		}
	}
}

func TestReadFrameDoesNotAllocate(t *testing.T) {
	c := complete(16000, count(0, 320000))
	for name, s := range map[string]*Source{"clip": c.Source(8000), "loop": Loop(c, 8000), "waiting": NewClip(8000).Source(8000)} {
		frame := make([]int16, 160)
		if n := testing.AllocsPerRun(500, func() { _ = s.ReadFrame(frame) }); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
}

// BenchmarkReadFrame is 20 ms of a prompt.
func BenchmarkReadFrame(b *testing.B) {
	b.ReportAllocs()
	s, frame := Loop(complete(16000, count(0, 320000)), 8000), make([]int16, 160)
	for b.Loop() {
		_ = s.ReadFrame(frame)
	}
}
