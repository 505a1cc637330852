package bridge

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"offhook/media"
	"offhook/media/codec"
	"offhook/media/tone"
)

// TestRandomSchedules lets ports join, leave, play, be listened to, change their
// codec and close in any order, from several goroutines, and looks that nothing
// stays behind.
func TestRandomSchedules(t *testing.T) {
	for seed := range uint64(60) {
		bubble(t, func(t *testing.T, w *media.MemoryWire, e *media.Engine) {
			var wg sync.WaitGroup
			bridges := []*Bridge{New(e, "one"), New(e, "two")}
			for i := range 5 {
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				addr := fmt.Sprintf("127.0.0.1:%d", 9000+2*i)
				wg.Go(func() { wander(t, rng, newCounterPhone(t, w, e, addr), bridges) })
			}
			wg.Wait()
			time.Sleep(100 * time.Millisecond)
			if e.Ports() != 0 {
				t.Errorf("seed %d: %d ports left", seed, e.Ports())
			}
			for _, b := range bridges {
				if b.Members() != 0 {
					t.Errorf("seed %d: %d members left", seed, b.Members())
				}
				b.Close()
			}
			time.Sleep(100 * time.Millisecond)
		})
	}
}

// wander does thirty random things with one party and then ends it.
func wander(t *testing.T, rng *rand.Rand, p *counterPhone, bridges []*Bridge) {
	var member *Member
	var playing []*media.Playback
	leave := func() {
		if member != nil {
			member.Leave()
			member = nil
		}
	}
	for i := range 30 {
		b := bridges[rng.IntN(len(bridges))]
		switch rng.IntN(9) {
		case 0, 1:
			leave()
			member = b.Join(p.port, JoinOptions{Mute: rng.IntN(4) == 0})
		case 2:
			leave()
		case 3:
			playing = append(playing, p.port.Play(tone.New(8000, tone.Beep())))
		case 4:
			playing = append(playing, b.Play(tone.New(16000, tone.Beep())))
		case 5:
			defer p.port.Attach(nothing{}, 16000)()
		case 6:
			playing = append(playing, p.port.SendDigits("12", 40*time.Millisecond, 40*time.Millisecond))
		case 7:
			if member != nil {
				b.SetHears(member, member, true)
				member.SetMute(rng.IntN(2) == 0)
			}
		case 8:
			f := codec.Formats()[rng.IntN(3)]
			err := p.port.Configure(media.Params{
				Format: f, PayloadType: f.PayloadType, EventPayloadType: 101,
				Remote: p.conn.LocalAddr(), Send: rng.IntN(4) > 0, Receive: true,
			})
			if err != nil {
				t.Error(err)
			}
		}
		p.count(t, i*3, rng.IntN(4))
	}
	leave()
	p.port.Close()
	for _, b := range playing {
		select {
		case <-b.Done():
		case <-time.After(10 * time.Second):
			t.Error("a playback did not end")
		}
	}
}
