package call

import (
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
	s := c.seat
	c.mu.Unlock()
	c.holdMusic(on || s != nil && s.isParked())
	c.update(func(r *resource.Call) { r.Hold = on })
	return nil
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
	s := c.seat
	c.mu.Unlock()
	if s == nil {
		return
	}
	for _, other := range s.talk.others(c) {
		if on {
			other.call.holdMusic(true)
			continue
		}
		other.call.mu.Lock()
		stays := other.call.apiHolds || other.parked
		other.call.mu.Unlock()
		if !stays {
			other.call.holdMusic(false)
		}
	}
}

// park lets a seat hear music and be heard by nobody while others consult, or
// brings it back.
func (s *seat) park(on bool) {
	s.call.mu.Lock()
	s.parked = on
	held := s.call.apiHolds
	s.call.mu.Unlock()
	s.member.SetMute(on)
	s.call.holdMusic(on || held)
}

func (s *seat) isParked() bool {
	s.call.mu.Lock()
	defer s.call.mu.Unlock()
	return s.parked
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
