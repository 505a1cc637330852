package dtmf

import "time"

// ends is how often the last packet is sent (RFC 4733 section 2.5.1.4).
const ends = 3

// maxSegment is the longest duration of one timestamp.
const maxSegment = 0xffff

// Packet is an event to be sent.
type Packet struct {
	Event     Event
	Marker    bool
	Timestamp uint32
	Send      bool // false: nothing is sent in this frame
}

// Sender sends keys, one packet a frame of 20 ms: what Next returns replaces the
// audio of that frame. The zero Sender has nothing to send.
type Sender struct {
	keys    []uint8
	on, gap int // frames
	at      int // frames since the press began
	frame   uint32
	start   uint32
	first   bool
}

// NewSender makes a sender of the digits, each held for on with gap after it
// (at least 40 ms each, in whole frames), for timestamps of clockRate units a
// second. What is no key is left out.
func NewSender(digits string, on, gap time.Duration, clockRate int) *Sender {
	const frame = 20 * time.Millisecond
	s := &Sender{on: frames(on, frame), gap: frames(gap, frame), frame: uint32(clockRate / 50)}
	for i := range len(digits) {
		if code, ok := Code(digits[i]); ok {
			s.keys = append(s.keys, code)
		}
	}
	return s
}

func frames(d, frame time.Duration) int { return max(2, int((d+frame/2)/frame)) }

// Next is the packet of the frame that begins at timestamp ts; over says that
// all is sent and the frame is free.
func (s *Sender) Next(ts uint32) (p Packet, over bool) {
	if len(s.keys) == 0 {
		return Packet{}, true
	}
	if s.at == 0 {
		s.start, s.first = ts, true
	}
	s.at++
	lasted := uint32(s.at) * s.frame
	if s.at <= s.on && ts+s.frame-s.start > maxSegment {
		// RFC 4733 section 2.5.1.3: the next segment goes on where this ended.
		s.start = ts
	}
	switch {
	case s.at <= s.on:
		p = s.packet(ts+s.frame-s.start, s.at == s.on)
	case s.at < s.on+ends:
		p = s.packet(s.end(ts), true) // the end again
	}
	if lasted >= uint32(s.on+s.gap)*s.frame {
		s.keys, s.at = s.keys[1:], 0
	}
	return p, false
}

// end is the duration of the last segment, seen from a frame of the gap.
func (s *Sender) end(ts uint32) uint32 {
	return ts + s.frame - s.start - uint32(s.at-s.on)*s.frame
}

func (s *Sender) packet(duration uint32, end bool) Packet {
	marker := s.first
	s.first = false
	return Packet{
		Event:  Event{Code: s.keys[0], End: end, Volume: 10, Duration: uint16(duration)},
		Marker: marker, Timestamp: s.start, Send: true,
	}
}
