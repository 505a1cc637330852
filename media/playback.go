package media

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"

	"offhook/media/resample"
)

// ErrStopped tells that a playback was stopped or replaced before its end.
var ErrStopped = errors.New("media: playback stopped")

// Playback is a Source on its way to a party. Done, Stop and Err may be called
// from any goroutine; ReadFrame and End are for whoever owns the playback, on
// its shard.
type Playback struct {
	source Source
	owner  func(func()) bool
	toRate int
	tuned  *resample.Resampler
	buf    []int16
	once   sync.Once
	over   atomic.Bool
	done   chan struct{}
	err    error
}

// NewPlayback prepares src for an owner, whose post runs a func on its shard and
// returns false when it has ended.
func NewPlayback(src Source, post func(func()) bool) *Playback {
	return &Playback{source: src, owner: post, done: make(chan struct{})}
}

// Done is closed when the playback is over, for whatever reason.
func (b *Playback) Done() <-chan struct{} { return b.done }

// Err is nil when all was played, ErrStopped, ErrClosed, or the Source's error.
// It is valid once Done is closed.
func (b *Playback) Err() error {
	select {
	case <-b.done:
		return b.err
	default:
		return nil
	}
}

// Stop ends the playback with the next frame. It does not wait.
func (b *Playback) Stop() {
	if !b.owner(func() { b.End(ErrStopped) }) {
		b.End(ErrClosed)
	}
}

// End ends the playback at once; the first reason stays.
func (b *Playback) End(err error) {
	b.once.Do(func() {
		b.err = err
		b.over.Store(true)
		close(b.done)
	})
}

// ReadFrame fills dst with the next 20 ms at rate; false when the playback is
// over, and dst is then not touched.
func (b *Playback) ReadFrame(dst []int16, rate int) bool {
	if b.over.Load() {
		return false
	}
	from := b.source.Rate()
	frame := dst
	if from != rate {
		if b.tuned == nil || b.toRate != rate {
			b.tuned, b.toRate = resample.New(from, rate), rate
			b.buf = make([]int16, from/50)
		}
		frame = b.buf
	}
	if err := b.source.ReadFrame(frame); err != nil {
		if errors.Is(err, io.EOF) {
			err = nil
		}
		b.End(err)
		return false
	}
	if from != rate {
		n := b.tuned.Process(dst, frame)
		clear(dst[n:])
	}
	return true
}

// Play plays src to the party in place of whatever played; the bridge's audio is
// not heard while it lasts. A nil src stops what plays and gives nil.
func (p *Port) Play(src Source) *Playback {
	if src == nil {
		p.inbox.post(func() { p.setPlay(nil) })
		return nil
	}
	b := NewPlayback(src, p.inbox.post)
	if !p.inbox.post(func() { p.setPlay(b) }) {
		b.End(ErrClosed)
	}
	return b
}

func (p *Port) setPlay(b *Playback) {
	if p.play != nil {
		p.play.End(ErrStopped)
	}
	p.play = b
	if p.closed && b != nil {
		b.End(ErrClosed)
	}
	p.out.marker = p.out.marker || p.out.silent
	p.refresh()
}

// PlayOver plays src to the party, mixed with all else that it hears.
func (p *Port) PlayOver(src Source) *Playback {
	b := NewPlayback(src, p.inbox.post)
	posted := p.inbox.post(func() {
		if p.closed {
			b.End(ErrClosed)
			return
		}
		p.over = append(p.over, b)
		p.refresh()
	})
	if !posted {
		b.End(ErrClosed)
	}
	return b
}

// endAll ends every playback of a port that closes.
func (p *Port) endAll() {
	if p.play != nil {
		p.play.End(ErrClosed)
		p.play = nil
	}
	for _, b := range p.over {
		b.End(ErrClosed)
	}
	p.over = nil
	for _, k := range p.keying {
		k.playback.End(ErrClosed)
	}
	p.keying = nil
}
