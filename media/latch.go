package media

import "net/netip"

// How many packets in sequence a source needs that is not the one announced.
const (
	strangerPackets = 3  // behind a NAT the true source is not the announced one
	formerPackets   = 25 // the source before a move: its last packets must not pull us back
)

// latch decides whose packets belong to the call. The announced address is
// accepted at once. Before it has sent anything, another source is accepted
// after three packets in sequence (symmetric RTP, RFC 4961); from then on it
// alone is, unless the announced address speaks up. A new announcement (re-INVITE)
// starts over.
type latch struct {
	announced netip.AddrPort
	source    netip.AddrPort // accepted; zero: none yet
	former    netip.AddrPort // accepted before the last announcement

	candidate netip.AddrPort
	ssrc      uint32
	seq       uint16
	count     int
}

// aim starts over with a new announced address.
func (l *latch) aim(announced netip.AddrPort) {
	former := l.source
	if !former.IsValid() {
		former = l.former
	}
	*l = latch{announced: announced, former: former}
}

// admit tells whether a packet belongs to the call.
func (l *latch) admit(from netip.AddrPort, ssrc uint32, seq uint16) bool {
	if from == l.source {
		return true
	}
	if from == l.announced {
		l.source = from
		return true
	}
	if l.source.IsValid() {
		return false
	}
	if from != l.candidate || ssrc != l.ssrc || seq != l.seq+1 {
		l.candidate, l.ssrc, l.count = from, ssrc, 0
	}
	l.seq = seq
	l.count++
	need := strangerPackets
	if from == l.former {
		need = formerPackets
	}
	if l.count < need {
		return false
	}
	l.source = from
	return true
}

// destination is where packets to the peer go.
func (l *latch) destination() netip.AddrPort {
	if l.source.IsValid() {
		return l.source
	}
	return l.announced
}
