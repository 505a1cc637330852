package sdp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	defaultPtime    = 20 * time.Millisecond
	eventNumber     = 101 // the number that everybody gives telephone-event
	eventParameters = "0-15"
)

// Agent is one side's RFC 3264 state of one session. Its methods may be called
// from any goroutine and never block. A failed call changes nothing.
type Agent struct {
	mu       sync.Mutex
	local    Local
	id       uint64
	version  uint64
	last     string // what was sent last, without its version
	numbers  numbers
	slots    []slot // the session's m= lines, in the order that never changes
	audio    int    // our stream's index in slots; -1 before the first description
	current  Codec  // agreed; zero before the first answer
	mux      bool   // agreed
	offered  Direction
	hasOffer bool
}

// slot is an m= line that is not ours, kept at port 0 (RFC 3264 section 8.2).
type slot struct {
	media, proto string
	formats      []string
}

// NewAgent returns the state of a new session. local's Codecs and Addr must be
// set before the first Offer or Answer.
func NewAgent(local Local) *Agent {
	if local.Ptime <= 0 {
		local.Ptime = defaultPtime
	}
	if local.SessionName == "" {
		local.SessionName = "-"
	}
	id := local.SessionID
	for id == 0 {
		// 53 bits: some peers read the number as a float.
		id = rand.Uint64() >> 11
	}
	local.Codecs = slices.Clone(local.Codecs)
	return &Agent{local: local, id: id, version: id, numbers: newNumbers(), audio: -1}
}

// SetAddr moves our end: later offers and answers name the new address.
func (a *Agent) SetAddr(rtp netip.AddrPort) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.local.Addr, a.local.RTCP = rtp, netip.AddrPort{}
}

// SetCodecs replaces what later offers and answers contain, best first.
func (a *Agent) SetCodecs(codecs []Codec) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.local.Codecs = slices.Clone(codecs)
}

// Offer returns a new offer with the given direction: an initial one, a
// re-offer, or the one that a peer's request without a body asks for. The codec
// in use comes first, so that a mere hold does not change it.
func (a *Agent) Offer(dir Direction) []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.audio < 0 {
		a.audio, a.slots = 0, []slot{{}}
	}
	a.offered, a.hasOffer = dir, true
	return a.write(section{
		codecs: a.offerCodecs(), direction: dir, ptime: a.local.Ptime, mux: a.mux, slots: a.slots, audio: a.audio,
	})
}

// offerCodecs lists our codecs, then a telephone-event for each of their clocks.
func (a *Agent) offerCodecs() []Codec {
	ordered := slices.Clone(a.local.Codecs)
	if i := slices.IndexFunc(ordered, func(c Codec) bool { return c.key() == a.current.key() }); i > 0 {
		ordered = slices.Insert(slices.Delete(ordered, i, i+1), 0, a.local.Codecs[i])
	}
	var out, digits []Codec
	for _, c := range ordered {
		number, ok := a.numbers.assign(c)
		if !ok {
			continue
		}
		c.PayloadType = number
		out = append(out, c)
		e := Codec{Name: telephoneEvent, PayloadType: eventNumber, ClockRate: c.ClockRate, Fmtp: eventParameters}
		if !a.local.TelephoneEvent || slices.ContainsFunc(digits, func(d Codec) bool { return d.ClockRate == e.ClockRate }) {
			continue
		}
		if e.PayloadType, ok = a.numbers.assign(e); ok {
			digits = append(digits, e)
		}
	}
	return append(out, digits...)
}

