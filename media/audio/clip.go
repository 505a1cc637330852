// Package audio holds decoded audio that many players share: clips, their
// decoding from WAV and MP3, a library of files and URLs, and music on hold.
package audio

import (
	"io"
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"offhook/media/resample"
)

// Clip is mono PCM of one rate that may be played by any number of readers
// while one writer goes on appending to it. Readers take no lock and never
// wait: the samples are a linked list of chunks, and a chunk's length and its
// successor are published by atomic stores after the samples are in place.
type Clip struct {
	rate  int
	first *chunk
	total atomic.Int64 // samples
	bytes atomic.Int64 // of memory, with all renditions
	of    *Clip        // what this is a rendition of; Cache finds that while this plays
	over  atomic.Bool
	done  chan struct{}
	err   error // written before over

	mu    sync.Mutex // the writer's side only: what follows
	last  *chunk
	rates map[int]*rendition
	loops map[int]*Clip
}

// chunk is a part of a clip. data never moves.
type chunk struct {
	data []int16
	n    atomic.Int64 // samples of data that are there
	next atomic.Pointer[chunk]
}

// rendition is the clip in another rate, kept in step by the writer. Sharing
// it means that a prompt that 500 calls play is resampled once.
type rendition struct {
	clip *Clip
	r    *resample.Resampler
	buf  []int16
}

// chunkSamples is the least size of a chunk.
const chunkSamples = 4096

// NewClip makes an empty clip of rate Hz, open for appending.
func NewClip(rate int) *Clip {
	c := &Clip{rate: rate, done: make(chan struct{}), first: &chunk{}}
	c.last = c.first
	return c
}

// Rate is the sample rate in Hz.
func (c *Clip) Rate() int { return c.rate }

// Append copies pcm to the clip's end. After Close it does nothing. It may
// wait for a Source call that converts the clip, never for a reader.
func (c *Clip) Append(pcm []int16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over.Load() {
		return
	}
	c.append(pcm)
	for _, r := range c.rates {
		r.append(pcm)
	}
}

func (c *Clip) append(pcm []int16) {
	for len(pcm) > 0 {
		k := c.last
		have := int(k.n.Load())
		if have == len(k.data) {
			k = &chunk{data: make([]int16, max(chunkSamples, len(pcm)))}
			c.last.next.Store(k)
			c.last, have = k, 0
		}
		n := copy(k.data[have:], pcm)
		k.n.Store(int64(have + n))
		c.total.Add(int64(n))
		c.bytes.Add(int64(2 * n))
		if c.of != nil {
			c.of.bytes.Add(int64(2 * n))
		}
		pcm = pcm[n:]
	}
}

// Close ends the clip; players are done when they reach its end, with err
// where it is not nil. Only the first call counts.
func (c *Clip) Close(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over.Load() {
		return
	}
	for _, r := range c.rates {
		r.close(err)
	}
	c.finish(err)
}

func (c *Clip) finish(err error) {
	c.err = err
	c.over.Store(true)
	close(c.done)
}

// Done is closed when the writer has finished.
func (c *Clip) Done() <-chan struct{} { return c.done }

// Err is the writer's error, nil before Done.
func (c *Clip) Err() error {
	if !c.over.Load() {
		return nil
	}
	return c.err
}

// Samples is how many samples there are by now.
func (c *Clip) Samples() int { return int(c.total.Load()) }

// Duration is how much audio there is by now.
func (c *Clip) Duration() time.Duration {
	return time.Duration(c.total.Load()) * time.Second / time.Duration(c.rate)
}

// Parts gives the samples that are there by now, in order and in pieces of any
// size, which must not be changed.
func (c *Clip) Parts() iter.Seq[[]int16] {
	return func(yield func([]int16) bool) {
		for k := c.first; k != nil; k = k.next.Load() {
			if !yield(k.data[:k.n.Load()]) {
				return
			}
		}
	}
}

// Bytes is the memory that the clip takes, with the rates it was played at.
func (c *Clip) Bytes() int64 { return c.bytes.Load() }

// atOnce is how much of a clip is converted while the caller waits, some 10 ms
// of work; the rest follows in the background, faster than it is played.
const atOnce = 10 * time.Second

