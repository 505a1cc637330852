package bridge

import "offhook/media"

// mixer holds the sums of one tick.
type mixer struct {
	total  []int32 // everybody and what plays
	sum    []int32 // for one listener
	out    []int16
	played []int16
	gain   gain
	common media.Common
}

func (x *mixer) tune(rate int) {
	n := rate / 50
	x.total, x.sum = make([]int32, n), make([]int32, n)
	x.out, x.played = make([]int16, n), make([]int16, n)
	x.common = media.Common{}
}

// Tick implements media.Mixer.
func (x *matrix) Tick() {
	b := (*Bridge)(x)
	if b.relayed || b.rate == 0 {
		return
	}
	b.listen()
	if b.couple() {
		b.exchange(b.members[0], b.members[1])
		b.exchange(b.members[1], b.members[0])
		return
	}
	b.collect()
	speakers := b.speakers()
	b.mixer.gain.follow(b.mixer.total, speakers+len(b.plays))
	if len(b.taps) > 0 {
		b.render(b.mixer.total)
		for _, t := range b.taps {
			t.write(b.mixer.out, b.mixer.played)
		}
	}
	b.deliver(speakers)
}

// listen takes what each member says and decides whether it is heard.
func (b *Bridge) listen() {
	for _, m := range b.members {
		pcm, sound := m.seat.Said(b.rate)
		m.inMix = sound && m.voice.hear(pcm, len(b.members) > gateAbove) && !m.muted
		if !sound {
			m.voice.pause()
		}
		m.talking.Store(m.inMix && m.voice.talking())
		m.level = pcm
	}
	if b.waits && b.members[0].voice.quiet() && b.members[1].voice.quiet() {
		b.group.Touch()
	}
}

// couple tells whether there is nothing to add up: two members, one voice for
// each. The gain has to be back at full, or its end would be a jump.
func (b *Bridge) couple() bool {
	return len(b.members) == 2 && len(b.taps) == 0 && len(b.plays) == 0 && b.mixer.gain == gain{}
}

// exchange gives a member what the only other one says.
func (b *Bridge) exchange(to, from *Member) {
	if from.inMix && to.hears(from) {
		to.seat.Hear(from.level, b.rate)
	}
}

// collect adds up what members say and what plays.
func (b *Bridge) collect() {
	m := &b.mixer
	clear(m.total)
	clear(m.played)
	for _, member := range b.members {
		if member.inMix {
			m.addVoice(member.level)
		}
	}
	for i := 0; i < len(b.plays); {
		if !b.plays[i].ReadFrame(m.out, b.rate) {
			b.plays = append(b.plays[:i], b.plays[i+1:]...)
			b.group.Touch()
			continue
		}
		for j, v := range m.out {
			m.total[j] += int32(v)
			m.played[j] = media.Limit(int32(m.played[j]) + int32(v))
		}
		i++
	}
}

func (x *mixer) addVoice(pcm []int16) {
	for i, v := range pcm {
		x.total[i] += int32(v)
	}
}

func (b *Bridge) speakers() int {
	n := 0
	for _, m := range b.members {
		if m.inMix {
			n++
		}
	}
	return n
}

// deliver gives each member its mix: the common one, encoded once for each
// format, to all from whom nothing is to be taken away, and the others theirs.
func (b *Bridge) deliver(speakers int) {
	x := &b.mixer
	silent := speakers == 0 && len(b.plays) == 0
	rendered := false
	x.common.Begin()
	for _, m := range b.members {
		if m.wholeMix() {
			if !rendered {
				b.render(x.total)
				x.common.Set(x.out, b.rate)
				rendered = true
			}
			m.seat.HearCommon(&x.common, !silent)
		}
	}
	for _, m := range b.members {
		if m.wholeMix() {
			continue
		}
		copy(x.sum, x.total)
		m.without(x.sum)
		b.render(x.sum)
		m.seat.Hear(x.out, b.rate)
	}
}

// wholeMix tells whether the member hears all that is in the mix.
func (m *Member) wholeMix() bool {
	if m.inMix {
		return false
	}
	for _, s := range m.deaf {
		if s.inMix {
			return false
		}
	}
	return true
}

// without takes the member itself and those it does not hear out of the sum.
func (m *Member) without(sum []int32) {
	if m.inMix {
		subtract(sum, m.level)
	}
	for _, s := range m.deaf {
		if s.inMix && s != m {
			subtract(sum, s.level)
		}
	}
}

func subtract(sum []int32, pcm []int16) {
	for i, v := range pcm {
		sum[i] -= int32(v)
	}
}

// render brings a sum into the range of samples.
func (b *Bridge) render(sum []int32) { b.mixer.gain.apply(b.mixer.out, sum) }
