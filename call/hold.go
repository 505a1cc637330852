package call

import (
	"offhook/event"
	"offhook/resource"
)

// Hold puts the party on hold or takes it back: it hears music, and neither
// side hears the other.
func (c *Call) Hold(on bool) error {
	c.mu.Lock()
	if c.row.Status != resource.StatusProgressing {
		c.mu.Unlock()
		return ErrState
	}
	c.apiHolds = on
	c.applyMute()
	c.showHold()
	s := c.seat
	c.mu.Unlock()
	if s != nil {
		s.conversation().heedHolds()
	} else {
		c.holdMusic(on)
	}
	return nil
}

// showHold lets the row say whether we hold the party or the party holds us. The
// caller holds the lock.
func (c *Call) showHold() {
	on := c.apiHolds || c.partyHolds
	if c.row.Status != resource.StatusProgressing || c.row.Hold == on {
		return
	}
	c.row.Hold, c.row.TMUpdate = on, resource.Now()
	c.save(event.OfCall(event.CallUpdated, c.copyRow()))
}

// heldByUs reports whether the API has put the party on hold.
func (c *Call) heldByUs() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.apiHolds
}

// holdsOthers reports whether the party has put on hold whom it talks to.
func (c *Call) holdsOthers() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.partyHolds
}

// holdMusic lets the party hear music in place of everything below.
func (c *Call) holdMusic(on bool) {
	if !on {
		c.stage.set(layerHold, nil)
		return
	}
	if c.stage.has(layerHold) {
		return
	}
	src, err := c.music("")
	if err != nil {
		c.log().Warn("music on hold", "error", err)
		return
	}
	c.stage.set(layerHold, src)
}

// heldByParty is the party's own hold (RFC 3264 8.4): those that it talks to
// hear music until it comes back. What its phone sends meanwhile, such as music
// of its own, is not heard.
func (c *Call) heldByParty(on bool) {
	c.mu.Lock()
	c.partyHolds = on
	c.applyMute()
	c.showHold()
	s := c.seat
	c.mu.Unlock()
	if s != nil {
		s.conversation().heedHolds()
	}
}

// heedHolds lets those hear music who have nobody to talk to.
func (v *conversation) heedHolds() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.heed()
}

// applyMute lets the port do what mute and hold ask for. The caller holds the
// lock.
func (c *Call) applyMute() {
	if c.leg == nil {
		return
	}
	d := c.row.MuteDirection
	c.leg.port.SetMute(d == "in" || d == "both" || c.apiHolds || c.partyHolds, d == "out" || d == "both")
}
