package assistant

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"
	"sync/atomic"
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
	cut   bool      // of ended and said: there was no silence, the sound goes on
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
	onFirm  func() (paused bool) // at once, before the sign

	feed  *stt.Feed
	ready *phrase         // listens already, for the next phrase
	last  <-chan struct{} // closed when the last phrase was told
	work  sync.WaitGroup

	began  time.Time // the phrase that goes on, or what follows a cut
	paused time.Time // when it stopped us
	firm   bool      // it was told as firm, or is a sound that goes on after a cut
	cut    bool      // it follows a cut

	relief relief
	wordy  atomic.Bool   // there were words before the last cut
	behind atomic.Uint64 // the level of a piece without words, as math.Float64bits; 0: none that is new
}

// phrase is one stretch of speech on its way through the recogniser.
type phrase struct {
	feed   *stt.Feed
	cancel context.CancelCauseFunc
	ended  time.Time // set before feed is closed
	cut    bool      // the same
	behind bool      // the same; a sound goes on
	level  float64   // the same; how loud it was
	texts  []string
	partly string
	words  atomic.Int64 // when new words came, in Unix nanoseconds; 0: never
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

func newEar(engine stt.Engine, o stt.Options, t Times, onFirm func() bool) *ear {
	told := make(chan struct{})
	close(told)
	return &ear{
		engine: engine, options: o, times: t, onFirm: onFirm, last: told,
		signs: make(chan sign, 64), feed: stt.NewFeed(hearing), relief: newRelief(t.fade()),
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
			e.begin(false)
			e.relief.reset()
			e.tell(ctx, sign{kind: begun})
			e.ready.feed.Write(lead.take())
			e.ready.feed.Write(frame)
		case d.Speaking() || event == vad.Ended:
			e.ready.feed.Write(frame)
		default:
			lead.add(frame)
		}
		if !e.firm && d.Speaking() && d.Firm() {
			e.firm = true
			if e.onFirm() {
				e.paused = time.Now()
			}
			e.tell(ctx, sign{kind: firm})
		}
		switch cut := event == vad.Cut || d.Speaking() && e.doubtful(time.Now()); {
		case d.Speaking() && e.compare(ctx, frame) == faded:
			e.ready.behind = true
			e.over(ctx, false, time.Now().Add(-e.times.fade()))
			e.begin(true)
		case cut || event == vad.Ended:
			e.over(ctx, cut, time.Now().Add(-d.Silent()))
			e.begin(cut)
		}
	}
}

// over ends a phrase, which was heard until at.
func (e *ear) over(ctx context.Context, cut bool, at time.Time) {
	e.tell(ctx, sign{kind: ended, cut: cut})
	e.ready.cut, e.ready.behind, e.ready.level = cut, cut || e.ready.behind, e.relief.piece()
	e.ready.end(at, e.times.Words)
	e.prepare(ctx)
}

// compare looks whether a voice begins or ends over a sound that does not.
func (e *ear) compare(ctx context.Context, frame []int16) change {
	if level := e.behind.Swap(0); level != 0 {
		e.relief.wordless(math.Float64frombits(level))
	}
	c := e.relief.add(frame)
	if c == risen {
		e.firm = false
		e.tell(ctx, sign{kind: begun})
	}
	return c
}

// begin notes the begin of a phrase. After a cut the sound goes on, and only
// words can show that it is more than noise.
func (e *ear) begin(cut bool) {
	e.began, e.paused, e.firm, e.cut = time.Now(), time.Time{}, cut, cut
}

// doubtful reports whether a sound that goes on may be noise, so that the
// recogniser must decide what it has: when it has stopped us, after the last
// words of it, and now and then when there are none. Engines without partial
// results get long speech in long pieces.
func (e *ear) doubtful(now time.Time) bool {
	quiet, words := now.Sub(e.began), e.ready.words.Load()
	if words != 0 {
		quiet = now.Sub(time.Unix(0, words))
	}
	switch {
	case quiet < e.times.Doubt:
		return false
	case words != 0, e.cut && !e.wordy.Load(), !e.paused.IsZero() && now.Sub(e.paused) >= e.times.Doubt:
		return true
	}
	return quiet >= 2*e.times.Doubt
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
		text := strings.Join(p.texts, " ")
		if p.cut {
			e.wordy.Store(text != "")
		}
		if p.behind && text == "" {
			e.behind.Store(math.Float64bits(p.level))
		}
		e.tell(ctx, sign{kind: said, text: text, voice: p.ended, known: time.Now(), err: err, cut: p.cut})
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
		p.words.Store(time.Now().UnixNano())
		p.texts = append(p.texts, text)
	default:
		if text != p.partly {
			p.partly = text
			p.words.Store(time.Now().UnixNano())
		}
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
