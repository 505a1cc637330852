package assistant

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"offhook/assistant/realtime"
	"offhook/assistant/realtime/fake"
	"offhook/speech/stt"
)

// countingEar counts the streams that were opened and are open. It implements
// stt.Engine.
type countingEar struct {
	testEar
	opened, open atomic.Int32
}

func (e *countingEar) Open(ctx context.Context, o stt.Options) (stt.Stream, error) {
	s, err := e.testEar.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	e.opened.Add(1)
	e.open.Add(1)
	return &countedStream{Stream: s, e: e}, nil
}

type countedStream struct {
	stt.Stream
	e      *countingEar
	closed atomic.Bool
}

func (s *countedStream) Close() {
	if !s.closed.Swap(true) {
		s.e.open.Add(-1)
	}
	s.Stream.Close()
}

func lineService(e stt.Engine) *Service {
	return New(Config{Ear: e, Logger: slog.New(slog.DiscardHandler)})
}

// TestLines opens the recogniser's stream for calls that ring, not above a
// bound, and closes it when the call ends or rings for too long.
func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := &countingEar{}
		s := lineService(e)
		ctx, hangup := context.WithCancel(t.Context())
		for i := range mostLines + 3 {
			s.expect(ctx, key{"c", strings.Repeat("x", i)}, &Spec{})
		}
		if n := e.open.Load(); n != mostLines {
			t.Errorf("%d streams are open", n)
		}
		hangup()
		synctest.Wait()
		if n := e.open.Load(); n != 0 || len(s.lines) != 0 {
			t.Errorf("%d streams are open after the calls", n)
		}
		s.expect(t.Context(), key{"c", "a"}, &Spec{})
		time.Sleep(lineFor + time.Second)
		if n := e.open.Load(); n != 0 || s.connected(key{"c", "a"}) != nil {
			t.Errorf("%d streams are open to a call that rings for long", n)
		}
	})
}

// TestLineUsed lets a conversation hear by the stream that was opened while it
// rang; one that broke meanwhile is opened anew.
func TestLineUsed(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks bool
		opened int32 // for the greeting's and the first phrase
	}{{"it is there", false, 2}, {"it has broken", true, 3}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := &countingEar{}
				service := lineService(e)
				k := key{"c", "a"}
				service.expect(t.Context(), k, &Spec{})
				l := service.connected(k)
				if c.breaks {
					l.stream.Close()
				}
				s := newScene(t, always("Fine."), func(tk *talk) {
					tk.engines.Ear = e
					tk.use(l)
				})
				s.party.waitFor(t, true)
				s.party.waitFor(t, false)
				s.party.says(hello, 600*time.Millisecond)
				s.waitForSpoken(t, 2)
				if h := s.model.last(); h[len(h)-1].Content != "hello" || e.opened.Load() != c.opened {
					t.Errorf("%d streams were opened, the model was asked %+v", e.opened.Load(), h)
				}
				s.over(t)
				if l.close(); e.open.Load() != 0 {
					t.Errorf("%d streams are open at the end", e.open.Load())
				}
			})
		})
	}
}

// TestLineToModel begins with a model that speaks itself on the connection that
// was made while it rang, and on a new one when that has broken.
func TestLineToModel(t *testing.T) {
	for _, breaks := range []bool{false, true} {
		f := fake.New(t, nil, nil)
		o := realtime.Options{URL: f.URL, Connect: 10 * time.Second}
		service := New(Config{Live: &o, Logger: slog.New(slog.DiscardHandler)})
		k := key{"c", "a"}
		service.expect(t.Context(), k, &Spec{})
		line := service.connected(k)
		if line == nil || line.model == nil {
			t.Fatal("it is not connected")
		}
		if breaks {
			f.HangUp()
		}
		tk := &talk{engines: Engines{Live: &o}}
		tk.use(line)
		l := &live{options: o, dialled: tk.dialled}
		s, err := l.connect(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if (s == line.model) == breaks || !s.Alive() {
			t.Errorf("broken: %v, and it is used: %v", breaks, s == line.model)
		}
		l.close()
		line.close()
		if line.model.Alive() {
			t.Error("the line is open at the end")
		}
	}
	none := &connection{ready: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (&earOn{Engine: &testEar{}, line: none}).Open(ctx, stt.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a conversation that ended: %v", err)
	}
}
