package transcribe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"offhook/media"
	"offhook/resource"
	"offhook/speech/stt"
	"offhook/store"
)

// People in these tests say one word a second: the number of the second, as the
// value of all its samples. Zero is silence.

// counting is a recogniser of such words. It implements stt.Engine.
type counting struct {
	breaks time.Duration // of sound, after which each stream breaks; 0: never
	slow   time.Duration // most that a word takes
	mute   bool          // it never gives its last words

	mu     sync.Mutex
	away   bool
	err    error // of Open, while it is away
	opened int
}

func (*counting) Name() string { return "counting" }

// leave makes it refuse new streams with err until err is nil.
func (e *counting) leave(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.away, e.err = err != nil, err
}

func (e *counting) isAway() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

func (e *counting) Open(context.Context, stt.Options) (stt.Stream, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.away {
		return nil, e.err
	}
	e.opened++
	return &countingStream{e: e, results: make(chan stt.Result, 4), closed: make(chan struct{})}, nil
}

type countingStream struct {
	e       *counting
	heard   int
	word    int16
	results chan stt.Result
	once    sync.Once
	closed  chan struct{}
	err     error
}

var errBroken = errors.New("broken")

func (s *countingStream) Write(_ context.Context, pcm []int16) error {
	if s.e.breaks > 0 && stt.Length(int64(s.heard+len(pcm))) > s.e.breaks || s.e.isAway() != nil {
		s.end(errBroken)
		return errBroken
	}
	for _, v := range pcm {
		if s.heard%stt.Rate == 0 {
			s.word = v
		}
		if s.heard++; s.heard%stt.Rate == 0 {
			s.tell()
		}
	}
	return nil
}

// tell gives the second that is over.
func (s *countingStream) tell() {
	if s.e.slow > 0 {
		time.Sleep(rand.N(s.e.slow))
	}
	through := stt.Length(int64(s.heard))
	r := stt.Result{Kind: stt.Final, Start: through - time.Second, End: through, Through: through}
	if s.word != 0 {
		r.Text = fmt.Sprint(s.word)
	}
	select {
	case s.results <- r:
	case <-s.closed:
	}
}

func (s *countingStream) end(err error) {
	s.once.Do(func() { s.err = err; close(s.closed); close(s.results) })
}

func (s *countingStream) Finish(context.Context) error {
	if !s.e.mute {
		s.end(nil)
	}
	return nil
}
func (s *countingStream) Results() <-chan stt.Result { return s.results }
func (s *countingStream) Err() error                 { return s.err }
func (s *countingStream) Close()                     { s.end(nil) }

// desk is a service with a line to listen to.
type desk struct {
	t      *testing.T
	engine *counting
	s      *Service
	db     *store.DB
	line   Sound
	over   chan struct{} // closed by hangUp

	mu     sync.Mutex
	sink   media.Sink
	events []resource.Event
}

// newDesk makes a desk. It is called inside a synctest bubble.
func newDesk(t *testing.T, e *counting, change ...func(*Config)) *desk {
	d := &desk{t: t, engine: e, over: make(chan struct{})}
	log := slog.New(slog.DiscardHandler)
	var err error
	if d.db, err = store.Open(t.Context(), store.Options{DataDir: t.TempDir(), Logger: log}); err != nil {
		t.Fatal(err)
	}
	cfg := Config{DB: d.db, Engine: e, Logger: log, Open: func(r *resource.Recording) (io.ReadCloser, error) { return os.Open(r.URL) }}
	for _, f := range change {
		f(&cfg)
	}
	d.s = New(cfg)
	d.line = Sound{CustomerID: "c", ReferenceType: "call", ReferenceID: "call", Attach: d.attach, Ended: d.over, Emit: d.emit}
	d.db.OnCommit(func(events []resource.Event) {
		for _, e := range events {
			d.emit(e)
		}
	})
	return d
}

func (d *desk) attach(s media.Sink, _ int) func() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sink = s
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sink = nil
	}
}

func (d *desk) emit(e resource.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events = append(d.events, e)
}

// talk lets both sides of the line say the numbers of so many seconds.
func (d *desk) talk(from, seconds int) {
	const part = stt.Rate / 10
	said, heard := make([]int16, part), make([]int16, part)
	t := time.NewTicker(100 * time.Millisecond)
	defer t.Stop()
	for at := range seconds * 10 {
		<-t.C
		for i := range part {
			said[i], heard[i] = word(from+at/10), word(from+at/10)
		}
		d.mu.Lock()
		sink := d.sink
		d.mu.Unlock()
		if sink != nil {
			sink.WriteFrame(said, heard)
		}
	}
}

// word is what is said in a second.
func word(second int) int16 { return int16(second%30000 + 1) }

// of lists the events of a type.
func (d *desk) of(name string) []resource.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []resource.Event
	for _, e := range d.events {
		if e.Type == name {
			list = append(list, e)
		}
	}
	return list
}

// close ends everything that the bubble has started.
func (d *desk) close() {
	if err := d.s.Close(context.Background()); err != nil {
		d.t.Error(err)
	}
	if err := d.db.Close(); err != nil {
		d.t.Error(err)
	}
}
