package media

import (
	"fmt"
	"strings"
	"sync/atomic"
	"time"
)

// counter is written by the shard alone and read by anybody.
type counter struct{ v atomic.Int64 }

func (c *counter) add(n int64) { c.v.Store(c.v.Load() + n) }

// gauges are a port's figures as others may read them.
type gauges struct {
	sent, sentBytes, unsent                      counter
	received, receivedBytes                      counter
	late, duplicate, strange, invalid, concealed counter
	lost, lostThere                              counter
	jitter, jitterThere, rtt, delay              counter // nanoseconds
}

// Traffic is one direction of a port's audio.
type Traffic struct {
	Packets uint64
	Bytes   uint64 // of payload
	Lost    uint64 // packets that never came
	Jitter  time.Duration
	MOS     float64 // estimated by the E-model (ITU-T G.107), 1 to 4.5; 0 before the first packet
}

// Stats are a port's figures so far.
type Stats struct {
	Received  Traffic
	Sent      Traffic // Lost and Jitter as the peer reports them by RTCP
	Late      uint64  // came after their time, not played
	Duplicate uint64  // came again
	Stranger  uint64  // from others than the party, ignored
	Invalid   uint64  // no RTP, or a payload type that was not agreed on
	Concealed uint64  // gaps filled for want of a packet
	Unsent    uint64  // the socket refused
	RTT       time.Duration
	Delay     time.Duration // of the jitter buffer
}

// Stats reads the port's figures; also after Close. Lost, Jitter and Delay are at
// most a second old.
func (p *Port) Stats() Stats {
	g := &p.gauges
	u := func(c *counter) uint64 { return uint64(max(0, c.v.Load())) }
	d := func(c *counter) time.Duration { return time.Duration(c.v.Load()) }
	s := Stats{
		Received:  Traffic{Packets: u(&g.received), Bytes: u(&g.receivedBytes), Lost: u(&g.lost), Jitter: d(&g.jitter)},
		Sent:      Traffic{Packets: u(&g.sent), Bytes: u(&g.sentBytes), Lost: u(&g.lostThere), Jitter: d(&g.jitterThere)},
		Late:      u(&g.late),
		Duplicate: u(&g.duplicate),
		Stranger:  u(&g.strange),
		Invalid:   u(&g.invalid),
		Concealed: u(&g.concealed),
		Unsent:    u(&g.unsent),
		RTT:       d(&g.rtt),
		Delay:     d(&g.delay),
	}
	if s.Received.Packets > 0 {
		lost := float64(s.Received.Lost+s.Late) / float64(s.Received.Packets+s.Received.Lost)
		s.Received.MOS = mos(lost, s.RTT/2+s.Delay)
	}
	if s.Sent.Packets > 0 {
		// The peer's jitter buffer is not known: twice its jitter is usual.
		lost := float64(s.Sent.Lost) / float64(s.Sent.Packets+1)
		s.Sent.MOS = mos(lost, s.RTT/2+2*s.Sent.Jitter)
	}
	return s
}

// mos is the E-model's estimate (ITU-T G.107) for G.711 with concealment of
// random loss (Bpl 25.1, G.113 appendix I), with all other parameters at their
// defaults; G.722 is rated on the same scale.
func mos(lost float64, delay time.Duration) float64 {
	const (
		defaults = 93.2
		bpl      = 25.1
		coding   = 20 * time.Millisecond // packetisation
	)
	ms := float64(delay+coding) / float64(time.Millisecond)
	r := defaults - 0.024*ms
	if ms > 177.3 {
		r -= 0.11 * (ms - 177.3)
	}
	ppl := 100 * min(1, max(0, lost))
	r -= 95 * ppl / (ppl + bpl)
	if r <= 0 {
		return 1
	}
	return min(4.5, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}

// publish brings the figures that are not counted packet by packet up to date.
func (p *Port) publish() {
	g := &p.gauges
	g.lost.v.Store(int64(p.in.stream.lost()))
	g.jitter.v.Store(int64(p.in.stream.jitterTime()))
	if p.in.listening {
		g.delay.v.Store(int64(p.in.buffer.Delay()))
	} else {
		g.delay.v.Store(0)
	}
}

// descriptionPointer holds what Describe shows, written by the shard.
type descriptionPointer struct{ atomic.Pointer[description] }

// description is the way of the audio around the port's group, whose technique
// changes without the port's doing.
type description struct {
	head, tail string
	group      *Group // nil: none
}

// Describe shows the way of the audio, for instance
// "rtp 127.0.0.1:4000 -> jitter 40ms -> PCMU -> bridge [wav]".
func (p *Port) Describe() string {
	d := p.description.Load()
	text := d.head
	if delay := time.Duration(p.gauges.delay.v.Load()); delay > 0 {
		text = strings.Replace(text, "jitter", "jitter "+delay.Round(time.Millisecond).String(), 1)
	}
	if d.group != nil {
		text += " -> " + d.group.name()
	}
	return text + d.tail
}

// describe writes the description anew.
func (p *Port) describe() {
	var head, tail strings.Builder
	fmt.Fprintf(&head, "rtp %s", p.LocalAddr())
	switch {
	case !p.configured:
		head.WriteString(" (not connected)")
	case p.forward == p:
		fmt.Fprintf(&head, " -> %s packets -> echo", p.params.Format.Name)
	case p.forward != nil:
		fmt.Fprintf(&head, " -> %s packets -> rtp %s", p.params.Format.Name, p.forward.LocalAddr())
	case p.wantsSaid():
		fmt.Fprintf(&head, " -> jitter -> %s", p.params.Format.Name)
	default:
		head.WriteString(" -> " + p.params.Format.Name)
	}
	for _, t := range p.taps {
		fmt.Fprintf(&tail, " [%s]", sinkName(t.sink))
	}
	if p.play != nil {
		tail.WriteString(" <- playing")
	}
	d := &description{head: head.String(), tail: tail.String()}
	if p.seat != nil {
		d.group = p.seat.group
	}
	p.description.Store(d)
}

// name is the mixer's name if it has one.
func (g *Group) name() string {
	if n, ok := g.mixer.(fmt.Stringer); ok {
		return n.String()
	}
	return "bridge"
}

// sinkName is the sink's own name, or its type's.
func sinkName(s Sink) string {
	if n, ok := s.(fmt.Stringer); ok {
		return n.String()
	}
	name := fmt.Sprintf("%T", s)
	return name[strings.LastIndexByte(name, '.')+1:]
}
