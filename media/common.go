package media

import (
	"offhook/media/codec"
	"offhook/media/resample"
)

// Common is one frame that many seats hear. It is resampled and encoded once for
// each format, whoever sends it. It belongs to one shard.
//
// Where codes are understood by those before them (codec.Continuer), a stream that
// was its port's own comes to the shared encoder only when it rests, and is encoded
// by itself until then; back to its port it goes at any time.
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
	ready   bool // made in this tick
	fed     bool // in the one before
	number  int  // of the last frame made

	before, fresh codec.Continuer // the encoder before that frame, and a new one; nil where codes stand by themselves
}

// after is the encoder as it was after the frame of that number.
func (f *commonForm) after(number int) codec.Encoder {
	if f.number != number {
		return f.before
	}
	return f.encoder
}

// Begin forgets the last tick's frame.
func (c *Common) Begin() {
	for _, f := range c.forms {
		f.fed, f.ready = f.ready, false
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
		form = &commonForm{
			format: f, encoder: f.NewEncoder(), down: resample.New(c.rate, f.SampleRate),
			pcm: make([]int16, f.SampleRate/50), encoded: make([]byte, bytesOf(f, frameTime)),
		}
		if _, ok := form.encoder.(codec.Continuer); ok {
			form.before, form.fresh = f.NewEncoder().(codec.Continuer), f.NewEncoder().(codec.Continuer)
		}
		c.forms = append(c.forms, form)
	}
	if !form.ready {
		form.make(c.pcm)
	}
	return form
}

// make resamples and encodes the tick's frame.
func (f *commonForm) make(pcm []int16) {
	if c, ok := f.encoder.(codec.Continuer); ok {
		if !f.fed { // who comes now has rested, or begins
			c.Continue(f.fresh)
		}
		f.before.Continue(c)
	}
	f.ready = true
	f.number++
	n := f.down.Process(f.pcm, pcm)
	clear(f.pcm[n:])
	f.encoder.Encode(f.encoded, f.pcm)
}

// HearCommon gives the party a frame that others hear as well; sound is false
// where it is silence.
func (s *Seat) HearCommon(c *Common, sound bool) {
	p := s.port
	if !s.seated || s.served || !p.configured {
		return
	}
	s.served = true
	form := c.form(p.params.Format)
	if !p.plain() || !p.out.mayFollow(form) || !sound && p.out.hold > 0 {
		var others []int16
		if sound {
			others = form.pcm
		}
		p.finish(p.shard.next, others)
		return
	}
	p.out.sync(p.shard.next)
	p.out.hold, p.out.leader, p.out.followed = 0, form, form.number
	p.sendEncoded(form.encoded, sound)
	p.tap(form.pcm)
}

// plain tells whether the party hears what it is given and nothing else.
func (p *Port) plain() bool {
	return p.params.Send && p.play == nil && len(p.over) == 0 && len(p.keying) == 0 && !p.muteHeard
}
