package amd

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestListener waits in another goroutine for what a machine does.
func TestListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewListener(rate, Config{})
		type seen struct {
			v  Verdict
			at time.Duration
		}
		events := make(chan seen, 3)
		var now atomic.Int64 // the stream's time
		for _, c := range []<-chan struct{}{l.Decided(), l.GreetingEnded(), l.Ready()} {
			go func() {
				v, err := l.Wait(t.Context(), c)
				if err != nil {
					t.Error(err)
				}
				events <- seen{v, time.Duration(now.Load())}
			}()
		}
		pcm := newScene().quiet(300*ms).talk(5*time.Second).quiet(700*ms).tone(400*ms, 0.1, 1000).quiet(2 * time.Second).pcm
		for len(pcm) >= frameSamples {
			l.WriteFrame(pcm[:frameSamples], nil)
			pcm = pcm[frameSamples:]
			now.Add(int64(20 * ms))
			synctest.Wait()
		}
		decided, greeted, ready := <-events, <-events, <-events
		if decided.v.Result != Machine || !within(decided.at, decided.v.DecidedAt, 20*ms) {
			t.Errorf("decided %+v at %s", decided.v, decided.at)
		}
		if !within(greeted.v.GreetingEnd, 5300*ms, 100*ms) {
			t.Errorf("greeting ended at %s", greeted.v.GreetingEnd)
		}
		if d := ready.at - 6400*ms; d < 100*ms || d > 400*ms {
			t.Errorf("ready %s after the beep", d)
		}
	})
}

// TestListenerCloses decides at hang-up, once, and drops what comes later.
func TestListenerCloses(t *testing.T) {
	l := NewListener(rate, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if v, err := l.Wait(ctx, l.Decided()); !errors.Is(err, context.Canceled) || v.Result != "" {
		t.Errorf("%+v, %v", v, err)
	}
	l.WriteFrame(make([]int16, frameSamples), nil)
	first := l.Close()
	<-l.Decided()
	l.WriteFrame(newScene().talk(time.Second).pcm, nil)
	if again := l.Close(); first.Result != Silence || first.Cause != CauseEnded || again != first {
		t.Errorf("%+v, then %+v", first, again)
	}
	select {
	case <-l.Ready():
		t.Error("ready for a message")
	default:
	}
}
