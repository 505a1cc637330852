package media

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/rtcp"
)

// reportEvery is RTCP's mean interval (RFC 3550 section 6.2); each one is
// between half and one and a half of it.
const reportEvery = 5 * time.Second

// reports is a port's RTCP.
type reports struct {
	second   instant // when the port's figures are brought up to date next
	next     instant // when the next report is due
	reported uint32  // packets sent by the last one
	source   netip.AddrPort
	lastSR   uint32 // middle bits of the peer's last sender report (RFC 3550: LSR)
	cameSR   instant
}

func (r *reports) start(at instant) {
	r.second = at
	r.schedule(at)
}

func (r *reports) schedule(at instant) {
	r.next = at + instant(float64(reportEvery)*(0.5+rand.Float64()))
}

// housekeep is what a port does each second.
func (p *Port) housekeep(at instant) {
	p.reports.second = at + instant(time.Second)
	p.publish()
	if p.params.Receive && !p.in.timedOut && time.Duration(at-p.in.lastCame) >= p.engine.config.RTPTimeout {
		p.in.timedOut = true
		if p.onTimeout != nil {
			p.onTimeout()
		}
	}
	if at >= p.reports.next {
		p.reports.schedule(at)
		p.report(at)
	}
}

// report sends a sender or receiver report with SDES.
func (p *Port) report(at instant) {
	if !p.in.stream.known && p.out.packets == 0 {
		return
	}
	packets := []rtcp.Packet{p.compound(at), p.describeSource()}
	p.sendReports(packets)
}

func (p *Port) compound(at instant) rtcp.Packet {
	var blocks []rtcp.ReceptionReport
	if p.in.stream.known {
		blocks = append(blocks, p.receptionReport(at))
	}
	o := &p.out
	if o.packets == p.reports.reported {
		return &rtcp.ReceiverReport{SSRC: o.ssrc, Reports: blocks}
	}
	p.reports.reported = o.packets
	since := time.Duration(at - o.lastAt)
	elapsed := int64(since) / 1000 * int64(p.params.Format.ClockRate) / 1e6
	return &rtcp.SenderReport{
		SSRC: o.ssrc, NTPTime: p.ntp(at), RTPTime: o.lastTS + uint32(elapsed),
		PacketCount: o.packets, OctetCount: o.octets, Reports: blocks,
	}
}

func (p *Port) receptionReport(at instant) rtcp.ReceptionReport {
	s := &p.in.stream
	b := rtcp.ReceptionReport{
		SSRC: s.ssrc, FractionLost: s.fraction(), TotalLost: uint32(min(s.lost(), 0x7fffff)),
		LastSequenceNumber: s.highest - 1<<16, Jitter: uint32(s.jitter),
	}
	if p.reports.lastSR != 0 {
		b.LastSenderReport = p.reports.lastSR
		b.Delay = uint32(int64(at-p.reports.cameSR) * 65536 / int64(time.Second))
	}
	return b
}

func (p *Port) describeSource() rtcp.Packet {
	return rtcp.NewCNAMESourceDescription(p.out.ssrc, fmt.Sprintf("%08x@%s", p.id, p.LocalAddr().Addr()))
}

// ntp is the instant in NTP's format: seconds since 1900 in 32.32 bits.
func (p *Port) ntp(at instant) uint64 {
	const since1900 = 2208988800
	t := p.engine.epoch.Add(time.Duration(at))
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

// bye says that the stream ends (RFC 3550 section 6.6).
func (r *reports) bye(p *Port) {
	if !p.configured || p.out.packets == 0 {
		return
	}
	at := p.shard.now()
	p.sendReports([]rtcp.Packet{p.compound(at), p.describeSource(), &rtcp.Goodbye{Sources: []uint32{p.out.ssrc}}})
}

// sendReports sends a compound packet. Reports are rare: they may allocate.
func (p *Port) sendReports(packets []rtcp.Packet) {
	to := p.reports.destination(p)
	if to.Port() == 0 {
		return
	}
	b, err := rtcp.Marshal(packets)
	if err != nil {
		p.log().Error("writing an RTCP report", "error", err)
		return
	}
	c := p.rtcp
	if to == p.in.latch.destination() {
		c = p.rtp // multiplexed
	}
	if err := c.WriteTo(b, to); err != nil {
		p.gauges.unsent.add(1)
	}
}

// destination is where reports go: to the source of the peer's, else next to its
// RTP when that comes from elsewhere than announced, else as announced.
func (r *reports) destination(p *Port) netip.AddrPort {
	announced, actual := p.params.Remote, p.in.latch.destination()
	switch {
	case p.params.RemoteRTCP == announced:
		return actual
	case r.source.IsValid() && r.source.Addr() == actual.Addr():
		return r.source
	case actual != announced && actual.Port() < 65535:
		return netip.AddrPortFrom(actual.Addr(), actual.Port()+1)
	}
	return p.params.RemoteRTCP
}

// Receive implements Receiver for RTCP.
func (e *rtcpEnd) Receive(packet []byte, from netip.AddrPort) {
	p := (*Port)(e)
	if p.configured {
		p.receiveReport(packet, from)
	}
}

// receiveReport takes a compound packet from the party's host.
func (p *Port) receiveReport(packet []byte, from netip.AddrPort) {
	if from != p.params.RemoteRTCP && from.Addr() != p.in.latch.destination().Addr() {
		p.gauges.strange.add(1)
		return
	}
	packets, err := rtcp.Unmarshal(packet)
	if err != nil {
		p.gauges.invalid.add(1)
		return
	}
	at := p.shard.now()
	for _, packet := range packets {
		switch r := packet.(type) {
		case *rtcp.SenderReport:
			if p.in.stream.known && r.SSRC == p.in.stream.ssrc {
				p.reports.lastSR, p.reports.cameSR = uint32(r.NTPTime>>16), at
			}
			p.learn(r.Reports, from, at)
		case *rtcp.ReceiverReport:
			p.learn(r.Reports, from, at)
		}
	}
}

// learn reads what the peer says of our stream.
func (p *Port) learn(blocks []rtcp.ReceptionReport, from netip.AddrPort, at instant) {
	for _, b := range blocks {
		if b.SSRC != p.out.ssrc {
			continue
		}
		p.reports.source = from // knows our SSRC: it hears us
		g := &p.gauges
		g.lostThere.v.Store(int64(signed24(b.TotalLost)))
		g.jitterThere.v.Store(int64(b.Jitter) * int64(time.Second) / int64(p.params.Format.ClockRate))
		if b.LastSenderReport == 0 {
			continue
		}
		// RFC 3550 section 6.4.1: now less LSR less DLSR, in 1/65536 s.
		round := int32(uint32(p.ntp(at)>>16) - b.LastSenderReport - b.Delay)
		if round >= 0 && round < 60<<16 {
			g.rtt.v.Store(int64(round) * int64(time.Second) >> 16)
		}
	}
}

// signed24 reads the cumulative loss, which may be negative.
func signed24(v uint32) int32 { return int32(v<<8) >> 8 }
