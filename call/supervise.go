package call

import (
	"context"
	"slices"

	"offhook/bridge"
)

// aside is a member of a conversation's bridge that one of its calls alone
// hears.
type aside struct {
	member *bridge.Member
	to     *Call
}

// Supervise puts the call beside the conversation of another, and follows that
// where transfers move it, until it has left, the call ends or ctx does. With
// listen nobody hears the call, with whisper the other alone does, with join
// everybody.
func (c *Call) Supervise(ctx context.Context, other *Call, mode string) error {
	s := other.seatNow()
	if s == nil {
		return ErrState
	}
	for first := true; ; first = false {
		moved := s.moves()
		leave, err := c.besides(s, mode)
		switch {
		case err != nil && first:
			return err
		case err != nil: // it has been moved to where nobody is supervised
			return nil
		}
		select {
		case <-moved:
			leave()
			continue
		case <-s.left:
		case <-c.ctx.Done():
		case <-ctx.Done():
		}
		leave()
		return nil
	}
}

// besides puts the call beside a seat, where that is now.
func (c *Call) besides(s *seat, mode string) (leave func(), err error) {
	s.moving.Lock()
	defer s.moving.Unlock()
	v := s.conversation()
	if s.elsewhere != nil || s.gone.Err() != nil {
		return nil, ErrState
	}
	m, out, err := c.Enter(v.bridge, bridge.JoinOptions{Mute: mode == "listen", NoDigits: true})
	if err != nil || mode != "whisper" {
		return out, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asides = append(v.asides, aside{m, s.call})
	for _, heard := range v.seats {
		v.keepAside(heard)
	}
	return func() {
		v.mu.Lock()
		v.asides = slices.DeleteFunc(v.asides, func(a aside) bool { return a.member == m })
		v.mu.Unlock()
		out()
	}, nil
}

// keepAside keeps a seat from hearing what is said to another one alone. The
// caller holds the lock.
func (v *conversation) keepAside(s *seat) {
	for _, a := range v.asides {
		if a.to != s.call {
			v.bridge.SetHears(s.member, a.member, false)
		}
	}
}
