// Package guard slows down and then ignores those who try passwords and users.
//
// Every source has a level that faults raise and time lowers. Above a first
// threshold its answers are delayed, longer with each fault; above a second it
// is ignored for a while, longer each time. Sources that the caller trusts
// (trunks, registered phones) are never touched.
package guard

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what a source did wrong.
type Kind int

// The kinds of fault, and what each weighs: a phone with an old password must
// not end like a scanner.
const (
	BadDigest   Kind = iota // wrong password: 1
	UnknownUser             // credentials for, or a call to, somebody who does not exist: 2
	Malformed               // what cannot be read: 1
	Refused                 // asked who it is, and never answered: 2
	Scanner                 // a tool that says its name: 10
	kinds
)

var weights = [kinds]float64{1, 2, 1, 2, 10}

// String names the kind as metrics label it.
func (k Kind) String() string {
	if k < 0 || k >= kinds {
		return "other"
	}
	return [...]string{"bad_digest", "unknown_user", "malformed", "refused", "scanner"}[k]
}

// Options configures a Guard; zero values take the defaults given.
type Options struct {
	Trust       func(netip.Addr) bool // sources never slowed nor ignored; must be quick
	SlowAbove   float64               // level above which answers are delayed: 5
	IgnoreAbove float64               // level above which a source is ignored: 30
	FirstDelay  time.Duration         // doubled with each further fault's weight: 250 ms
	MaxDelay    time.Duration         // 8 s: a client transaction lives 32 s
	IgnoreFor   time.Duration         // the first time, then doubled: 10 min
	MaxIgnore   time.Duration         // 24 h
	Relief      time.Duration         // in which the level falls by one: 30 s
	Forget      time.Duration         // without a fault after which a source's past is dropped: 6 h
	MaxSources  int                   // remembered at the same time: 50,000
	Logger      *slog.Logger          // slog.Default()
}

// Guard is safe for concurrent use; no method blocks.
type Guard struct {
	options Options

	mu      sync.RWMutex
	sources map[netip.Addr]*source

	ignored atomic.Int64 // sources being ignored; lets Allow skip the map
	dropped atomic.Uint64
	delayed atomic.Uint64
	evicted atomic.Uint64
	faults  [kinds]atomic.Uint64
}

// source is what is known of one address.
type source struct {
	level   float64
	at      time.Time // of level
	until   time.Time // ignored until; zero: not ignored
	strikes int       // times ignored
}

