package media

import (
	"time"

	"offhook/media/codec"
	"offhook/media/resample"
)

// Mixer decides what the ports of a Group hear. Its methods are called on the
// group's shard, between or in ticks; they must not block. One that is a
// fmt.Stringer is named by it in descriptions, from any goroutine.
type Mixer interface {
	// Choose is called before the tick after a seat came or left or its port
	// changed what it does (Transparent, Alike, Rate), to choose the technique.
	Choose()
	// Tick is one frame of 20 ms: it reads what the seats Said and says what they
	// Hear. Seats that are given nothing hear what plays to them, else silence.
	Tick()
	// Digit tells of a key that a seat's party pressed.
	Digit(s *Seat, d Digit)
	// Closed is called once when the group is closed, by its owner or with the
	// Engine, after the last Tick.
	Closed()
}

// Group is ports that share a shard and a place in its 20 ms, so that they can
// exchange frames without locks.
type Group struct {
	engine *Engine
	inbox  inbox
	shard  *shard
	slot   int
	mixer  Mixer

	seats   []*Seat // the shard's
	changed bool
	closed  bool
	rest    int // ticks that may be left out
}

// NewGroup makes an empty group on the shard that has the least to do. On a
// closed Engine it is closed.
func (e *Engine) NewGroup(m Mixer) *Group {
	s := e.quietest()
	g := &Group{engine: e, shard: s, mixer: m}
	g.inbox.owner.Store(s)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		g.inbox.closed = true
		return g
	}
	e.groups[g] = struct{}{}
	s.post(func() {
		g.slot = s.quietestSlot()
		s.enter(g, g.slot)
	})
	return g
}

// Post runs fn on the group's shard between ticks, in order; false when the group
// is closed and fn will not run.
func (g *Group) Post(fn func()) bool { return g.inbox.post(fn) }

// Close sends the ports back to themselves and ends the group.
func (g *Group) Close() {
	g.inbox.post(func() {
		if g.closed {
			return
		}
		g.closed = true
		for len(g.seats) > 0 {
			g.seats[0].port.stand()
		}
		g.shard.exit(g, g.slot)
		g.mixer.Closed()
		g.engine.mu.Lock()
		delete(g.engine.groups, g)
		g.engine.mu.Unlock()
		for _, fn := range g.inbox.close() {
			fn()
		}
	})
}

// Seat is a port's place in a Group. Except Leave, its methods are for the Mixer,
// on the shard.
type Seat struct {
	port     *Port
	group    *Group
	left     bool
	seated   bool // the group's: the port is here
	served   bool // has been given this tick's frame
	up, down *resample.Resampler
	rate     int // what up and down are for
	said     []int16
	heard    []int16
}

// Join gives the port a seat; it leaves the group it was in. The seat is taken
// within some milliseconds; the port's audio goes on meanwhile.
func (g *Group) Join(p *Port) *Seat {
	s := &Seat{port: p, group: g}
	p.inbox.post(func() { p.sit(s) })
	return s
}

// Leave gives the seat up; the port goes on by itself. It does not wait.
func (s *Seat) Leave() {
	s.port.inbox.post(func() {
		s.left = true
		if s.port.seat == s {
			s.port.stand()
		}
	})
}

// sit moves the port to its seat, on the port's shard.
func (p *Port) sit(s *Seat) {
	if p.closed || s.left {
		return
	}
	if p.seat != nil {
		p.stand()
	}
	p.setForward(nil)
	p.shard.exit(p, p.slot)
	g, here := s.group, p.shard
	if g.shard == here {
		g.take(s)
		return
	}
	p.inbox.hold()
	p.detach()
	here.load.Add(-1)
	g.shard.load.Add(1)
	g.shard.post(func() {
		p.attach(g.shard)
		g.take(s)
		p.inbox.settle(g.shard)
	})
}

// take seats a port that is on the group's shard and in no slot.
func (g *Group) take(s *Seat) {
	p := s.port
	p.slot = g.slot
	if g.closed {
		g.shard.enter(p, p.slot)
		p.refresh()
		return
	}
	p.seat, s.seated = s, true
	g.seats = append(g.seats, s)
	p.refresh()
}

// stand takes the port out of its group; it stays on the shard.
func (p *Port) stand() {
	s := p.seat
	g := s.group
	for i, other := range g.seats {
		if other == s {
			g.seats = append(g.seats[:i], g.seats[i+1:]...)
			break
		}
	}
	for _, other := range g.seats {
		if other.port.forward == p {
			other.port.setForward(nil)
		}
	}
	p.setForward(nil)
	p.seat, s.left, s.seated = nil, true, false
	g.changed = true
	p.shard.enter(p, p.slot)
	p.refresh()
}

