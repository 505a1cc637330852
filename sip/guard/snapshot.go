package guard

import (
	"maps"
	"net/netip"
	"slices"
	"time"
)

// Snapshot is the guard's state for metrics. Counters never fall.
type Snapshot struct {
	Sources int               // remembered
	Slowed  int               // whose answers are delayed now
	Ignored int               // dropped now
	Dropped uint64            // packets not read, by Allow
	Delayed uint64            // answers held back, by Delay
	Evicted uint64            // sources forgotten for want of room
	Faults  map[string]uint64 // by kind
}

// Snapshot counts. It looks at every source, so ask for it now and then.
func (g *Guard) Snapshot() Snapshot {
	out := Snapshot{
		Dropped: g.dropped.Load(), Delayed: g.delayed.Load(), Evicted: g.evicted.Load(), Faults: map[string]uint64{},
	}
	for k := range kinds {
		out.Faults[k.String()] = g.faults[k].Load()
	}
	now := time.Now()
	g.mu.RLock()
	defer g.mu.RUnlock()
	out.Sources = len(g.sources)
	for _, s := range g.sources {
		switch {
		case now.Before(s.until):
			out.Ignored++
		case g.fallen(s, now) > g.options.SlowAbove:
			out.Slowed++
		}
	}
	return out
}

// Ignored lists who is ignored now, in order.
func (g *Guard) Ignored() []netip.Addr {
	now := time.Now()
	g.mu.RLock()
	defer g.mu.RUnlock()
	out := map[netip.Addr]bool{}
	for id, s := range g.sources {
		if now.Before(s.until) {
			out[id] = true
		}
	}
	return slices.SortedFunc(maps.Keys(out), netip.Addr.Compare)
}
