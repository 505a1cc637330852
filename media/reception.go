package media

import "time"

// reception keeps the books of one stream as RFC 3550 appendix A.1 and A.8 ask.
type reception struct {
	clock    int64
	known    bool
	ssrc     uint32
	base     uint32 // first extended sequence number
	highest  uint32 // extended
	seen     uint64 // bit i: highest-i has come
	received uint64 // without duplicates
	transit  int64
	jitter   float64 // in timestamp units
	// As of the last report.
	expectedPrior, receivedPrior uint64
}

// arrival says what a packet is to the stream.
type arrival int

const (
	inOrder arrival = iota
	reordered
	duplicate
	restarted // first of a stream, or after a jump
)

// maxDropout is the largest jump in sequence numbers that still is the same run.
const maxDropout = 3000

// add enters a packet that came at the instant given.
func (r *reception) add(ssrc uint32, seq uint16, ts uint32, at instant) arrival {
	if !r.known || ssrc != r.ssrc {
		r.restart(ssrc, seq, ts, at)
		return restarted
	}
	step := int32(int16(seq - uint16(r.highest)))
	switch {
	case step > 0 && step < maxDropout:
		r.highest += uint32(step)
		r.seen = r.seen<<uint(step) | 1 // a shift of 64 or more leaves none
	case step <= 0 && step > -64:
		bit := uint64(1) << uint(-step)
		if r.seen&bit != 0 {
			return duplicate
		}
		r.seen |= bit
		r.received++
		return reordered
	default:
		r.restart(ssrc, seq, ts, at)
		return restarted
	}
	r.received++
	r.measure(ts, at)
	return inOrder
}

// restart begins a new run; what was counted of the old one is kept in front.
func (r *reception) restart(ssrc uint32, seq uint16, ts uint32, at instant) {
	expected := r.expected()
	r.known, r.ssrc, r.seen = true, ssrc, 1
	r.highest = uint32(seq) + 1<<16
	r.base = r.highest - uint32(expected) // so that expected() goes on
	r.received++
	r.transit = r.units(at) - int64(ts)
}

// measure is the interarrival jitter of RFC 3550 section 6.4.1.
func (r *reception) measure(ts uint32, at instant) {
	transit := r.units(at) - int64(ts)
	d := int64(int32(uint32(transit - r.transit))) // timestamps wrap
	r.transit = transit
	if d < 0 {
		d = -d
	}
	r.jitter += (float64(d) - r.jitter) / 16
}

func (r *reception) units(at instant) int64 { return int64(at) / 1000 * r.clock / 1e6 }

// expected is how many packets the sequence numbers span.
func (r *reception) expected() uint64 {
	if !r.known {
		return 0
	}
	return uint64(r.highest-r.base) + 1
}

// lost is how many of them have not come; at least 0.
func (r *reception) lost() uint64 {
	if e := r.expected(); e > r.received {
		return e - r.received
	}
	return 0
}

// fraction is the share of packets lost since the last call, in 1/256.
func (r *reception) fraction() uint8 {
	expected, received := r.expected()-r.expectedPrior, r.received-r.receivedPrior
	r.expectedPrior, r.receivedPrior = r.expected(), r.received
	if expected == 0 || received >= expected {
		return 0
	}
	return uint8(min(255, (expected-received)*256/expected))
}

// jitterTime is the jitter as time.
func (r *reception) jitterTime() time.Duration {
	if r.clock == 0 {
		return 0
	}
	return time.Duration(r.jitter * float64(time.Second) / float64(r.clock))
}
