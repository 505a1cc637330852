package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"offhook/media/codec"
)

// Params is what an SDP offer and answer settled for a Port.
type Params struct {
	Format           codec.Format
	PayloadType      uint8          // of Format, both ways
	EventPayloadType uint8          // of telephone-event (RFC 4733); 0: none
	Remote           netip.AddrPort // where the peer wants its RTP; packets follow its true source (symmetric RTP)
	RemoteRTCP       netip.AddrPort // zero: the port above Remote; equal to Remote: multiplexed (RFC 5761)
	Send, Receive    bool           // as the direction attribute allows us
	Ptime            time.Duration  // audio in a packet to the peer; 10 to 200 ms, zero: 20 ms
	InbandDTMF       bool           // look for digits in the audio
}

// validate completes p and tells what is wrong with it.
func (p Params) validate() (Params, error) {
	if p.Format.NewEncoder() == nil {
		return p, fmt.Errorf("media: unknown format %q", p.Format.Name)
	}
	if p.Ptime == 0 {
		p.Ptime = frameTime
	}
	if p.Ptime < 10*time.Millisecond || p.Ptime > 180*time.Millisecond || p.Ptime%(5*time.Millisecond) != 0 {
		return p, fmt.Errorf("media: ptime %s is not 10 to 180 ms in steps of 5", p.Ptime)
	}
	p.Remote = unmap(p.Remote)
	if !p.RemoteRTCP.IsValid() && p.Remote.IsValid() && p.Remote.Port() < 65535 {
		p.RemoteRTCP = netip.AddrPortFrom(p.Remote.Addr(), p.Remote.Port()+1)
	}
	p.RemoteRTCP = unmap(p.RemoteRTCP)
	return p, nil
}

// Digit is a key that the party pressed.
type Digit struct {
	Key      byte          // 0-9, *, #, A-D
	Duration time.Duration // as known when it was told of: at its end or after 40 ms
	Inband   bool          // heard in the audio, not received as an event
}

// Port is the media end of one leg: what its party says comes out, and what the
// party is to hear goes in. It starts deaf and silent; Configure connects it.
type Port struct {
	engine      *Engine
	id          uint64
	name        string
	rtp, rtcp   Conn
	inbox       inbox
	gone        chan struct{} // closed when the sockets are
	gauges      gauges
	description descriptionPointer

	// The shard's from here.
	shard      *shard
	slot       int
	seat       *Seat
	closed     bool
	configured bool
	params     Params
	in         receiver
	out        sender
	reports    reports

	forward   *Port // where packets that come are relayed
	echo      bool
	muteSaid  bool
	muteHeard bool
	play      *Playback
	over      []*Playback
	keying    []*keying
	taps      []*tap
	onDigit   func(Digit)
	onTimeout func()
}

func newPort(e *Engine, name string, rtp, rtcp Conn) *Port {
	p := &Port{engine: e, id: e.ids.Add(1), name: name, rtp: rtp, rtcp: rtcp, gone: make(chan struct{})}
	p.inbox.moving = true // until it arrives at its shard
	p.out.init()
	p.describe()
	return p
}

// LocalAddr is the bound RTP address; its RTCP neighbour is one above.
func (p *Port) LocalAddr() netip.AddrPort { return p.rtp.LocalAddr() }

// Configure applies what an offer and answer settled, the first and every later
// one. SSRC, sequence numbers and timestamps sent go on; a changed Remote is
// latched to anew. It fails for a format or ptime that offhook does not have, or
// when the port is closed.
func (p *Port) Configure(params Params) error {
	params, err := params.validate()
	if err != nil {
		return err
	}
	if !p.inbox.post(func() { p.configure(params) }) {
		return ErrClosed
	}
	return nil
}

func (p *Port) configure(params Params) {
	if p.closed {
		return
	}
	old := p.params
	first := !p.configured
	p.params, p.configured = params, true
	if first || old.Format != params.Format {
		p.in.setFormat(params.Format)
		p.out.setFormat(params.Format)
		p.retune()
	}
	if first || old.Remote != params.Remote {
		p.in.latch.aim(params.Remote)
	}
	p.out.setPtime(params.Ptime)
	if params.Send && !old.Send {
		p.out.marker = true
	}
	if params.Receive && !old.Receive {
		p.in.watch(p.shard.now())
	}
	p.in.setInband(params.InbandDTMF)
	if first {
		p.reports.start(p.shard.now())
	}
	p.refresh()
}

// retune makes what depends on the port's rate anew.
func (p *Port) retune() {
	for _, t := range p.taps {
		t.tune(p.params.Format.SampleRate)
	}
	if p.seat != nil {
		p.seat.retune()
	}
}

// OnDigit sets who is told of each key press, once: at its end or after it was
// held for 40 ms. The callback runs on the shard and must not block; it may call
// the port's methods.
func (p *Port) OnDigit(f func(Digit)) { p.inbox.post(func() { p.onDigit = f }) }

// OnTimeout sets who is told when no packet came for Config.RTPTimeout although
// the peer should send; again only after packets came in between. The callback
// runs on the shard and must not block.
func (p *Port) OnTimeout(f func()) { p.inbox.post(func() { p.onTimeout = f }) }

// SetMute says whether the party is kept from being heard (by bridge and sinks)
// and from hearing (it gets silence).
func (p *Port) SetMute(said, heard bool) {
	p.inbox.post(func() {
		p.muteSaid, p.muteHeard = said, heard
		p.refresh()
	})
}