// at is the clip in another rate, made at the first call for it.
func (c *Clip) at(rate int) *Clip {
	if rate == c.rate {
		return c
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.rates[rate]; ok {
		return r.clip
	}
	r := newRendition(c, rate)
	if c.rates == nil {
		c.rates = map[int]*rendition{}
	}
	c.rates[rate] = r
	if c.over.Load() && c.Duration() > atOnce {
		ready := make(chan struct{})
		go c.convert(r, ready) // ends by itself: nothing is appended any more
		<-ready
	} else {
		c.convert(r, nil)
	}
	return r.clip
}

// convert brings a new rendition to where the clip is, and closes ready when
// its first seconds are there.
func (c *Clip) convert(r *rendition, ready chan<- struct{}) {
	for part := range c.Parts() {
		for len(part) > 0 {
			k := min(len(part), chunkSamples)
			r.append(part[:k])
			part = part[k:]
			if ready != nil && r.clip.Duration() >= atOnce/10 {
				close(ready)
				ready = nil
			}
		}
	}
	if c.over.Load() {
		r.close(c.err)
	}
	if ready != nil {
		close(ready)
	}
}

func newRendition(c *Clip, rate int) *rendition {
	r := &rendition{clip: NewClip(rate), r: resample.New(c.rate, rate)}
	r.clip.of = c
	r.r.Align(0)
	return r
}

func (r *rendition) append(pcm []int16) {
	for len(pcm) > 0 {
		k := min(len(pcm), chunkSamples)
		if need := r.r.Len(k); cap(r.buf) < need {
			r.buf = make([]int16, need)
		}
		r.clip.append(r.buf[:r.r.Process(r.buf[:cap(r.buf)], pcm[:k])])
		pcm = pcm[k:]
	}
}

// close flushes what the filter still holds back.
func (r *rendition) close(err error) {
	r.append(make([]int16, r.r.Lag()))
	r.clip.finish(err)
}

// Source plays a clip from its start. It implements media.Source: ReadFrame
// never blocks and never allocates, and is for one goroutine at a time.
type Source struct {
	clip *Clip
	k    *chunk
	at   int // samples of k that were read
	read int64
	loop bool
}

// Source makes a player of the clip at rate Hz.
func (c *Clip) Source(rate int) *Source {
	p := c.at(rate)
	return &Source{clip: p, k: p.first}
}

// Rate is the sample rate in Hz.
func (s *Source) Rate() int { return s.clip.rate }

// Position is how much was read so far.
func (s *Source) Position() time.Duration {
	return time.Duration(s.read) * time.Second / time.Duration(s.clip.rate)
}

// ReadFrame fills dst. While the writer has not yet brought a whole frame it
// gives silence. The last part is padded with silence; after that ReadFrame
// returns the clip's error or io.EOF.
func (s *Source) ReadFrame(dst []int16) error {
	over := s.clip.over.Load() // before the length: then the length is final
	left := s.clip.total.Load() - s.read
	if left < int64(len(dst)) && !s.loop {
		if !over || left == 0 {
			clear(dst)
			return s.waiting(over)
		}
		clear(dst[s.copy(dst):])
		return nil
	}
	return s.readLoop(dst, over)
}

// waiting is the answer when no frame is there.
func (s *Source) waiting(over bool) error {
	switch {
	case !over:
		return nil
	case s.clip.err != nil:
		return s.clip.err
	}
	return io.EOF
}

// readLoop copies, and starts again where the clip ends.
func (s *Source) readLoop(dst []int16, over bool) error {
	if over && s.clip.total.Load() == 0 {
		clear(dst)
		return s.waiting(over)
	}
	for n := s.copy(dst); n < len(dst); n += s.copy(dst[n:]) {
		if !over {
			clear(dst[n:])
			return nil
		}
		s.k, s.at, s.read = s.clip.first, 0, 0
	}
	return nil
}

// copy reads what is there, up to len(dst).
func (s *Source) copy(dst []int16) int {
	n := 0
	for {
		have := int(s.k.n.Load())
		m := copy(dst[n:], s.k.data[s.at:have])
		s.at += m
		n += m
		if n == len(dst) || s.at < len(s.k.data) {
			break
		}
		next := s.k.next.Load()
		if next == nil {
			break
		}
		s.k, s.at = next, 0
	}
	s.read += int64(n)
	return n
}