// New returns a guard that suspects nobody.
func New(o Options) *Guard {
	number := func(v *float64, def float64) {
		if *v <= 0 {
			*v = def
		}
	}
	duration := func(v *time.Duration, def time.Duration) {
		if *v <= 0 {
			*v = def
		}
	}
	number(&o.SlowAbove, 5)
	number(&o.IgnoreAbove, 30)
	duration(&o.FirstDelay, 250*time.Millisecond)
	duration(&o.MaxDelay, 8*time.Second)
	duration(&o.IgnoreFor, 10*time.Minute)
	duration(&o.MaxIgnore, 24*time.Hour)
	duration(&o.Relief, 30*time.Second)
	duration(&o.Forget, 6*time.Hour)
	if o.MaxSources <= 0 {
		o.MaxSources = 50_000
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Trust == nil {
		o.Trust = func(netip.Addr) bool { return false }
	}
	return &Guard{options: o, sources: map[netip.Addr]*source{}}
}

// key is the unit of suspicion: an IPv4 address, or an IPv6 network of 64 bits,
// which one host has as many addresses of as it likes.
func key(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// Allow tells whether to read what comes from src; false means drop it without
// an answer. It is meant for every packet and costs next to nothing while
// nobody is ignored.
func (g *Guard) Allow(src netip.AddrPort) bool {
	if g.ignored.Load() == 0 {
		return true
	}
	now := time.Now()
	id := key(src.Addr())
	g.mu.RLock()
	s := g.sources[id]
	ignored := s != nil && now.Before(s.until)
	over := s != nil && !ignored && !s.until.IsZero()
	g.mu.RUnlock()
	switch {
	case over:
		g.readmit(id, now)
		return true
	case !ignored, g.options.Trust(src.Addr().Unmap()):
		return true
	}
	g.dropped.Add(1)
	return false
}

func (g *Guard) readmit(id netip.Addr, now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if s := g.sources[id]; s != nil {
		g.release(s, now)
	}
}

// release ends a time of being ignored that is over. The level is then that of a
// source which is slowed at its next fault.
func (g *Guard) release(s *source, now time.Time) {
	if !s.until.IsZero() && !now.Before(s.until) {
		s.until, s.level, s.at = time.Time{}, g.options.SlowAbove, now
		g.ignored.Add(-1)
	}
}

// Fault notes what a source did wrong.
func (g *Guard) Fault(src netip.AddrPort, kind Kind) {
	if kind < 0 || kind >= kinds {
		return
	}
	g.faults[kind].Add(1)
	if !src.Addr().IsValid() || g.options.Trust(src.Addr().Unmap()) {
		return
	}
	now, id := time.Now(), key(src.Addr())
	g.mu.Lock()
	s := g.sources[id]
	if s == nil {
		g.room(now)
		s = &source{at: now}
		g.sources[id] = s
	}
	g.release(s, now)
	before := g.fallen(s, now)
	s.level, s.at = before+weights[kind], now
	slowed := before <= g.options.SlowAbove && s.level > g.options.SlowAbove
	var banned time.Duration
	if s.level > g.options.IgnoreAbove && s.until.IsZero() {
		banned = min(g.options.IgnoreFor<<min(s.strikes, 20), g.options.MaxIgnore)
		s.strikes++
		s.until = now.Add(banned)
		g.ignored.Add(1)
	}
	g.mu.Unlock()
	if banned > 0 {
		g.options.Logger.Warn("sip source ignored", "source", id, "for", banned, "last_fault", kind.String())
	} else if slowed {
		g.options.Logger.Warn("sip source slowed", "source", id, "last_fault", kind.String())
	}
}

// Good notes that a source has proved who it is: what it did before were
// mistakes of typing.
func (g *Guard) Good(src netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.drop(key(src.Addr()))
}

// Delay returns how long to wait before a refusal is sent to src: zero for
// those who are not slowed.
func (g *Guard) Delay(src netip.AddrPort) time.Duration {
	if g.options.Trust(src.Addr().Unmap()) {
		return 0
	}
	g.mu.RLock()
	level := 0.0
	if s := g.sources[key(src.Addr())]; s != nil {
		level = g.fallen(s, time.Now())
	}
	g.mu.RUnlock()
	over := level - g.options.SlowAbove
	if over <= 0 {
		return 0
	}
	g.delayed.Add(1)
	// Within the level's few dozen steps this cannot overflow.
	return min(g.options.FirstDelay<<min(int(over), 20), g.options.MaxDelay)
}

// fallen is a source's level now.
func (g *Guard) fallen(s *source, now time.Time) float64 {
	return max(0, s.level-float64(now.Sub(s.at))/float64(g.options.Relief))
}

// room makes place for one more source: first by dropping whom there is nothing
// left to hold against, then the least suspect of a few taken at random. An
// attacker with many addresses can so make us forget others, but not grow.
func (g *Guard) room(now time.Time) {
	if len(g.sources) < g.options.MaxSources {
		return
	}
	for id, s := range g.sources {
		if now.Before(s.until) || g.fallen(s, now) > 0 || s.strikes > 0 && now.Sub(s.at) < g.options.Forget {
			continue
		}
		g.drop(id)
	}
	if len(g.sources) < g.options.MaxSources {
		return
	}
	var least netip.Addr
	lowest, seen := 0.0, 0
	for id, s := range g.sources {
		level := g.fallen(s, now) + float64(s.strikes)*g.options.IgnoreAbove
		if seen == 0 || level < lowest {
			least, lowest = id, level
		}
		if seen++; seen == 16 {
			break
		}
	}
	g.evicted.Add(1)
	g.drop(least)
}

func (g *Guard) drop(id netip.Addr) {
	s, ok := g.sources[id]
	if !ok {
		return
	}
	if !s.until.IsZero() {
		g.ignored.Add(-1)
	}
	delete(g.sources, id)
}
