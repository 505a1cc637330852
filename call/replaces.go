package call

import (
	"context"

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
	switch {
	case status != 0:
		x.refuse(d, status, sip.ReasonPhrase(status))
	case who.extension == nil || replaced == nil || replaced.CustomerID() != who.customerID || replaced.seatNow() == nil:
		x.refuse(d, 481, sip.ReasonPhrase(481)) // RFC 3891 3: no such dialog, for whom it may be
	default:
		if c := x.accept(d, who, Script{}); c != nil {
			c.takePlaceOf(replaced)
		}
	}
	return true
}

// takePlaceOf answers the call, seats it where old sits, and lets old go.
func (c *Call) takePlaceOf(old *Call) {
	s := old.seatNow()
	if s == nil || c.Answer(context.Background()) != nil {
		c.Hangup(CauseOf(ReasonFailed))
		return
	}
	arrived := s.talk.expect()
	defer arrived()
	mine, err := s.talk.join(c)
	if err != nil {
		c.Hangup(CauseOf(ReasonFailed))
		return
	}
	c.endWith(mine)
	for _, other := range s.talk.others(c) {
		old.unchain(other.call)
		other.call.unchain(old)
	}
	old.update(func(r *resource.Call) { r.HangupDetail = "replaced by call " + c.ID() })
	old.Hangup(CauseOf(ReasonNormal))
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
