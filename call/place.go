package call

import "errors"

// Place is a call's place among others that are no conversation but a
// conference. Its methods may be called from any goroutine.
type Place interface {
	// Keep keeps the place for somebody else, also when the call ends meanwhile.
	// ErrState when it is kept already, or the call is not in it.
	Keep() (Kept, error)
}

// Kept is a place that its call hands over. Drop comes last.
type Kept interface {
	// Invites reports whether the call may bring others in beside itself.
	Invites() bool
	// StepOut takes the call away from the others, Return back to them.
	StepOut()
	Return()
	// Lost is closed when there is no place any more: the call was removed, or
	// the conference has ended.
	Lost() <-chan struct{}
	// GiveTo lets c have the place, from which the call goes. over is called
	// when c is out of it again, with remove or for another reason.
	GiveTo(c *Call, over func()) (remove func(), err error)
	// Invite lets c have a place of its own beside the call, as GiveTo does.
	Invite(c *Call, over func()) (remove func(), err error)
	// Drop ends the keeping.
	Drop()
}

// Occupy notes that the call has a place, until vacate is called.
func (c *Call) Occupy(p Place) (vacate func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.place = p
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.place == p {
			c.place = nil
		}
	}
}

// placeNow is the call's place in a conference, nil when it has none.
func (c *Call) placeNow() Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.place
}

// moveTo takes the call from its conversation to a place, without its noticing:
// its seat is given up when it is out of there. When it gets no place it stays
// in the conversation, which must be kept open.
func (s *seat) moveTo(give func(c *Call, over func()) (remove func(), err error)) error {
	s.moving.Lock()
	defer s.moving.Unlock()
	v := s.conversation()
	if s.elsewhere != nil || !v.release(s) {
		return ErrState
	}
	remove, err := give(s.call, s.vacate)
	if err != nil {
		return errors.Join(err, v.admit(s))
	}
	s.elsewhere = remove
	s.toldMove()
	return nil
}
