package assistant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"offhook/assistant/llm"
	"offhook/assistant/realtime"
	"offhook/speech"
)

// generation is an answer on its way from the model to the mouth. Fields below
// job are read after done.
type generation struct {
	job
	voice context.Context // of the speech, which may outlive the model's work
	stop  func()          // ends both
	text  string
	calls []llm.ToolCall
	sent  int              // pieces that were spoken, or are about to be
	parts []*realtime.Part // of a model that speaks itself
	err   error
}

// ahead is how many sentences wait for the mouth.
const ahead = 64

func (t *talk) start(ctx context.Context, work func(ctx context.Context, g *generation) error) *generation {
	voice, stop := context.WithCancel(ctx)
	ctx, cancel := context.WithCancel(voice)
	g := &generation{job: job{pieces: make(chan piece, ahead), done: make(chan struct{}), cancel: cancel}, voice: voice, stop: stop}
	t.mouth.begin()
	go func() {
		defer close(g.done)
		g.err = work(ctx, g)
		g.asIs = g.err == nil && len(g.calls) > 0
	}()
	return g
}

// recite speaks a text of ours.
func (t *talk) recite(ctx context.Context, text string) *generation {
	if t.live != nil {
		return t.start(ctx, func(ctx context.Context, g *generation) error { return t.utter(ctx, g, verbatim(text)) })
	}
	return t.start(ctx, func(ctx context.Context, g *generation) error {
		g.text = text
		var s splitter
		for _, sentence := range append(s.add(text), s.rest()) {
			if err := t.pronounce(ctx, g, sentence, time.Time{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// generate lets the model answer and its sentences be spoken as they come.
func (t *talk) generate(ctx context.Context) *generation {
	request := llm.Request{Model: t.spec.Model, Messages: t.messages(), Tools: t.tools.definitions()}
	return t.start(ctx, func(ctx context.Context, g *generation) error {
		deadline := time.Now().Add(t.times.Failing)
		for {
			err := t.think(ctx, g, request)
			again := errors.Is(err, llm.ErrUnavailable) || errors.Is(err, llm.ErrRateLimited) || errors.Is(err, llm.ErrNonsense)
			if !again || g.sent > 0 || ctx.Err() != nil || time.Now().After(deadline) {
				return err
			}
			t.log.Info("the model is tried again", "error", err)
			g.text, g.calls, g.parts = "", nil, nil
			select {
			case <-time.After(retryAfter):
			case <-ctx.Done():
			}
		}
	})
}

// retryAfter is the pause before a model is tried again.
const retryAfter = 500 * time.Millisecond

// think lets the model answer once.
func (t *talk) think(ctx context.Context, g *generation, request llm.Request) error {
	if t.live != nil {
		return t.utter(ctx, g, "")
	}
	return t.stream(ctx, g, request)
}

// utter lets a model that speaks itself say something. It is sooner done than
// heard, and then its sentences are told.
func (t *talk) utter(ctx context.Context, g *generation, instructions string) error {
	if err := t.live.speak(ctx, g, instructions); err != nil {
		return err
	}
	var s splitter
	n := 0
	for _, sentence := range append(s.add(g.text), s.rest()) {
		if sentence != "" {
			n++
			t.book.partial(sentence, n)
		}
	}
	return nil
}

// stream asks the model once.
func (t *talk) stream(ctx context.Context, g *generation, request llm.Request) error {
	answer, err := t.engines.Model.Stream(ctx, request)
	if err != nil {
		return err
	}
	defer answer.Close()
	var s splitter
	var token time.Time
	for {
		text, err := answer.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if token.IsZero() {
			token = time.Now()
		}
		g.text += text
		for _, sentence := range s.add(text) {
			if err := t.pronounce(ctx, g, sentence, token); err != nil {
				return err
			}
		}
	}
	g.calls = answer.ToolCalls()
	return t.pronounce(ctx, g, s.rest(), token)
}

var errVoiceLate = errors.New("no sound in time")

// pronounce makes a sentence sound and hands it to the mouth. It returns with
// the first of its sound.
func (t *talk) pronounce(ctx context.Context, g *generation, sentence string, token time.Time) error {
	if sentence == "" {
		return nil
	}
	speaking, giveUp := context.WithCancelCause(g.voice) // ends with the answer
	late := time.AfterFunc(t.times.Voice, func() { giveUp(errVoiceLate) })
	clip, err := t.engines.Voice.Synthesize(speaking, speech.Request{Text: sentence, Language: t.spec.Language, Voice: t.spec.Voice})
	late.Stop()
	if err != nil {
		giveUp(nil)
		return fmt.Errorf("speech engine: %w", err)
	}
	select {
	case g.pieces <- piece{text: sentence, clip: clip, token: token}:
		g.sent++
		t.book.partial(sentence, g.sent)
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
