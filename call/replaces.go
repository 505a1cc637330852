package call

import (
	"context"
	"errors"

	"offhook/resource"
	"offhook/sip"
)

// replace lets an INVITE take the place of another call in its conversation
// (RFC 3891): the phone that a call was transferred to picks it up. It reports
// false when the INVITE asks for no such thing.
func (x *Exchange) replace(d *sip.Dialog, who caller) bool {
	old, status := x.stack.Replaced(d.Invite())
	if old == nil && status == 0 {
		return false
	}
	var replaced *Call
	if old != nil {
		replaced = x.callWith(old)
	}
	if replaced != nil && (who.extension == nil || replaced.CustomerID() != who.customerID) {
		replaced = nil // RFC 3891 3: no such dialog, for whom it may be
	}
	switch {
	case status != 0:
		x.refuse(d, status, sip.ReasonPhrase(status))
	case replaced == nil || errors.Is(replaced.transferable(), errAlone):
		x.refuse(d, 481, sip.ReasonPhrase(481))
	case replaced.transferable() != nil:
		x.refuse(d, 491, "Being Transferred Already")
	default:
		if c := x.accept(d, who, Script{}); c != nil {
			c.replace(replaced)
		}
	}
	return true
}

// replace answers the call, lets it sit where old does, and lets old go.
func (c *Call) replace(old *Call) {
	take := c.takeSeatOf
	if old.placeNow() != nil {
		take = c.takePlaceOf
	}
	err := c.Answer(context.Background())
	if err == nil {
		err = take(old)
	}
	if err != nil {
		c.log().Info("not replaced", "call", old.ID(), "error", err)
		c.Hangup(CauseOf(ReasonFailed))
		return
	}
	old.update(func(r *resource.Call) { r.HangupDetail = "replaced by call " + c.ID() })
	old.Hangup(CauseOf(ReasonNormal))
}

// takeSeatOf seats the call in old's conversation.
func (c *Call) takeSeatOf(old *Call) error {
	s := old.seatNow()
	if s == nil {
		return ErrState
	}
	v := s.conversation()
	defer v.expect()()
	if _, err := v.bring(c); err != nil {
		return err
	}
	for _, other := range v.others(c) {
		old.unchain(other.call)
		other.call.unchain(old)
	}
	return nil
}

// takePlaceOf lets the call have old's place in a conference (RFC 4579 5.8).
func (c *Call) takePlaceOf(old *Call) error {
	place := old.placeNow()
	if place == nil {
		return ErrState
	}
	kept, err := place.Keep()
	if err != nil {
		return err
	}
	defer kept.Drop()
	_, err = kept.GiveTo(c, func() { c.Hangup(CauseOf(ReasonNormal)) })
	return err
}

// callWith finds the call whose dialog d is.
func (x *Exchange) callWith(d *sip.Dialog) *Call {
	for _, c := range x.Calls() {
		c.mu.Lock()
		l := c.leg
		c.mu.Unlock()
		if l != nil && l.dialog == d {
			return c
		}
	}
	return nil
}
