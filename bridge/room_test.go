package bridge

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"offhook/media"
	"offhook/media/tone"
)

// recording is a sink that keeps what it is given.
type recording struct {
	mu          sync.Mutex
	said, heard []int16
}

func (r *recording) WriteFrame(said, heard []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said, r.heard = append(r.said, said...), append(r.heard, heard...)
}

func (r *recording) all() (said, heard []int16) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int16(nil), r.said...), append([]int16(nil), r.heard...)
}

func TestBridgeIsHeardAndPlayedInto(t *testing.T) {
	b, phones := room(t, "PCMU", "G722")
	rec := &recording{}
	detach := b.Attach(rec, 16000)
	played := b.Play(tone.New(8000, tone.Spec{Hz1: 2000, On: time.Minute, Level: -20}))
	phones[0].collect(t, 20)
	for i, p := range phones {
		pcm := p.collect(t, 40)
		if l := goertzel(pcm, p.format.SampleRate, 2000); l < -24 || l > -16 {
			t.Errorf("phone %d hears what plays at %.1f dBFS", i, l)
		}
	}
	played.Stop()
	<-played.Done()
	if played.Err() != media.ErrStopped {
		t.Errorf("ended with %v", played.Err())
	}
	detach()
	said, heard := rec.all()
	for _, p := range phones {
		if l := goertzel(said[len(said)/2:], 16000, p.hz); l < -24 || l > -16 {
			t.Errorf("the mix has %v Hz at %.1f dBFS", p.hz, l)
		}
		if l := goertzel(heard[len(heard)/2:], 16000, p.hz); l > -60 {
			t.Errorf("what plays has %v Hz at %.1f dBFS", p.hz, l)
		}
	}
	if l := goertzel(heard[len(heard)/2:], 16000, 2000); l < -24 || l > -16 {
		t.Errorf("what plays is at %.1f dBFS", l)
	}
	left := b.Play(tone.New(8000, tone.Milliwatt()))
	b.Close()
	<-left.Done()
	if left.Err() != ErrClosed {
		t.Errorf("ended with %v", left.Err())
	}
}

func TestTalkingIsWatched(t *testing.T) {
	bubble(t, func(t *testing.T, w *media.MemoryWire, e *media.Engine) {
		a, b := newCounterPhone(t, w, e, "127.0.0.1:9000"), newCounterPhone(t, w, e, "127.0.0.1:9002")
		br := New(e, "two")
		first := br.Join(a.port, JoinOptions{Watch: true})
		second := br.Join(b.port, JoinOptions{})
		a.count(t, 0, 20)
		if !first.Talking() || second.Talking() || br.Technique() != Mix {
			t.Errorf("talking %v and %v, technique %s", first.Talking(), second.Talking(), br.Technique())
		}
		time.Sleep(time.Second)
		if first.Talking() {
			t.Error("still talking after a second of silence")
		}
		first.SetMute(true)
		a.count(t, 100, 20)
		if first.Talking() {
			t.Error("talks although muted")
		}
		br.Close()
	})
}

func TestAPlaybackInterruptsRelaying(t *testing.T) {
	bubble(t, func(t *testing.T, w *media.MemoryWire, e *media.Engine) {
		a, b := newCounterPhone(t, w, e, "127.0.0.1:9000"), newCounterPhone(t, w, e, "127.0.0.1:9002")
		br := New(e, "two")
		br.Join(a.port, JoinOptions{})
		br.Join(b.port, JoinOptions{})
		a.count(t, 0, 20)
		beep := b.port.Play(tone.New(8000, tone.Beep()))
		a.count(t, 20, 10)
		if br.Technique() != Mix {
			t.Errorf("technique %s while something plays", br.Technique())
		}
		<-beep.Done()
		a.count(t, 30, 20)
		if br.Technique() != Relay {
			t.Errorf("technique %s afterwards", br.Technique())
		}
		got, _ := b.packets()
		for i := 1; i < len(got); i++ {
			if got[i].SequenceNumber != got[i-1].SequenceNumber+1 || got[i].SSRC != got[0].SSRC {
				t.Errorf("packet %d: sequence %d after %d", i, got[i].SequenceNumber, got[i-1].SequenceNumber)
			}
		}
		br.Close()
	})
}

func TestRoomDoesNotAllocateForFrames(t *testing.T) {
	bubble(t, func(t *testing.T, w *media.MemoryWire, e *media.Engine) {
		br := New(e, "room")
		var phones []*counterPhone
		for _, addr := range []string{"127.0.0.1:9000", "127.0.0.1:9002", "127.0.0.1:9004", "127.0.0.1:9006", "127.0.0.1:9008", "127.0.0.1:9010"} {
			p := newCounterPhone(t, w, e, addr)
			p.deaf = true
			br.Join(p.port, JoinOptions{})
			phones = append(phones, p)
		}
		talk := func(first int) {
			var wg sync.WaitGroup
			for _, p := range phones {
				wg.Go(func() { p.count(t, first, 200) })
			}
			wg.Wait()
		}
		talk(0)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		talk(200)
		runtime.ReadMemStats(&after)
		// Timers of the test and RTCP reports allocate; frames must not.
		if n := float64(after.Mallocs-before.Mallocs) / (200 * 6); n > 0.5 {
			t.Errorf("%.2f allocations a frame", n)
		}
		br.Close()
	})
}
