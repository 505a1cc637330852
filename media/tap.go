package media

import "offhook/media/resample"

// tap is a Sink on a port, with the resamplers to its rate.
type tap struct {
	sink        Sink
	rate        int
	up, upHeard *resample.Resampler // nil: the port has the rate
	said, heard []int16
}

// Attach lets sink have the party's audio, both ways, at rate from now on. While
// it is attached audio is decoded. detach may be called from any goroutine, also
// more than once.
func (p *Port) Attach(sink Sink, rate int) (detach func()) {
	t := &tap{sink: sink, rate: rate}
	p.inbox.post(func() {
		if p.closed {
			return
		}
		if p.configured {
			t.tune(p.params.Format.SampleRate)
		}
		p.taps = append(p.taps, t)
		p.refresh()
	})
	return func() {
		p.inbox.post(func() { p.untap(t) })
	}
}

func (p *Port) untap(t *tap) {
	for i, other := range p.taps {
		if other == t {
			p.taps = append(append([]*tap(nil), p.taps[:i]...), p.taps[i+1:]...)
			p.refresh()
			return
		}
	}
}

// tune fits the tap to the port's rate.
func (t *tap) tune(rate int) {
	t.up, t.upHeard = nil, nil
	if rate != t.rate {
		t.up, t.upHeard = resample.New(rate, t.rate), resample.New(rate, t.rate)
		t.said, t.heard = make([]int16, t.rate/50), make([]int16, t.rate/50)
	}
}

// write gives the sink a frame.
func (t *tap) write(said, heard []int16) {
	if t.up == nil {
		t.sink.WriteFrame(said, heard)
		return
	}
	n := t.up.Process(t.said, said)
	clear(t.said[n:])
	n = t.upHeard.Process(t.heard, heard)
	clear(t.heard[n:])
	t.sink.WriteFrame(t.said, t.heard)
}

// tap gives all sinks the frame.
func (p *Port) tap(heard []int16) {
	for _, t := range p.taps {
		t.write(p.in.frame, heard)
	}
}
