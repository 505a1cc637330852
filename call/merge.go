package call

import "offhook/resource"

// referReplaces joins those that the phone talks to in two dialogs (RFC 5589
// 7.1): two conversations become one, or the partner in one comes to the
// conference of the other.
func (c *Call) referReplaces(name dialogName) (int, string) {
	second := c.x.callOf(name)
	if second == nil || second.CustomerID() != c.CustomerID() {
		return 404, "No Such Dialog"
	}
	for _, one := range []*Call{c, second} {
		if err := one.transferable(); err != nil {
			return statusOfRefusal(err)
		}
	}
	moved, act := second, func() (stays *Call, err error) { return nil, c.merge(second) }
	switch mine, other := c.placeNow(), second.placeNow(); {
	case mine != nil && other != nil:
		return 403, "Both Are Conferences"
	case mine != nil:
		act = func() (*Call, error) { return second.bringTo(c, mine) }
	case other != nil:
		moved, act = c, func() (*Call, error) { return c.bringTo(second, other) }
	}
	to := moved.partner()
	if to == nil {
		return statusOfRefusal(errAlone)
	}
	told := c.reportRefer()
	c.x.work.Go(func() {
		for _, one := range []*Call{c, second} { // nobody goes before the phone has heard the outcome
			if s := one.seatNow(); s != nil {
				defer s.conversation().expect()()
			}
		}
		stays, err := act()
		if err != nil {
			c.log().Info("attended transfer", "error", err)
			told(503)
			return
		}
		c.announce(to)
		told(200)
		for _, one := range []*Call{second, c} {
			if one != stays {
				one.Hangup(CauseOf(ReasonNormal))
			}
		}
	})
	return 202, "Accepted"
}

// announce tells of an attended transfer that a phone has made by itself.
func (c *Call) announce(to *Call) {
	c.completedAtOnce(resource.Transfer{
		Identity: resource.Identity{ID: resource.NewID(), CustomerID: c.CustomerID(), TMCreate: resource.Now()},
		Type:     "attended", Status: "completed", TransfererCallID: c.ID(), TransfereeCallID: to.ID(),
		TransfereeAddresses: []resource.Address{to.party()},
	}, c.x.personOf(to))
}

// partner is whom the call talks to, nil when it is not one.
func (c *Call) partner() *Call {
	s := c.seatNow()
	if s == nil {
		return nil
	}
	if others := s.conversation().others(c); len(others) == 1 {
		return others[0].call
	}
	return nil
}

// merge takes whom second talks to into the conversation of c, which is kept
// open. Nobody hears c any more.
func (c *Call) merge(second *Call) error {
	mine, other := c.seatNow(), second.seatNow()
	if mine == nil || other == nil {
		return ErrState
	}
	v := mine.conversation()
	for _, s := range other.conversation().others(second) {
		second.unchain(s.call)
		s.call.unchain(second)
		if err := v.adopt(s); err != nil {
			return err
		}
	}
	for _, s := range v.others(c) {
		c.unchain(s.call)
		s.call.unchain(c)
	}
	mine.silence()
	return nil
}

// bringTo brings whom c talks to to the place that another call has: in place of
// that call, or beside it where it may invite; then it stays. The conversation
// is kept open.
func (c *Call) bringTo(inside *Call, place Place) (stays *Call, err error) {
	mine := c.seatNow()
	if mine == nil {
		return nil, ErrState
	}
	partners := mine.conversation().others(c)
	if len(partners) != 1 {
		return nil, ErrState
	}
	kept, err := place.Keep()
	if err != nil {
		return nil, err
	}
	defer kept.Drop()
	give := kept.GiveTo
	if kept.Invites() {
		give, stays = kept.Invite, inside
	}
	if err := partners[0].moveTo(give); err != nil {
		return nil, err
	}
	c.unchain(partners[0].call)
	partners[0].call.unchain(c)
	return stays, nil
}
