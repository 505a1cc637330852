package assistant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"offhook/assistant/llm"
	"offhook/assistant/realtime"
	"offhook/call"
	"offhook/media"
	"offhook/resource"
	"offhook/speech"
	"offhook/speech/stt"
)

// Party is who an assistant talks with; *call.Call implements it.
type Party interface {
	Attach(sink media.Sink, rate int) (detach func())
	Speak(src media.Source) (silence func())
	Rate() int
	Keys() (pressed <-chan call.Keypress, stop func())
}

// Engines are what an assistant thinks, hears and speaks with.
type Engines struct {
	Model *llm.Client
	Ear   stt.Engine
	Voice speech.Synthesizer
	// Live is a model that hears and speaks itself, instead of all three; nil:
	// none.
	Live *realtime.Options
}

// book keeps what happens in a conversation.
type book interface {
	message(m llm.Message, interrupted bool)
	partial(text string, sequence int)
	turn(t resource.AITurn)
}

// talk is one conversation. Its fields are for the goroutine of converse.
type talk struct {
	spec    Spec
	times   Times
	engines Engines
	tools   *toolbox
	book    book
	log     *slog.Logger

	live     *live       // nil: the engines are three
	dialled  *connection // to that model, while the call rang; nil: none
	mouth    *mouth
	ear      *ear
	keys     <-chan call.Keypress
	injected chan llm.Message // that the book has

	history    []llm.Message
	pending    []input // what the party said while we spoke
	speaking   bool    // the party speaks now
	unanswered bool    // our answer was given up before a word of it was heard
	asked      int     // times in a row that the party was asked whether it is there
	deaf       int     // phrases in a row that the recogniser failed on
	clock      turnClock
	filler     filler
}

// ending is why a conversation is over.
type ending struct {
	result  string // of voipbin.ai.result
	message string // for people
	next    []resource.Action
}

// Error implements error.
func (e *ending) Error() string { return "the conversation is over: " + e.result }

// Causes with which a conversation's context is cancelled from outside.
var (
	errDuration   = &ending{result: "duration"}
	errTerminated = &ending{result: "terminated"}
)

// input is what the party, or somebody through the API, brings in.
type input struct {
	text         string
	role         string // user, or system for an instruction
	voice, known time.Time
	again        bool // nothing new: answer what was not answered
	kept         bool // the book has it
	spoken       bool // it was heard
}

// converse talks until one side has had enough. Its error is an *ending, or the
// cause of ctx.
func (t *talk) converse(ctx context.Context, p Party) error {
	t.mouth = newMouth(p.Rate())
	if err := t.goLive(ctx, p.Rate()); err != nil {
		return err
	}
	if t.live != nil {
		defer t.live.close()
	}
	t.ear = newEar(t.engines.Ear, hears(&t.spec), t.times, t.mouth.pause)
	keys, stop := p.Keys()
	defer stop()
	t.keys = keys
	listening, deafen := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		t.ear.listen(listening)
	}()
	defer func() { deafen(); <-done }()
	if t.spec.Filler != "" && t.live == nil {
		t.ear.work.Go(func() { t.filler.prepare(listening, t) })
	}
	defer p.Attach(t.ear, stt.Rate)()
	defer p.Speak(t.mouth)()
	if err := t.greet(ctx); err != nil {
		return err
	}
	for {
		in, err := t.listen(ctx)
		if err != nil {
			return err
		}
		t.hear(ctx, in)
		if in.role == "user" && t.spec.endsCall(in.text) {
			return &ending{result: "phrase", next: []resource.Action{{Type: "hangup"}}}
		}
		if err := t.answer(ctx); err != nil {
			return err
		}
	}
}

// use lets the conversation use what was connected while the call rang.
func (t *talk) use(l *connection) {
	switch live := t.engines.Live; {
	case live == nil && l.live == nil:
		t.engines.Ear = &earOn{Engine: t.engines.Ear, line: l}
	case live != nil && l.live != nil && *live == *l.live:
		t.dialled = l
	}
}

// goLive opens the line to a model that hears and speaks itself, where there
// is one.
func (t *talk) goLive(ctx context.Context, rate int) error {
	o := t.engines.Live
	if o == nil {
		return nil
	}
	t.live = &live{options: *o, dialled: t.dialled, setup: realtime.Setup{
		Instructions: t.spec.system(), Language: t.spec.Language, Tools: t.tools.definitions(), Wide: rate > 8000,
	}}
	t.engines.Ear = t.live
	if _, err := t.live.connect(ctx); err != nil {
		return failed(err)
	}
	return nil
}

