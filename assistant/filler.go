package assistant

import (
	"context"
	"sync/atomic"
	"time"

	"offhook/media"
	"offhook/media/audio"
	"offhook/media/tone"
	"offhook/speech"
)

// filler is what the party hears while a model or a tool takes long: once in a
// turn a phrase, where the assistant has one, and else a tone.
type filler struct {
	phrase atomic.Pointer[audio.Clip] // nil: none, or it does not sound yet
	used   bool                       // in this turn; the loop's
}

// prepare makes the phrase sound, so that it is there when it is needed. It
// blocks as long as that takes; without the phrase there is the tone.
func (f *filler) prepare(ctx context.Context, t *talk) {
	clip, err := t.engines.Voice.Synthesize(ctx, speech.Request{Text: t.spec.Filler, Language: t.spec.Language, Voice: t.spec.Voice})
	if err == nil {
		f.phrase.Store(clip)
	} else if ctx.Err() == nil {
		t.log.Warn("no filler", "error", err)
	}
}

// next is what is heard now.
func (f *filler) next(rate int) (src media.Source, phrase bool) {
	clip := f.phrase.Load()
	if clip == nil || f.used {
		return blips(rate), false
	}
	f.used = true
	return clip.Source(rate), true
}

// blips are a soft one every two seconds.
func blips(rate int) *tone.Source {
	return tone.New(rate, tone.Spec{Hz1: 392, On: 120 * time.Millisecond, Off: 1880 * time.Millisecond, Level: -36, Repeat: true})
}

// bridge fills a wait that has become long.
func (t *talk) bridge() {
	if !t.mouth.idle() || t.mouth.filling() || t.mouth.quiet() < t.times.Filler {
		return
	}
	t.mouth.fill(t.filler.next(t.mouth.rate))
}
