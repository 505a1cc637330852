package assistant

import (
	"context"
	"strings"
	"time"

	"offhook/media/audio"
)

// job is work in the background while a conversation goes on: a model that
// answers, tools that run. Its goroutine closes done.
type job struct {
	pieces chan piece    // to speak, in order
	done   chan struct{} // closed when nothing more comes
	cancel func()
	// asIs makes attend return as soon as the job is done, while the mouth
	// may still speak. It is read after done.
	asIs bool
	// whole makes attend wait for the job's end even when the party
	// interrupts: work whose effects can't be taken back.
	whole bool
}

// piece is a sentence and its sound.
type piece struct {
	text  string
	words func() string // instead of text, where they come with the sound
	clip  *audio.Clip
	token time.Time // when the model began
}

// overlap is speech of the party over ours.
type overlap struct {
	active bool // we paused for it
	broken bool // we gave up
}

// attend lets a job work until it is done and the mouth has said everything.
// Meanwhile it listens: interrupted says that the party took the turn, and then
// the job is cancelled, or, where it must be whole, done.
func (t *talk) attend(ctx context.Context, j *job) (interrupted bool, err error) {
	var over overlap
	done, pieces := j.done, j.pieces
	fill := time.NewTimer(t.times.Filler)
	defer fill.Stop()
	for {
		if done == nil && len(j.pieces) == 0 && (over.broken || !over.active && (j.asIs || t.mouth.idle())) {
			return over.broken, nil
		}
		if over.broken && !j.whole {
			j.cancel()
			return true, nil
		}
		select {
		case p := <-pieces:
			if !over.broken {
				t.mouth.say(p)
				t.clock.sound(p)
			}
		case <-done:
			done = nil
		case <-t.mouth.changed:
			t.clock.wire(t.mouth.began())
		case s := <-t.ear.signs:
			t.overhear(s, &over)
		case k := <-t.keys:
			t.mouth.pause()
			t.pending = append(t.pending, t.digits(ctx, k.Key))
			t.yield(&over)
		case m := <-t.injected:
			t.pending = append(t.pending, input{text: m.Content, role: m.Role, kept: true})
		case <-fill.C:
			fill.Reset(t.times.Filler / 5)
			if !over.active || over.broken && !t.speaking {
				t.bridge()
			}
		case <-ctx.Done():
			j.cancel()
			return false, context.Cause(ctx)
		}
	}
}

// overhear judges what the party says while it is our turn.
func (t *talk) overhear(s sign, over *overlap) {
	t.notice(s)
	switch s.kind {
	case firm:
		if !t.begun() {
			t.yield(over) // it goes on with what it was saying
			return
		}
		over.active = true
		t.mouth.hold()
	case partly:
		if !backchannel(s.text) && (over.active || len(strings.Fields(s.text)) > 1) {
			t.yield(over)
		}
	case said:
		if s.err != nil {
			t.log.Warn("speech not recognised", "error", s.err)
		}
		if s.err == nil && s.text != "" && (!backchannel(s.text) || !t.begun()) {
			t.pending = append(t.pending, input{text: s.text, role: "user", voice: s.voice, known: s.known, spoken: true})
			t.yield(over)
			return
		}
		over.active = false
		t.mouth.resume()
	}
}

// begun reports whether the party has heard words of ours since its own.
func (t *talk) begun() bool { return !t.mouth.began().IsZero() || t.filler.used }

// yield gives the turn to the party. What was not said is dropped, and a filler
// may be heard while work is done that can't be given up.
func (t *talk) yield(over *overlap) {
	over.broken = true
	t.mouth.drop()
}
