package assistant

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"offhook/media/vad"
	"offhook/speech/stt"
)

// sign is something that an ear tells.
type sign struct {
	kind  signKind
	text  string    // of partly and said
	voice time.Time // of said: when the voice ended
	known time.Time // of said: when the words were known
	err   error     // of said: the recogniser failed
}

type signKind int

const (
	begun  signKind = iota // somebody makes a sound
	firm                   // somebody wants to speak
	partly                 // words so far
	ended                  // the voice is over, its words are on their way
	said                   // a phrase is over; its text may be empty
)

// ear listens to the party. It implements media.Sink.
type ear struct {
	engine  stt.Engine
	options stt.Options
	times   Times
	signs   chan sign
	onFirm  func() // at once, before the sign

	feed  *stt.Feed
	ready *phrase         // listens already, for the next phrase
	last  <-chan struct{} // closed when the last phrase was told
	work  sync.WaitGroup
}

// phrase is one stretch of speech on its way through the recogniser.
type phrase struct {
	feed   *stt.Feed
	cancel context.CancelCauseFunc
	ended  time.Time // set before feed is closed
	texts  []string
}

var errNoWords = errors.New("the recogniser did not give the words in time")

// end says that the phrase is over, its voice since at; its words may take so
// long.
func (p *phrase) end(at time.Time, words time.Duration) {
	p.ended = at
	p.feed.Close()
	time.AfterFunc(words, func() { p.cancel(errNoWords) })
}

// hearing is how much sound waits for the ear's goroutine.
const hearing = 2 * time.Second

func newEar(engine stt.Engine, o stt.Options, t Times, onFirm func()) *ear {
	o.Whole = true
	told := make(chan struct{})
	close(told)
	return &ear{
		engine: engine, options: o, times: t, onFirm: onFirm, last: told,
		signs: make(chan sign, 64), feed: stt.NewFeed(hearing),
	}
}

// WriteFrame implements media.Sink.
func (e *ear) WriteFrame(heard, _ []int16) { e.feed.Write(heard) }

// listen runs until ctx ends, and then waits for what it started.
func (e *ear) listen(ctx context.Context) {
	defer e.work.Wait()
	e.prepare(ctx)
	d := vad.New(e.times.VAD)
	start := max(e.times.VAD.Start, vad.Defaults().Start)
	lead := newLead(stt.Samples(e.times.Lead + start))
	frame, filled := make([]int16, vad.Rate/50), 0
	wasFirm := false
	for {
		n, _, err := e.feed.Read(ctx, frame[filled:])
		if err != nil {
			return
		}
		if filled += n; filled < len(frame) {
			continue
		}
		filled = 0
		event := d.Write(frame)
		switch {
		case event == vad.Begun:
			e.tell(ctx, sign{kind: begun})
			e.ready.feed.Write(lead.take())
			e.ready.feed.Write(frame)
		case d.Speaking() || event == vad.Ended:
			e.ready.feed.Write(frame)
		default:
			lead.add(frame)
		}
		if !wasFirm && d.Speaking() && d.Firm() {
			wasFirm = true
			e.onFirm()
			e.tell(ctx, sign{kind: firm})
		}
		if event == vad.Ended || event == vad.Cut {
			wasFirm = false
			e.tell(ctx, sign{kind: ended})
			e.ready.end(time.Now().Add(-d.Silent()), e.times.Words)
			e.prepare(ctx)
		}
	}
}

func (e *ear) tell(ctx context.Context, s sign) {
	select {
	case e.signs <- s:
	case <-ctx.Done():
	}
}

// prepare lets the recogniser listen for the next phrase, so that its
// connection is there when it begins.
func (e *ear) prepare(ctx context.Context) {
	p := &phrase{feed: stt.NewFeed(e.times.longestPhrase())}
	work, cancel := context.WithCancelCause(ctx)
	p.cancel = cancel
	before, told := e.last, make(chan struct{})
	e.ready, e.last = p, told
	e.work.Go(func() {
		defer close(told)
		defer cancel(nil)
		err := stt.Listen(work, e.engine, e.options, p.feed, stt.Patience{First: 100 * time.Millisecond, Most: time.Second},
			func(r stt.Result) { e.understood(ctx, p, r) })
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.drain(ctx) // nobody may have spoken yet
		}
		<-before
		e.tell(ctx, sign{kind: said, text: strings.Join(p.texts, " "), voice: p.ended, known: time.Now(), err: err})
	})
}

// drain reads a phrase to its end without a recogniser.
func (p *phrase) drain(ctx context.Context) {
	buf := make([]int16, stt.Rate/10)
	for {
		if _, _, err := p.feed.Read(ctx, buf); err != nil {
			return
		}
	}
}

func (e *ear) understood(ctx context.Context, p *phrase, r stt.Result) {
	text := strings.TrimSpace(r.Text)
	switch {
	case text == "":
	case r.Kind == stt.Final:
		p.texts = append(p.texts, text)
	default:
		e.tell(ctx, sign{kind: partly, text: strings.Join(append(p.texts[:len(p.texts):len(p.texts)], text), " ")})
	}
}

// longestPhrase bounds the sound of one phrase.
func (t Times) longestPhrase() time.Duration {
	return max(t.VAD.Longest, vad.Defaults().Longest) + t.Lead + 2*time.Second
}

// lead keeps the latest sound before a phrase.
type lead struct {
	ring   []int16
	filled int
}

func newLead(samples int) *lead { return &lead{ring: make([]int16, samples)} }

func (l *lead) add(pcm []int16) {
	if over := l.filled + len(pcm) - len(l.ring); over > 0 {
		copy(l.ring, l.ring[over:l.filled])
		l.filled -= over
	}
	l.filled += copy(l.ring[l.filled:], pcm)
}

func (l *lead) take() []int16 {
	pcm := l.ring[:l.filled]
	l.filled = 0
	return pcm
}
