package bridge

import (
	"offhook/media"
	"offhook/media/resample"
)

// tap is a Sink on the whole bridge.
type tap struct {
	sink         media.Sink
	rate         int
	tuned        int
	mix, play    *resample.Resampler
	said, played []int16
}

func (b *Bridge) untap(t *tap) {
	for i, other := range b.taps {
		if other == t {
			b.taps = append(append([]*tap(nil), b.taps[:i]...), b.taps[i+1:]...)
			b.group.Touch()
			return
		}
	}
}

// tune fits the tap to the bridge's rate.
func (t *tap) tune(rate int) {
	t.tuned = rate
	t.mix, t.play = resample.New(rate, t.rate), resample.New(rate, t.rate)
	t.said, t.played = make([]int16, t.rate/50), make([]int16, t.rate/50)
}

func (t *tap) write(said, played []int16) {
	n := t.mix.Process(t.said, said)
	clear(t.said[n:])
	n = t.play.Process(t.played, played)
	clear(t.played[n:])
	t.sink.WriteFrame(t.said, t.played)
}
