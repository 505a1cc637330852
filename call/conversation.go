package call

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"offhook/bridge"
	"offhook/resource"
)

// conversation is calls that hear each other. It is over when fewer than two
// are left and nobody is on the way to join; whoever is still there leaves too.
type conversation struct {
	x      *Exchange
	bridge *bridge.Bridge

	mu      sync.Mutex
	seats   []*seat
	pending int // transfers that will bring somebody
	over    bool
}

// seat is a call's place in a conversation.
type seat struct {
	call   *Call
	talk   *conversation
	member *bridge.Member
	parked bool               // hears music and is not heard while others consult
	left   <-chan struct{}    // closed when the call has left for good
	gone   context.Context    // ends with left
	vacate context.CancelFunc // closes left
}

func (x *Exchange) newConversation() *conversation {
	name := fmt.Sprintf("talk#%d", x.conversations.Add(1))
	return &conversation{x: x, bridge: bridge.New(x.cfg.Media, name)}
}

// join seats a call. Its ringback and background music end.
func (v *conversation) join(c *Call) (*seat, error) {
	s := &seat{call: c, talk: v}
	s.gone, s.vacate = context.WithCancel(context.Background())
	s.left = s.gone.Done()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over {
		return nil, ErrState
	}
	if err := s.enter(); err != nil {
		return nil, err
	}
	v.seats = append(v.seats, s)
	v.heedHolds()
	return s, nil
}

// heedHolds lets everybody hear music whose other side has put it on hold
// before it sat down here. The caller holds the lock.
func (v *conversation) heedHolds() {
	for _, s := range v.seats {
		s.call.mu.Lock()
		holds := s.call.partyHolds
		s.call.mu.Unlock()
		if !holds {
			continue
		}
		for _, other := range v.seats {
			if other != s {
				other.call.holdMusic(true)
			}
		}
	}
}

// enter puts the call's port on the conversation's bridge. The caller holds
// the conversation's lock.
func (s *seat) enter() error {
	c := s.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leg == nil || c.ctx.Err() != nil {
		return ErrState
	}
	s.member = s.talk.bridge.Join(c.leg.port, bridge.JoinOptions{})
	c.seat = s
	c.stage.set(layerRinging, nil)
	c.stage.set(layerMusic, nil)
	return nil
}

// leave gives a seat up. The conversation ends when that leaves one alone.
func (v *conversation) leave(s *seat) {
	v.mu.Lock()
	i := slices.Index(v.seats, s)
	if i < 0 {
		v.mu.Unlock()
		return
	}
	v.seats = slices.Delete(v.seats, i, i+1)
	s.stand()
	ended := v.settle()
	v.mu.Unlock()
	s.vacate()
	for _, other := range ended {
		other.vacate()
	}
}

// stand takes the call's port off the bridge. The caller holds the
// conversation's lock.
func (s *seat) stand() {
	s.member.Leave()
	s.call.mu.Lock()
	if s.call.seat == s {
		s.call.seat = nil
	}
	s.call.mu.Unlock()
	s.call.stage.set(layerHold, nil)
	s.call.stage.set(layerRinging, nil)
}

// settle ends the conversation when it has no reason to go on, and returns
// the seats that are given up by that. The caller holds the lock.
func (v *conversation) settle() []*seat {
	if v.over || len(v.seats) > 1 || v.pending > 0 {
		return nil
	}
	v.over = true
	ended := v.seats
	v.seats = nil
	for _, s := range ended {
		s.stand()
	}
	v.bridge.Close()
	return ended
}

// expect keeps the conversation open for somebody who is on the way, until the
// returned func is called.
func (v *conversation) expect() (arrived func()) {
	v.mu.Lock()
	v.pending++
	v.mu.Unlock()
	return sync.OnceFunc(func() {
		v.mu.Lock()
		v.pending--
		ended := v.settle()
		v.mu.Unlock()
		for _, s := range ended {
			s.vacate()
		}
	})
}

// others returns the seats of everybody but c.
func (v *conversation) others(c *Call) []*seat {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []*seat
	for _, s := range v.seats {
		if s.call != c {
			list = append(list, s)
		}
	}
	return list
}

// adopt moves a seat from another conversation into this one; the call does
// not notice. The other conversation goes on without it.
func (v *conversation) adopt(s *seat) error {
	from := s.talk
	from.mu.Lock()
	i := slices.Index(from.seats, s)
	if i < 0 {
		from.mu.Unlock()
		return ErrState
	}
	from.seats = slices.Delete(from.seats, i, i+1)
	s.stand()
	ended := from.settle()
	from.mu.Unlock()
	for _, other := range ended {
		other.vacate()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s.talk = v
	if v.over {
		s.vacate()
		return ErrState
	}
	if err := s.enter(); err != nil {
		s.vacate()
		return err
	}
	v.seats = append(v.seats, s)
	v.heedHolds()
	return nil
}

// Enter puts the call's sound on a bridge of somebody else's, such as a
// conference; its ringback and background music end. leave takes it off again
// and may be called more than once. The call must be up.
func (c *Call) Enter(b *bridge.Bridge, o bridge.JoinOptions) (m *bridge.Member, leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leg == nil || c.ctx.Err() != nil || c.row.Status != resource.StatusProgressing {
		return nil, nil, ErrState
	}
	m = b.Join(c.leg.port, o)
	c.stage.set(layerRinging, nil)
	c.stage.set(layerMusic, nil)
	return m, sync.OnceFunc(m.Leave), nil
}

// leaveConversation gives up the call's seat, if it has one.
func (c *Call) leaveConversation() {
	c.mu.Lock()
	s := c.seat
	c.mu.Unlock()
	if s != nil {
		s.talk.leave(s)
	}
}

// seatNow is the call's seat, nil when it talks to nobody.
func (c *Call) seatNow() *seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seat
}