// Answer agrees to a peer's offer. dir is what we would like; the answer's
// direction is what both allow. The answer has one codec, the first of ours
// that the offer has, and keeps the offer's payload numbers. Every other m=
// line is refused with port 0 at its place. The error wraps ErrNotAcceptable
// or ErrSyntax, and then the session goes on as it was.
func (a *Agent) Answer(offer []byte, dir Direction) (answer []byte, m Media, err error) {
	d, err := parse(offer)
	if err != nil {
		return nil, Media{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(d.streams) < len(a.slots) {
		return nil, Media{}, fmt.Errorf("%w: offer has %d m= lines, the session has %d", ErrNotAcceptable, len(d.streams), len(a.slots))
	}
	i, err := a.pick(d.streams)
	if err != nil {
		return nil, Media{}, err
	}
	s := &d.streams[i]
	sec := section{slots: slots(d.streams), audio: i, timing: d.timing, ptime: a.local.Ptime}
	if s.port == 0 {
		m = Media{Codec: a.current, Direction: Inactive, Held: dir.Sends(), Ptime: a.local.Ptime}
		sec.closed = true
	} else {
		var event Codec
		if m, event, err = a.agree(s, a.local.Codecs, dir); err != nil {
			return nil, Media{}, err
		}
		sec.codecs, sec.direction, sec.ptime, sec.mux = []Codec{m.Codec}, m.Direction, m.Ptime, m.RTCPMux
		if m.EventPayloadType != 0 {
			event.Fmtp = eventParameters
			sec.codecs = append(sec.codecs, event)
		}
		a.numbers.learn(s.codecs())
		a.current, a.mux = m.Codec, m.RTCPMux
	}
	a.slots, a.audio = sec.slots, i
	return a.write(sec), m, nil
}

// pick returns the index of the m= line to use: the one in use as long as it is
// good, else the first good one. A session whose peer closes every stream
// keeps its own line at port 0.
func (a *Agent) pick(streams []stream) (int, error) {
	if a.audio >= 0 && a.acceptable(&streams[a.audio]) == nil {
		return a.audio, nil
	}
	var why error
	open := false
	for i := range streams {
		open = open || streams[i].port != 0
		err := a.acceptable(&streams[i])
		if err == nil {
			return i, nil
		}
		if why == nil || streams[i].media == "audio" {
			why = err
		}
	}
	switch {
	case a.current.Name != "" && !open:
		return a.audio, nil
	case why == nil:
		why = fmt.Errorf("%w: no m= line", ErrNotAcceptable)
	}
	return 0, why
}

// acceptable says what speaks against a stream.
func (a *Agent) acceptable(s *stream) error {
	switch {
	case s.media != "audio":
		return fmt.Errorf("%w: m=%s is not audio", ErrNotAcceptable, clip(s.media))
	case s.port == 0:
		return fmt.Errorf("%w: audio stream with port 0", ErrNotAcceptable)
	case s.proto != "RTP/AVP" && s.proto != "RTP/AVPF":
		return fmt.Errorf("%w: transport %s, only RTP/AVP is spoken", ErrNotAcceptable, clip(s.proto))
	}
	if _, ok := choose(a.local.Codecs, s.codecs()); !ok {
		return fmt.Errorf("%w: no common codec, offered %s", ErrNotAcceptable, names(s.codecs()))
	}
	ip, err := s.addr()
	if err != nil {
		return err
	}
	if ours := a.local.Addr.Addr(); ours.IsValid() && !ip.Addr().IsUnspecified() && ip.Addr().Is4() != ours.Unmap().Is4() {
		return fmt.Errorf("%w: media address %s is of another IP version than ours", ErrNotAcceptable, ip.Addr())
	}
	return nil
}

// agree computes the media, and the telephone-event format, that an open stream
// leads to when ours are preferred in their order.
func (a *Agent) agree(s *stream, ours []Codec, dir Direction) (Media, Codec, error) {
	remote, err := s.addr()
	if err != nil {
		return Media{}, Codec{}, err
	}
	theirs := s.direction
	if remote.Addr().IsUnspecified() {
		// The old way of holding: the peer takes nothing (RFC 3264 section 8.4).
		theirs = theirs.And(SendOnly)
	}
	codec, ok := choose(ours, s.codecs())
	if !ok {
		return Media{}, Codec{}, fmt.Errorf("%w: no common codec, offered %s", ErrNotAcceptable, names(s.codecs()))
	}
	m := Media{
		Remote: remote, Codec: codec, Direction: dir.And(theirs.Mirror()),
		Held: dir.Sends() && !theirs.Receives(), Ptime: packetTime(a.local.Ptime, s), RTCPMux: s.mux,
	}
	m.RemoteRTCP = s.rtcpAddr(remote, m.RTCPMux)
	var event Codec
	if a.local.TelephoneEvent {
		if event, ok = events(codec, s.codecs()); ok {
			m.EventPayloadType = event.PayloadType
		}
	}
	return m, event, nil
}

// packetTime is the peer's wish, else ours, and never above the peer's limit.
func packetTime(ours time.Duration, s *stream) time.Duration {
	p := ours
	if s.ptime > 0 {
		p = s.ptime
	}
	if s.maxptime > 0 && p > s.maxptime {
		p = s.maxptime
		if p > 10*time.Millisecond {
			p -= p % (10 * time.Millisecond)
		}
	}
	return p
}

// Accept completes our last offer with the peer's answer. It may be called
// again for the same offer, as forks and a 200 after a 183 do. An answer that
// refuses the audio stream gives an error that wraps ErrNotAcceptable.
func (a *Agent) Accept(answer []byte) (Media, error) {
	d, err := parse(answer)
	if err != nil {
		return Media{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.hasOffer {
		return Media{}, ErrNoOffer
	}
	if len(d.streams) <= a.audio {
		return Media{}, fmt.Errorf("%w: answer has %d m= lines, the offer had %d", ErrNotAcceptable, len(d.streams), len(a.slots))
	}
	s := &d.streams[a.audio]
	if s.media == "audio" && s.port == 0 {
		return Media{}, fmt.Errorf("%w: the peer refused the audio stream", ErrNotAcceptable)
	}
	if err := a.acceptable(s); err != nil {
		return Media{}, err
	}
	s.mux = s.mux && a.mux // only what was offered can be agreed to
	m, _, err := a.agree(s, theirOrder(a.local.Codecs, s.codecs()), a.offered)
	if err != nil {
		return Media{}, err
	}
	a.current, a.mux = m.Codec, m.RTCPMux
	return m, nil
}