// greet says the greeting, or lets the model begin.
func (t *talk) greet(ctx context.Context) error {
	t.history = []llm.Message{{Role: "system", Content: t.spec.system()}}
	if t.spec.Greeting == "" {
		m := llm.Message{Role: "user", Content: "[The call is connected. Greet the caller.]"}
		t.history = append(t.history, m)
		if t.live != nil {
			t.live.note(ctx, m, false)
		}
		return t.answer(ctx)
	}
	text, interrupted, err := t.say(ctx, t.spec.Greeting)
	if err == nil && text != "" {
		t.remember(llm.Message{Role: "assistant", Content: text}, interrupted)
	}
	return err
}

// hear adds an input to the history.
func (t *talk) hear(ctx context.Context, in input) {
	t.clock.begin(in)
	t.unanswered, t.filler.used = false, false
	if in.again {
		return
	}
	m := llm.Message{Role: in.role, Content: in.text}
	if t.live != nil {
		t.live.note(ctx, m, in.spoken)
	}
	t.history = append(t.history, m)
	if !in.kept {
		t.book.message(m, false)
	}
}

// remember adds a message of ours to the history and the book.
func (t *talk) remember(m llm.Message, interrupted bool) {
	if t.live != nil {
		t.live.note(context.Background(), m, m.Role != "tool")
	}
	t.history = append(t.history, m)
	t.book.message(m, interrupted)
}

// messages is the history as models like it: two messages of the party in a
// row are one.
func (t *talk) messages() []llm.Message {
	var list []llm.Message
	for _, m := range t.history {
		if n := len(list); n > 0 && m.Role == "user" && list[n-1].Role == "user" {
			list[n-1].Content += " " + m.Content
			continue
		}
		list = append(list, m)
	}
	return list
}

// maxRounds bounds how often a model uses tools before it must have spoken.
const maxRounds = 8

// answer lets the model speak and use tools until it is the party's turn.
func (t *talk) answer(ctx context.Context) error {
	defer func() { t.mouth.hush(); t.clock.finish(t.book) }()
	for range maxRounds {
		g := t.generate(ctx)
		interrupted, err := t.attend(ctx, &g.job)
		g.stop()
		<-g.done
		switch {
		case err != nil:
			return err
		case interrupted:
			t.broken(g)
			return nil
		case g.err != nil && g.sent == 0:
			return failed(g.err)
		case g.err != nil: // broken off, by the server or by speech that came to nothing
			t.log.Warn("the answer is not whole", "error", g.err)
			g.text, g.calls = t.mouth.heard(), nil
		}
		if len(g.calls) == 0 {
			if text := strings.TrimSpace(g.text); text != "" {
				t.remember(llm.Message{Role: "assistant", Content: text}, false)
			}
			return nil
		}
		if interrupted, err := t.useTools(ctx, g); err != nil || interrupted {
			return err
		}
	}
	return &ending{result: "engine_failed", message: fmt.Sprintf("the model used tools %d times without an answer", maxRounds)}
}

// broken notes an answer that the party interrupted: of its words, those that
// were heard.
func (t *talk) broken(g *generation) {
	heard := t.mouth.heard()
	t.silence(g)
	if heard == "" {
		t.unanswered = true
		return
	}
	t.clock.turn.Interrupted = true
	t.remember(llm.Message{Role: "assistant", Content: heard}, true)
}

// silence drops what is left of an answer, and tells a model that speaks
// itself how much of it was heard.
func (t *talk) silence(g *generation) {
	if t.mouth.drop(); t.live != nil {
		t.live.interrupted(context.Background(), g, t.mouth)
	}
}

// failed is the ending that a model's error leads to.
func failed(err error) error {
	e := &ending{result: "engine_failed", message: err.Error()}
	if errors.Is(err, llm.ErrNotConfigured) {
		e.result = "engine_not_configured"
	}
	return e
}

// say speaks a text of ours and returns what was heard of it.
func (t *talk) say(ctx context.Context, text string) (heard string, interrupted bool, err error) {
	g := t.recite(ctx, text)
	interrupted, err = t.attend(ctx, &g.job)
	g.stop()
	<-g.done
	heard = t.mouth.heard()
	if !interrupted && g.err == nil {
		heard = text
	}
	t.silence(g)
	if g.err != nil && err == nil && !interrupted {
		t.log.Warn("not said", "error", g.err)
	}
	return heard, interrupted, err
}
