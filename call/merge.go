package call

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
	act := func() (stays *Call, err error) { return nil, c.merge(second) }
	switch mine, other := c.placeNow(), second.placeNow(); {
	case mine != nil && other != nil:
		return 403, "Both Are Conferences"
	case mine != nil:
		act = func() (*Call, error) { return second.bringTo(c, mine) }
	case other != nil:
		act = func() (*Call, error) { return c.bringTo(second, other) }
	}
	told := c.reportRefer()
	c.x.work.Go(func() {
		stays, err := act()
		if err != nil {
			c.log().Info("attended transfer", "error", err)
			told(503)
			return
		}
		told(200)
		for _, one := range []*Call{second, c} {
			if one != stays {
				one.Hangup(CauseOf(ReasonNormal))
			}
		}
	})
	return 202, "Accepted"
}

// merge takes whom second talks to into the conversation of c. Nobody hears c
// any more.
func (c *Call) merge(second *Call) error {
	mine, other := c.seatNow(), second.seatNow()
	if mine == nil || other == nil {
		return ErrState
	}
	v := mine.conversation()
	arrived := v.expect()
	defer arrived()
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
// that call, or beside it where it may invite; then it stays.
func (c *Call) bringTo(inside *Call, place Place) (stays *Call, err error) {
	mine := c.seatNow()
	if mine == nil {
		return nil, ErrState
	}
	v := mine.conversation()
	partners := v.others(c)
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
	arrived := v.expect()
	defer arrived()
	if err := partners[0].moveTo(give); err != nil {
		return nil, err
	}
	c.unchain(partners[0].call)
	partners[0].call.unchain(c)
	return stays, nil
}
