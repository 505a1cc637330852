package campaign

import (
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"offhook/resource"
)

// gate is a window that remembers until when its state holds.
type gate struct {
	w            *Window
	from, change time.Time // the state holds from one to the other
	open         bool
}

// at tells whether the window is open at a time, and when that changes; the
// zero time: never.
func (g *gate) at(now time.Time) (open bool, change time.Time) {
	stale := g.from.IsZero() || now.Before(g.from) || !g.change.IsZero() && !now.Before(g.change)
	if stale {
		g.from, g.open, g.change = now, g.w.Open(now), g.w.Change(now)
	}
	return g.open, g.change
}

// opens returns when all gates are open: now, or the first time that may be so.
func opens(gates []*gate, now time.Time) time.Time {
	at := now
	for _, g := range gates {
		if open, change := g.at(now); !open && change.After(at) {
			at = change
		}
	}
	return at
}

// clocks knows the calling hours of numbers: one gate for each time zone.
type clocks struct {
	hours *resource.Hours
	zones map[string][]*gate // by the names of the zones
	gates map[string]*gate
}

func newClocks(h *resource.Hours) *clocks {
	return &clocks{hours: h, zones: map[string][]*gate{}, gates: map[string]*gate{}}
}

// of returns the hours of an address: those of its number's time zone, or of
// all zones that it may be in. What is no number with a known place has none.
func (c *clocks) of(a *resource.Address) []*gate {
	if c == nil || c.hours == nil || a == nil || a.Type != resource.TypeTel {
		return nil
	}
	number, err := phonenumbers.Parse(resource.PlainNumber(a.Target), "ZZ")
	if err != nil {
		return nil
	}
	zones, err := phonenumbers.GetTimezonesForNumber(number)
	if err != nil {
		return nil
	}
	key := strings.Join(zones, " ")
	list, known := c.zones[key]
	if !known {
		for _, zone := range zones {
			if g := c.gate(zone); g != nil {
				list = append(list, g)
			}
		}
		c.zones[key] = list
	}
	return list
}

// gate returns the hours in a time zone; nil when there is no such zone.
func (c *clocks) gate(zone string) *gate {
	g, known := c.gates[zone]
	if known {
		return g
	}
	w, err := NewWindow(&resource.Schedule{Timezone: zone, StartTime: c.hours.StartTime, EndTime: c.hours.EndTime})
	if err == nil {
		g = &gate{w: w}
	}
	c.gates[zone] = g
	return g
}
