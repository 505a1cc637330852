package jitter

import "time"

// How arrivals are judged.
const (
	bin       = 5 * time.Millisecond
	bins      = 64
	remember  = 1 / 0.995 // a packet counts half after 140 packets
	share     = 0.98      // of the packets are to come in time
	evaluate  = 16        // packets between two evaluations
	window    = 5 * time.Second
	maxWeight = 1e12
)

// arrivals learns how unevenly packets arrive: the delay of each above the
// quickest of the last seconds, in a histogram that forgets.
type arrivals struct {
	known         bool
	now, before   time.Duration // the quickest transit in this window and the one before
	windowEnd     time.Duration
	weight, total float64
	counts        [bins]float64
	count         int
	wait          time.Duration // what share of the packets need
}

// restart forgets the timeline, but not how uneven the path is.
func (a *arrivals) restart() { a.known = false }

// add takes the transit time (arrival less timestamp) of a packet.
func (a *arrivals) add(transit, at time.Duration) {
	if !a.known {
		a.known = true
		a.now, a.before, a.windowEnd = transit, transit, at+window
	}
	if at >= a.windowEnd {
		// Two windows follow a clock that drifts against ours.
		a.before, a.now, a.windowEnd = a.now, transit, at+window
	}
	a.now = min(a.now, transit)
	if a.weight == 0 {
		a.weight = 1
	}
	excess := transit - a.quickest(0)
	a.counts[min(bins-1, int(excess/bin))] += a.weight
	a.total += a.weight
	if a.weight *= remember; a.weight > maxWeight {
		a.scale()
	}
	if a.count++; a.count%evaluate == 0 || a.count < evaluate {
		a.evaluate()
	}
}

// scale keeps the growing weights within what a float64 tells apart.
func (a *arrivals) scale() {
	for i := range a.counts {
		a.counts[i] /= a.weight
	}
	a.total /= a.weight
	a.weight = 1
}

func (a *arrivals) evaluate() {
	sum := 0.0
	for i, c := range a.counts {
		if sum += c; sum >= share*a.total {
			a.wait = time.Duration(i+1) * bin
			return
		}
	}
}

// quickest is the least transit time of the last seconds, or unknown.
func (a *arrivals) quickest(unknown time.Duration) time.Duration {
	if !a.known {
		return unknown
	}
	return min(a.now, a.before)
}

// spread is the delay that lets most packets come in time.
func (a *arrivals) spread() time.Duration { return a.wait }
