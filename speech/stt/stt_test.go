package stt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// count is n samples that count up from first, so that a test sees which are there.
func count(first, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(first + i)
	}
	return pcm
}

func TestFeed(t *testing.T) {
	f := NewFeed(Length(100))
	read := func(n int) []int16 {
		buf := make([]int16, n)
		n, _, err := f.Read(t.Context(), buf)
		if err != nil {
			t.Fatal(err)
		}
		return buf[:n]
	}
	f.Write(count(0, 60))
	if got := read(40); !slices.Equal(got, count(0, 40)) {
		t.Errorf("read %v", got)
	}
	f.Write(count(60, 60)) // 20 that were read go
	if got := read(100); !slices.Equal(got, count(40, 80)) || f.Dropped() != 0 {
		t.Errorf("read %v, dropped %v", got, f.Dropped())
	}
	if at := f.Rewind(); at != 20 {
		t.Errorf("rewound to %d", at)
	}
	f.Write(count(120, 30)) // 30 that are to be read again go
	if f.Dropped() != Length(30) {
		t.Errorf("dropped %v", f.Dropped())
	}
	read(100)
	f.Settle(120)
	if at := f.Rewind(); at != 120 {
		t.Errorf("rewound to %d after settling", at)
	}
	read(100)
	f.Close()
	if _, _, err := f.Read(t.Context(), make([]int16, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("read after the end: %v", err)
	}
	if n := testing.AllocsPerRun(100, func() { f.Write(count(0, 0)) }); n > 0 {
		t.Errorf("%v allocations a write", n)
	}
}

// flaky is an engine whose streams break after so many seconds of sound, and
// that tells each second it has heard when it is over.
type flaky struct {
	lasts  []int // seconds that each stream lasts
	opened int
	err    error // of Open, once lasts are used up
}

func (*flaky) Name() string { return "flaky" }

func (e *flaky) Open(context.Context, Options) (Stream, error) {
	if e.opened == len(e.lasts) && e.err != nil {
		return nil, e.err
	}
	s := &flakyStream{left: 1 << 30, results: make(chan Result, 100)}
	if e.opened < len(e.lasts) {
		s.left = e.lasts[e.opened] * Rate
	}
	e.opened++
	return s, nil
}

type flakyStream struct {
	left, heard int
	first       int16
	results     chan Result
	err         error
	over        bool
}

func (s *flakyStream) end(err error) {
	if !s.over {
		s.over, s.err = true, err
		close(s.results)
	}
}

func (s *flakyStream) Write(_ context.Context, pcm []int16) error {
	if s.left -= len(pcm); s.left < 0 {
		s.end(errors.New("broken"))
		return s.err
	}
	for _, v := range pcm {
		if s.heard%Rate == 0 {
			s.first = v
		}
		if s.heard++; s.heard%Rate == 0 {
			through := Length(int64(s.heard))
			s.results <- Result{Kind: Final, Text: fmt.Sprint(s.first), Start: through - time.Second, End: through, Through: through}
		}
	}
	return nil
}
func (s *flakyStream) Finish(context.Context) error { s.end(nil); return nil }
func (s *flakyStream) Results() <-chan Result       { return s.results }
func (s *flakyStream) Err() error                   { return s.err }
func (s *flakyStream) Close()                       {}

// TestListen breaks streams in mid-second: every second must be understood
// once, at its time.
func TestListen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFeed(20 * time.Second)
		for second := range 10 {
			pcm := make([]int16, Rate)
			for i := range pcm {
				pcm[i] = int16(second)
			}
			f.Write(pcm)
		}
		f.Close()
		var got []string
		err := Listen(t.Context(), &flaky{lasts: []int{0, 2, 0, 3}}, Options{}, f, Patience{}, func(r Result) {
			got = append(got, fmt.Sprintf("%s@%v", r.Text, r.Start))
		})
		var want []string
		for second := range 10 {
			want = append(want, fmt.Sprintf("%d@%v", second, time.Duration(second)*time.Second))
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%v: understood %v", err, got)
		}
	})
}

func TestListenGivesUp(t *testing.T) {
	away := errors.New("away")
	for _, c := range []struct {
		name  string
		err   error
		tries int
		want  error
	}{
		{"refused at once", fmt.Errorf("%w: wrong key", ErrRefused), 0, ErrRefused},
		{"not configured", ErrNotConfigured, 0, ErrNotConfigured},
		{"patience used up", away, 3, away},
		{"cancelled", away, 0, context.DeadlineExceeded},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err := Listen(ctx, &flaky{err: c.err}, Options{}, NewFeed(time.Second), Patience{Tries: c.tries}, func(Result) {})
				if !errors.Is(err, c.want) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

func BenchmarkFeedWrite(b *testing.B) {
	f, frame := NewFeed(10*time.Second), make([]int16, Rate/50)
	b.ReportAllocs()
	for b.Loop() {
		f.Write(frame)
	}
}
