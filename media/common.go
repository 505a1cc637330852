package media

import (
	"offhook/media/codec"
	"offhook/media/resample"
)

// Common is one frame that many seats hear. It is resampled and encoded once for
// each format, whoever sends it. It belongs to one shard.
type Common struct {
	pcm   []int16
	rate  int
	forms []*commonForm
}

// commonForm is the frame in one format.
type commonForm struct {
	format  codec.Format
	encoder codec.Encoder
	down    *resample.Resampler
	pcm     []int16
	encoded []byte
	ready   bool
}

// Begin forgets the last tick's frame.
func (c *Common) Begin() {
	for _, f := range c.forms {
		f.ready = false
	}
}

// Set gives the tick's frame; pcm must not change until the tick is over.
func (c *Common) Set(pcm []int16, rate int) {
	if rate != c.rate {
		c.rate, c.forms = rate, nil
	}
	c.pcm = pcm
}

// form is the frame in a format, made when it is first asked for.
func (c *Common) form(f codec.Format) *commonForm {
	var form *commonForm
	for _, have := range c.forms {
		if have.format == f {
			form = have
		}
	}
	if form == nil {
		form = &commonForm{format: f, encoder: f.NewEncoder(), down: resample.New(c.rate, f.SampleRate),
			pcm: make([]int16, f.SampleRate/50), encoded: make([]byte, bytesOf(f, frameTime))}
		c.forms = append(c.forms, form)
	}
	if !form.ready {
		form.ready = true
		n := form.down.Process(form.pcm, c.pcm)
		clear(form.pcm[n:])
		form.encoder.Encode(form.encoded, form.pcm)
	}
	return form
}

// HearCommon gives the party a frame that others hear as well.
func (s *Seat) HearCommon(c *Common) {
	p := s.port
	if !s.seated || s.served || !p.configured {
		return
	}
	s.served = true
	form := c.form(p.params.Format)
	if !p.plain() {
		p.finish(p.shard.next, form.pcm)
		return
	}
	p.out.sync(p.shard.next)
	p.out.hold = 0
	p.sendEncoded(form.encoded, true)
	p.tap(form.pcm)
}

// plain tells whether the party hears what it is given and nothing else.
func (p *Port) plain() bool {
	return p.params.Send && p.play == nil && len(p.over) == 0 && len(p.keying) == 0 && !p.muteHeard
}