// Echo makes the party hear itself, as packets where nothing else needs audio.
// What plays and a bridge's audio come first.
func (p *Port) Echo(on bool) {
	p.inbox.post(func() {
		p.echo = on
		p.refresh()
	})
}

// Close ends all playbacks with ErrClosed, detaches the sinks, leaves the bridge
// and frees the port. It does not wait and may be called again.
func (p *Port) Close() { p.inbox.post(p.shut) }

func (p *Port) shut() {
	if p.closed {
		return
	}
	p.closed = true
	if p.seat != nil {
		p.stand()
	}
	p.setForward(nil)
	p.reports.bye(p)
	p.endAll()
	p.taps = nil
	p.shard.exit(p, p.slot)
	p.detach()
	p.shard.load.Add(-1)
	p.publish()
	for _, fn := range p.inbox.close() {
		fn() // ends playbacks that were to start
	}
	p.engine.forget(p)
}

// arrive takes the port onto shard s by itself, in a slot.
func (p *Port) arrive(s *shard, slot int) {
	p.attach(s)
	p.slot = slot
	s.enter(p, slot)
	p.inbox.settle(s)
}

// attach adds the sockets to the shard's set.
func (p *Port) attach(s *shard) {
	p.shard = s
	err := errors.Join(s.set.Add(p.rtp, (*rtpEnd)(p)), s.set.Add(p.rtcp, (*rtcpEnd)(p)))
	if err != nil {
		p.log().Error("adding RTP port to its shard", "error", err)
	}
}

func (p *Port) detach() {
	p.shard.set.Remove(p.rtp)
	p.shard.set.Remove(p.rtcp)
}

func (p *Port) log() *slog.Logger {
	return p.engine.config.Logger.With("port", p.name, "local", p.LocalAddr())
}

// refresh follows a change of what the port does: where its packets go, what its
// bridge makes of it, and its description.
func (p *Port) refresh() {
	if p.closed {
		return
	}
	if p.seat != nil {
		p.seat.group.changed = true
	} else if p.echo && p.transparent() {
		p.setForward(p)
	} else {
		p.setForward(nil)
	}
	p.describe()
}

// transparent tells whether packets may pass the port unchanged both ways:
// nothing plays, nobody listens and nothing is muted.
func (p *Port) transparent() bool {
	return p.configured && p.params.Send && p.params.Receive && !p.muteSaid && !p.muteHeard &&
		p.play == nil && len(p.over) == 0 && len(p.keying) == 0 && len(p.taps) == 0 && p.in.tones == nil
}

// resting tells whether all that the port does is to relay packets both ways, with
// no key held.
func (p *Port) resting() bool {
	return p.forward != nil && p.out.relayed > 0 && p.transparent() && !p.in.digits.Pending()
}

// tick implements ticker for a port that is in no bridge.
func (p *Port) tick(at instant) {
	p.begin(at)
	if p.echo && p.forward == nil && p.in.present {
		p.finish(at, p.in.frame)
		return
	}
	p.finish(at, nil)
}

// begin is the first half of a frame: what the party said.
func (p *Port) begin(at instant) {
	if !p.configured {
		return
	}
	if at >= p.reports.second {
		p.housekeep(at)
	}
	p.expireDigit(at)
	wanted := p.wantsSaid()
	if wanted != p.in.listening {
		p.in.setListening(wanted)
	}
	if wanted {
		p.listen(at)
	}
}

// wantsSaid tells whether anybody needs the party's audio decoded.
func (p *Port) wantsSaid() bool {
	return len(p.taps) > 0 || p.in.tones != nil || p.seat != nil && p.forward == nil || p.echo && p.forward == nil
}

// finish is the second half: what the party is to hear, nil for nothing from
// others, at the port's rate.
func (p *Port) finish(at instant, others []int16) {
	if !p.configured {
		return
	}
	if p.out.relayed > 0 && others == nil && p.transparent() {
		return // its packets come from another port
	}
	heard := p.shard.scratch.heard[:p.params.Format.SampleRate/50]
	sound := p.compose(heard, others)
	p.transmit(at, heard, sound)
	p.tap(heard)
}

// compose writes the frame that the party is to hear and tells whether there is
// any sound in it.
func (p *Port) compose(frame, others []int16) bool {
	rate := p.params.Format.SampleRate
	sound := p.playing(frame)
	if !sound && others != nil {
		copy(frame, others)
		sound = true
	} else if !sound {
		clear(frame)
	}
	for i := 0; i < len(p.over); {
		over := p.shard.scratch.over[:len(frame)]
		if !p.over[i].ReadFrame(over, rate) {
			p.over = append(p.over[:i], p.over[i+1:]...)
			p.refresh()
			continue
		}
		add(frame, over)
		sound = true
		i++
	}
	if p.muteHeard {
		clear(frame)
		return false
	}
	return sound
}

// playing writes what plays instead of the bridge's audio; false when nothing
// does. While digits are sent, the rest waits.
func (p *Port) playing(frame []int16) bool {
	if len(p.keying) > 0 && p.keyed(frame) {
		return true
	}
	if p.play == nil {
		return false
	}
	if p.play.ReadFrame(frame, p.params.Format.SampleRate) {
		return true
	}
	p.play = nil
	p.refresh()
	return false
}

// add mixes b into a, without hard edges at full scale.
func add(a, b []int16) {
	for i, v := range b {
		a[i] = Limit(int32(a[i]) + int32(v))
	}
}
