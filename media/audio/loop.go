package audio

import "offhook/media/resample"

// Loop plays a clip over and over at rate Hz without a seam: the last sample is
// followed by the first, also where the clip is resampled, if it is complete by
// now. While a clip is still growing the player waits at its end with silence.
// It implements media.Source and ends only for a clip that has no audio.
func Loop(c *Clip, rate int) *Source {
	p := c.round(rate)
	return &Source{clip: p, k: p.first, loop: true}
}

// round is the clip at a rate, converted as a circle once it is complete.
func (c *Clip) round(rate int) *Clip {
	if rate == c.rate || !c.over.Load() || c.total.Load() == 0 {
		return c.at(rate)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if l, ok := c.loops[rate]; ok {
		return l
	}
	pcm := make([]int16, 0, c.total.Load())
	for part := range c.Parts() {
		pcm = append(pcm, part...)
	}
	l := NewClip(rate)
	l.of = c
	l.append(resampled(pcm, c.rate, rate))
	l.finish(c.err)
	if c.loops == nil {
		c.loops = map[int]*Clip{}
	}
	c.loops[rate] = l
	return l
}

// resampled converts a whole piece as a circle: its end joins its start as if
// it had always been going round.
func resampled(pcm []int16, from, to int) []int16 {
	r := resample.New(from, to)
	lead := r.Lag()
	circle := make([]int16, 0, len(pcm)+2*lead)
	for i := -lead; i < len(pcm)+lead; i++ {
		circle = append(circle, pcm[((i%len(pcm))+len(pcm))%len(pcm)])
	}
	r.Align(lead)
	out := make([]int16, r.Len(len(circle)))
	return out[:r.Process(out, circle)]
}
