package whisper

import (
	"context"
	"time"

	"offhook/media/vad"
	"offhook/speech/stt"
)

// utterance is sound to recognise, or a stretch of silence without any.
type utterance struct {
	pcm        []int16
	start, end int64 // samples of the stream, of the voice
	through    int64 // what comes before is dealt with
}

// stream implements stt.Stream.
type stream struct {
	e       *Engine
	opt     stt.Options
	ctx     context.Context
	cancel  context.CancelFunc
	cut     *cutter
	queue   chan utterance
	over    bool // Finish or a failed Write has closed queue
	results chan stt.Result
	err     error // before results is closed
}

// Write implements stt.Stream. It waits while four utterances are on their way.
func (s *stream) Write(ctx context.Context, pcm []int16) error {
	for _, u := range s.cut.write(pcm) {
		if err := s.send(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

func (s *stream) send(ctx context.Context, u utterance) error {
	select {
	case s.queue <- u:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Finish implements stt.Stream.
func (s *stream) Finish(ctx context.Context) error {
	if s.over {
		return nil
	}
	s.over = true
	defer close(s.queue)
	return s.send(ctx, s.cut.rest())
}

// Results implements stt.Stream.
func (s *stream) Results() <-chan stt.Result { return s.results }

// Err implements stt.Stream.
func (s *stream) Err() error { return s.err }

// Close implements stt.Stream.
func (s *stream) Close() { s.cancel() }

// work recognises one utterance after the other.
func (s *stream) work() {
	defer close(s.results)
	defer s.cancel()
	for {
		select {
		case <-s.ctx.Done():
			return
		case u, ok := <-s.queue:
			if !ok {
				return
			}
			text, err := s.words(u.pcm)
			if err != nil {
				if s.ctx.Err() == nil {
					s.err = err
				}
				return
			}
			r := stt.Result{Kind: stt.Final, Text: text, Start: stt.Length(u.start), End: stt.Length(u.end), Through: stt.Length(u.through)}
			select {
			case s.results <- r:
			case <-s.ctx.Done():
				return
			}
		}
	}
}

// words are those of an utterance, none where there was no sound.
func (s *stream) words(pcm []int16) (string, error) {
	if len(pcm) == 0 {
		return "", nil
	}
	return s.e.recognise(s.ctx, s.opt, pcm)
}

// cutter cuts sound into utterances.
type cutter struct {
	vad   *vad.Detector
	whole bool  // all sound is one utterance
	start int64 // samples of Config.Start and of the lead
	lead  int
	stop  int64

	buf   []int16 // the lead in silence, else the utterance
	begin int64   // sample of the stream at which buf begins
	at    int64   // samples so far, in whole frames
	from  int64   // where the voice began
	part  []int16 // of a frame
}

// frame is a frame of the detector in samples.
const frame = stt.Rate / 50

// quietFor is after how much silence the sound before it is given up.
const quietFor = 2 * stt.Rate

func newCutter(c vad.Config, lead time.Duration, whole bool) *cutter {
	if c.Start == 0 {
		c.Start = vad.Defaults().Start
	}
	return &cutter{
		vad: vad.New(c), whole: whole, start: int64(stt.Samples(c.Start)), stop: int64(stt.Samples(c.Stop)), lead: stt.Samples(c.Start + lead),
	}
}

// write takes sound and returns the utterances that it completes.
func (c *cutter) write(pcm []int16) []utterance {
	var done []utterance
	for len(pcm) > 0 {
		n := min(frame-len(c.part), len(pcm))
		c.part = append(c.part, pcm[:n]...)
		pcm = pcm[n:]
		if len(c.part) < frame {
			break
		}
		done = c.frame(done)
		c.part = c.part[:0]
	}
	return done
}

func (c *cutter) frame(done []utterance) []utterance {
	c.buf = append(c.buf, c.part...)
	c.at += frame
	if c.whole {
		return done
	}
	event := c.vad.Write(c.part)
	switch event {
	case vad.Begun:
		c.from = c.at - c.start
		c.trim()
	case vad.Ended:
		u := c.take(c.at - c.stop)
		if keep := int64(c.lead); int64(len(u.pcm)) > c.stop-keep && c.stop > keep {
			u.pcm = u.pcm[:int64(len(u.pcm))-(c.stop-keep)]
		}
		return append(done, u)
	case vad.Cut:
		done = append(done, c.take(c.at))
		c.from = c.at
		return done
	}
	if !c.vad.Speaking() && len(c.buf) > c.lead+quietFor {
		c.trim()
		return append(done, utterance{start: c.begin, end: c.begin, through: c.begin})
	}
	return done
}

// take ends the utterance whose voice ends at sample end.
func (c *cutter) take(end int64) utterance {
	u := utterance{pcm: c.buf, start: c.from, end: end, through: c.at}
	c.buf, c.begin = nil, c.at
	return u
}

// trim drops silence but for the lead.
func (c *cutter) trim() {
	drop := max(0, len(c.buf)-c.lead)
	c.buf = append(c.buf[:0], c.buf[drop:]...)
	c.begin += int64(drop)
}

// rest is what is left at the end.
func (c *cutter) rest() utterance {
	if !c.whole && !c.vad.Speaking() {
		return utterance{start: c.at, end: c.at, through: c.at}
	}
	return c.take(c.at)
}