// restTicks is how many ticks a group leaves out while all its ports relay: what
// they do each second can be a little late. It is shorter than what a lost end of
// a key press is waited for.
const restTicks = 4

// tick implements ticker.
func (g *Group) tick(at instant) {
	if g.changed {
		g.changed, g.rest = false, 0
		g.mixer.Choose()
	}
	if g.rest > 0 {
		g.rest--
		return
	}
	for _, s := range g.seats {
		s.port.begin(at)
		s.served = false
	}
	g.mixer.Tick()
	for _, s := range g.seats {
		if !s.served {
			s.port.finish(at, nil)
		}
	}
	if g.resting() {
		g.rest = restTicks
	}
}

// resting tells whether the ports' packets pass by themselves, with nothing to do
// in a tick.
func (g *Group) resting() bool {
	for _, s := range g.seats {
		if !s.port.resting() {
			return false
		}
	}
	return len(g.seats) > 0
}

// Seated tells whether the seat is taken at present.
func (s *Seat) Seated() bool { return s.seated }

// Transparent tells whether packets may pass the port unchanged both ways:
// nothing plays, nobody listens, nothing is muted and it may send and receive.
func (s *Seat) Transparent() bool { return s.seated && s.port.transparent() && !s.port.echo }

// Relay sends the packets that come from the party on to another seat of the
// group, until Relay(nil). Its audio is not decoded meanwhile.
func (s *Seat) Relay(to *Seat) {
	if !s.seated {
		return
	}
	if to == nil {
		s.port.setForward(nil)
		return
	}
	s.port.setForward(to.port)
}

// Said is the frame of what the party said, at rate; sound is false when there
// was nothing, and pcm is then silence. It is valid until the next tick.
func (s *Seat) Said(rate int) (pcm []int16, sound bool) {
	p := s.port
	if !s.seated || !p.configured || !p.in.listening {
		return nil, false
	}
	if rate == p.params.Format.SampleRate {
		return p.in.frame, p.in.present
	}
	s.tune(rate)
	n := s.up.Process(s.said, p.in.frame)
	clear(s.said[n:])
	return s.said, p.in.present
}

// Hear gives the party the frame pcm, at rate.
func (s *Seat) Hear(pcm []int16, rate int) {
	p := s.port
	if !s.seated || s.served || !p.configured {
		return
	}
	s.served = true
	if rate != p.params.Format.SampleRate {
		s.tune(rate)
		n := s.down.Process(s.heard, pcm)
		clear(s.heard[n:])
		pcm = s.heard
	}
	p.finish(p.shard.next, pcm)
}

// tune makes the resamplers between the port's rate and the group's.
func (s *Seat) tune(rate int) {
	if s.rate == rate {
		return
	}
	own := s.port.params.Format.SampleRate
	s.rate = rate
	s.up, s.down = resample.New(own, rate), resample.New(rate, own)
	s.said, s.heard = make([]int16, rate/50), make([]int16, own/50)
}

// retune follows a change of the port's format.
func (s *Seat) retune() { s.rate = 0 }

// Rate is the sample rate of the port's format, 0 before the port is here and
// configured.
func (s *Seat) Rate() int {
	if !s.seated {
		return 0
	}
	return s.port.params.Format.SampleRate
}

// Alike tells whether the packets of two ports differ in nothing but their
// numbers: the same format, packet length and use of telephone-events.
func (s *Seat) Alike(other *Seat) bool {
	if !s.seated || !other.seated {
		return false
	}
	a, b := &s.port.params, &other.port.params
	return a.Format == b.Format && a.Ptime == b.Ptime && (a.EventPayloadType == 0) == (b.EventPayloadType == 0)
}

// Continues tells whether the codes of the port's format are understood by those
// before them, so that streams change hands well only while they are quiet.
func (s *Seat) Continues() bool {
	_, ok := s.port.out.encoder.(codec.Continuer)
	return s.seated && ok
}

// SendDigit sends a key press on to the party, as Port.SendDigits does.
func (s *Seat) SendDigit(d Digit) {
	s.port.SendDigits(string(d.Key), max(passedOn, d.Duration), passedGap)
}

// The times of a key press that is passed on. A longer one is told of before its
// end and becomes this long.
const (
	passedOn  = 100 * time.Millisecond
	passedGap = 60 * time.Millisecond
)

// Touch has the mixer choose again before the next tick. It is for the mixer, on
// the shard.
func (g *Group) Touch() { g.changed = true }
