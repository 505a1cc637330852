package bridge

import "offhook/media"

// matrix is the Bridge as its group's media.Mixer, on the shard.
type matrix Bridge

// String implements fmt.Stringer for descriptions.
func (x *matrix) String() string { return (*Bridge)(x).String() }

// Choose implements media.Mixer: it chooses the technique.
func (x *matrix) Choose() {
	b := (*Bridge)(x)
	a, c, ok := b.pair()
	b.waits = ok && !b.relayed && !b.mayRelay(a, c)
	if ok && !b.waits {
		if !b.relayed {
			b.relayed = true
			b.setTechnique(Relay)
			a.talking.Store(false)
			c.talking.Store(false)
		}
		// Also when it relays already: between two ticks somebody may have
		// joined and somebody else left, and the pair is another one now.
		a.seat.Relay(c.seat)
		c.seat.Relay(a.seat)
		return
	}
	if b.relayed {
		b.relayed = false
		for _, m := range b.members {
			m.seat.Relay(nil)
		}
	}
	b.tune()
	if len(b.members) > 0 {
		b.setTechnique(Mix)
	} else {
		b.setTechnique(Idle)
	}
}

// pair is the two members whose packets can be relayed: alike in format, payload
// lengths and events, free of listeners and of whatever else needs audio.
func (b *Bridge) pair() (a, c *Member, ok bool) {
	if len(b.members) != 2 || len(b.taps) > 0 || len(b.plays) > 0 {
		return nil, nil, false
	}
	a, c = b.members[0], b.members[1]
	for _, m := range b.members {
		if m.muted || len(m.deaf) > 0 || m.options.NoDigits || m.options.Watch || !m.seat.Seated() || !m.seat.Transparent() {
			return nil, nil, false
		}
	}
	return a, c, a.seat.Alike(c.seat)
}

// mayRelay tells whether the streams may pass from the bridge's encoders to the
// parties' own now. Where codes are understood by those before them that takes a
// moment of quiet from both: a decoder that is somewhere else would make a bang of
// loud ones.
func (b *Bridge) mayRelay(a, c *Member) bool {
	return !a.seat.Continues() || a.voice.quiet() && c.voice.quiet()
}

// tune sets the bridge's rate: its highest member's.
func (b *Bridge) tune() {
	rate := 8000
	for _, m := range b.members {
		rate = max(rate, m.seat.Rate())
	}
	if rate != b.rate {
		b.rate = rate
		b.mixer.tune(rate)
		for _, t := range b.taps {
			t.tune(rate)
		}
	}
}

// Digit implements media.Mixer: key presses pass to those who hear the member.
// While packets are relayed the events pass by themselves.
func (x *matrix) Digit(s *media.Seat, d media.Digit) {
	b := (*Bridge)(x)
	if b.relayed || d.Inband {
		return // passes as it is, in packets or in the audio
	}
	for _, from := range b.members {
		if from.seat != s {
			continue
		}
		for _, to := range b.members {
			if to.hears(from) && !from.muted && !to.options.NoDigits {
				to.seat.SendDigit(d)
			}
		}
	}
}
