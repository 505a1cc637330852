package call

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"offhook/bridge"
	"offhook/resource"
)

// conversation is calls that hear each other. It is over when fewer than two
// are left and nobody is on the way to join; whoever is still there leaves too.
type conversation struct {
	x      *Exchange
	bridge *bridge.Bridge
	early  bool // sound before an answer, which makes a conversation of its own

	mu      sync.Mutex
	seats   []*seat
	asides  []aside // of supervisors
	pending int     // transfers that will bring somebody
	over    bool
}

// seat is a call's place in a conversation. A transfer may move it to another
// one, or take it elsewhere, without the call's noticing.
type seat struct {
	call   *Call
	left   <-chan struct{}    // closed when the call has left for good
	gone   context.Context    // ends with left
	vacate context.CancelFunc // closes left

	// moving is held while the seat is moved or given up, so that whoever gives
	// it up finds it where it is. It is locked before a conversation.
	moving    sync.Mutex
	talk      atomic.Pointer[conversation]
	elsewhere func()                        // takes the call out of where it sits instead; nil: it is in talk
	move      atomic.Pointer[chan struct{}] // closed at the next move

	// The conversation's lock guards the rest.
	member *bridge.Member
	parked bool // hears music and is not heard while others consult
}

// moves is closed when a transfer has moved the seat.
func (s *seat) moves() <-chan struct{} { return *s.move.Load() }

func (s *seat) toldMove() {
	next := make(chan struct{})
	if last := s.move.Swap(&next); last != nil {
		close(*last)
	}
}

// conversation is where the seat is, or was last.
func (s *seat) conversation() *conversation { return s.talk.Load() }

func (x *Exchange) newConversation() *conversation {
	name := fmt.Sprintf("talk#%d", x.conversations.Add(1))
	return &conversation{x: x, bridge: bridge.New(x.cfg.Media, name)}
}

// join seats a call. Its ringback and background music end.
func (v *conversation) join(c *Call) (*seat, error) {
	s := &seat{call: c}
	s.talk.Store(v)
	s.toldMove()
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
	v.heed()
	return s, nil
}

// bring seats a call that ends when its seat is given up.
func (v *conversation) bring(c *Call) (*seat, error) {
	s, err := v.join(c)
	if err == nil {
		c.endWith(s)
	}
	return s, err
}

// heed lets those hear music who have nobody to talk to. The caller holds the
// lock.
func (v *conversation) heed() {
	for _, s := range v.seats {
		s.call.holdMusic(s.call.heldByUs() || v.leftAlone(s))
	}
}

// leftAlone reports whether a seat is parked, or everybody whom it could talk to
// has put it on hold. The caller holds the lock.
func (v *conversation) leftAlone(s *seat) bool {
	if s.parked {
		return true
	}
	held := false
	for _, other := range v.seats {
		if other == s || other.parked {
			continue
		}
		if !other.call.holdsOthers() {
			return false
		}
		held = true
	}
	return held
}

// park lets seats hear music and be heard by nobody while others consult, or
// brings them back.
func (v *conversation) park(seats []*seat, on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, s := range seats {
		if s.parked == on || !slices.Contains(v.seats, s) {
			continue
		}
		s.parked = on
		s.member.SetMute(on)
		s.call.stage.set(layerHold, nil) // music, or what was heard while somebody was rung
	}
	v.heed()
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
	s.member = s.conversation().bridge.Join(c.leg.port, bridge.JoinOptions{})
	s.conversation().keepAside(s)
	c.seat = s
	c.stage.set(layerRinging, nil)
	c.stage.set(layerMusic, nil)
	return nil
}

// leave gives the seat up, wherever it has been moved to. A conversation that
// it leaves one alone in ends.
func (s *seat) leave() {
	s.moving.Lock()
	defer s.moving.Unlock()
	if s.elsewhere != nil {
		s.elsewhere() // which gives the seat up when the call is out of there
		return
	}
	if s.conversation().release(s) {
		s.vacate()
	}
}

// release takes a seat out of the conversation without giving it up. It reports
// false when it is not in it.
func (v *conversation) release(s *seat) bool {
	v.mu.Lock()
	i := slices.Index(v.seats, s)
	if i < 0 {
		v.mu.Unlock()
		return false
	}
	v.seats = slices.Delete(v.seats, i, i+1)
	s.stand()
	ended := v.settle()
	v.heed()
	v.mu.Unlock()
	for _, other := range ended {
		other.vacate()
	}
	return true
}

// silence keeps the call from being heard as long as it sits there.
func (s *seat) silence() {
	v := s.conversation()
	v.mu.Lock()
	defer v.mu.Unlock()
	s.member.SetMute(true)
}

// stand takes the call's port off the bridge. The caller holds the
// conversation's lock.
func (s *seat) stand() {
	s.member.Leave()
	s.parked = false
	s.call.mu.Lock()
	if s.call.seat == s {
		s.call.seat = nil
	}
	s.call.mu.Unlock()
	s.call.holdMusic(s.call.heldByUs())
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
	s.moving.Lock()
	defer s.moving.Unlock()
	if s.elsewhere != nil || !s.conversation().release(s) {
		return ErrState
	}
	return v.admit(s)
}

// admit gives a released seat a place in the conversation, or gives it up. The
// caller has locked its moving.
func (v *conversation) admit(s *seat) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	s.talk.Store(v)
	if v.over {
		s.vacate()
		return ErrState
	}
	if err := s.enter(); err != nil {
		s.vacate()
		return err
	}
	v.seats = append(v.seats, s)
	v.heed()
	s.toldMove()
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
		s.leave()
	}
}

// seatNow is the call's seat, nil when it talks to nobody.
func (c *Call) seatNow() *seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seat
}
