// Package bridge lets ports hear each other: two or many, by one relation that
// says who hears whom.
package bridge

import (
	"errors"
	"fmt"
	"sync/atomic"

	"offhook/media"
)

// ErrClosed tells that a playback ended with its bridge.
var ErrClosed = errors.New("bridge: closed")

// The techniques. Relay passes the packets of two members on as they come; mix
// decodes, adds and encodes. The bridge chooses again whenever something changes.
const (
	Idle  = "idle"
	Relay = "relay"
	Mix   = "mix"
)

// Bridge is members that hear each other. Its methods may be called from any
// goroutine; they take effect within some milliseconds, in order.
type Bridge struct {
	name  string
	group *media.Group

	technique atomic.Pointer[string]
	count     atomic.Int64

	// The shard's from here.
	closed  bool
	members []*Member
	relayed bool
	waits   bool // with relaying, for a quiet moment
	rate    int
	taps    []*tap
	plays   []*media.Playback
	mixer   mixer
}

// New makes an empty bridge; name shows in descriptions.
func New(e *media.Engine, name string) *Bridge {
	b := &Bridge{name: name}
	b.setTechnique(Idle)
	b.group = e.NewGroup((*matrix)(b))
	return b
}

// JoinOptions are the options of Join.
type JoinOptions struct {
	Mute     bool // not heard until SetMute(false)
	NoDigits bool // key presses of others are not sent on to this member
	Watch    bool // Talking is wanted: audio is decoded for it even in a bridge of two
}

// Member is a port in a bridge.
type Member struct {
	bridge  *Bridge
	seat    *media.Seat
	options JoinOptions
	talking atomic.Bool

	// The shard's from here.
	gone  bool
	muted bool
	deaf  []*Member // whom this member does not hear
	voice voice
	level []int16 // what it said in this tick, nil: nothing
	inMix bool
}

// Join makes p a member; it leaves the bridge that it was in.
func (b *Bridge) Join(p *media.Port, o JoinOptions) *Member {
	m := &Member{bridge: b, options: o, muted: o.Mute}
	b.count.Add(1)
	m.seat = b.group.Join(p)
	posted := b.group.Post(func() {
		b.members = append(b.members, m)
		if b.closed {
			b.remove(m)
		}
		b.group.Touch()
	})
	if !posted {
		b.count.Add(-1)
	}
	return m
}

// Leave ends the membership; the port goes on by itself. It may be called again.
func (m *Member) Leave() {
	m.seat.Leave()
	m.bridge.group.Post(func() { m.bridge.remove(m) })
}

func (b *Bridge) remove(m *Member) {
	if m.gone {
		return
	}
	m.gone = true
	m.talking.Store(false)
	b.count.Add(-1)
	rest := make([]*Member, 0, len(b.members))
	for _, other := range b.members {
		if other != m {
			other.setHears(m, true)
			rest = append(rest, other)
		}
	}
	b.members = rest
	b.group.Touch()
}

// SetMute says whether the member is kept from being heard in the bridge.
func (m *Member) SetMute(mute bool) {
	m.bridge.group.Post(func() {
		m.muted = mute
		m.bridge.group.Touch()
	})
}

// Talking tells whether the member's voice was heard in the last moments. It is
// false while the bridge relays packets unheard, which JoinOptions.Watch prevents.
func (m *Member) Talking() bool { return m.talking.Load() }

// SetHears says whether listener hears speaker. At first everybody hears all
// others; nobody ever hears itself.
func (b *Bridge) SetHears(listener, speaker *Member, hears bool) {
	b.group.Post(func() {
		listener.setHears(speaker, hears)
		b.group.Touch()
	})
}

func (m *Member) setHears(speaker *Member, hears bool) {
	for i, other := range m.deaf {
		if other == speaker {
			if hears {
				m.deaf = append(m.deaf[:i], m.deaf[i+1:]...)
			}
			return
		}
	}
	if !hears && !speaker.gone {
		m.deaf = append(m.deaf, speaker)
	}
}

func (m *Member) hears(speaker *Member) bool {
	for _, other := range m.deaf {
		if other == speaker {
			return false
		}
	}
	return m != speaker
}

// Attach gives sink the mix of everybody as said, at rate; heard is what plays
// into the bridge. detach does not wait.
func (b *Bridge) Attach(sink media.Sink, rate int) (detach func()) {
	t := &tap{sink: sink, rate: rate}
	b.group.Post(func() {
		if b.rate > 0 {
			t.tune(b.rate)
		}
		b.taps = append(b.taps, t)
		b.group.Touch()
	})
	return func() {
		b.group.Post(func() { b.untap(t) })
	}
}

// Play plays src to all members, mixed with what they say.
func (b *Bridge) Play(src media.Source) *media.Playback {
	p := media.NewPlayback(src, b.group.Post)
	posted := b.group.Post(func() {
		if b.closed {
			p.End(ErrClosed)
			return
		}
		b.plays = append(b.plays, p)
		b.group.Touch()
	})
	if !posted {
		p.End(ErrClosed)
	}
	return p
}

// Close ends the bridge: its ports go on by themselves, its playbacks end with
// ErrClosed. It does not wait and may be called again.
func (b *Bridge) Close() { b.group.Close() }

// Closed implements media.Mixer.
func (x *matrix) Closed() {
	b := (*Bridge)(x)
	b.closed = true
	for _, p := range b.plays {
		p.End(ErrClosed)
	}
	b.plays, b.taps = nil, nil
	for len(b.members) > 0 {
		b.remove(b.members[0])
	}
	b.setTechnique(Idle)
}

// Technique is how the audio passes at present: Relay, Mix or Idle.
func (b *Bridge) Technique() string { return *b.technique.Load() }

func (b *Bridge) setTechnique(t string) { b.technique.Store(&t) }

// Members is the number of members.
func (b *Bridge) Members() int { return int(b.count.Load()) }

// String is what descriptions show.
func (b *Bridge) String() string { return fmt.Sprintf("bridge %s (%s)", b.name, b.Technique()) }
