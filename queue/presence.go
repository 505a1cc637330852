package queue

import (
	"time"

	"offhook/resource"
)

// phoneGrace is how long after the loss of its phone an agent comes back with it
// as what it was: a change of networks or a new battery, not a new day.
const phoneGrace = 15 * time.Minute

// PhoneLost logs an agent out whose last phone is gone. It reports whether the
// agent was logged in.
func (c *Centre) PhoneLost(customerID, agentID string) (loggedOut bool) {
	c.with(customerID, func(f *floor, now time.Time) {
		a, was := f.agents[agentID], f.line.Wish(agentID)
		if a == nil || was == Offline {
			return
		}
		loggedOut = true
		a.PhoneLost = &resource.PhoneLoss{Status: was, TM: stamp(now)}
		f.line.SetStatus(now, agentID, Offline)
		f.c.cfg.Ledger.Agent(a.Agent)
	})
	return loggedOut
}

// PhoneBack lets an agent whose phone has registered be what it was before the
// phone was lost, unless that is too long ago. One that is available is rung
// again at once.
func (c *Centre) PhoneBack(customerID, agentID string) {
	c.with(customerID, func(f *floor, now time.Time) {
		a := f.agents[agentID]
		if a == nil {
			return
		}
		lost := a.PhoneLost
		switch {
		case lost != nil && !now.After(lost.TM.Add(phoneGrace)):
			f.setStatus(now, a, lost.Status)
		case lost != nil:
			f.forgetLoss(a)
		case f.line.Status(agentID) == Available:
			f.line.SetStatus(now, agentID, Available)
		}
	})
}

// setStatus sets what an agent wants to be.
func (f *floor) setStatus(now time.Time, a *person, status string) bool {
	f.forgetLoss(a)
	return f.line.SetStatus(now, a.ID, status)
}

// forgetLoss is for an agent that said itself what it is.
func (f *floor) forgetLoss(a *person) {
	if a.PhoneLost != nil {
		a.PhoneLost = nil
		f.c.cfg.Ledger.Agent(a.Agent)
	}
}
