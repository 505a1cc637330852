package conference

import (
	"context"
	"errors"
	"slices"

	"offhook/bridge"
	"offhook/call"
	"offhook/event"
	"offhook/resource"
)

// ErrFull is returned when a conference has no place for one more.
var ErrFull = errors.New("the conference is full")

// errHandedOver ends the stay of a call whose place somebody else has taken.
var errHandedOver = errors.New("its place was handed over")

// heir is a member's place while the member hands it over. It counts as one of
// the conference's places, and as its moderator, also when the member has hung
// up meanwhile. It implements call.Kept.
type heir struct {
	of   *stay
	lost chan struct{} // closed when there is nothing to hand over any more
}

// Keep implements call.Place.
func (s *stay) Keep() (call.Kept, error) {
	r := s.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if !s.seated || s.heir != nil {
		return nil, call.ErrState
	}
	s.heir = &heir{of: s, lost: make(chan struct{})}
	s.room.heirs = append(s.room.heirs, s.heir)
	return s.heir, nil
}

// lose notes that there is no place any more. The caller holds the lock.
func (h *heir) lose() {
	if h.of.heir == h {
		h.of.heir = nil
		h.of.room.heirs = slices.DeleteFunc(h.of.room.heirs, func(other *heir) bool { return other == h })
		close(h.lost)
	}
}

// Lost implements call.Kept.
func (h *heir) Lost() <-chan struct{} { return h.lost }

// Drop implements call.Kept. Where the member has hung up meanwhile, this is the
// moment in which it leaves for those who stay.
func (h *heir) Drop() {
	r := h.of.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.of.heir != h {
		return
	}
	h.lose()
	if !h.of.seated {
		h.of.room.settle(h.of.row.Role)
		r.forget(h.of.room)
	}
}

// Invites implements call.Kept: moderators may act on others.
func (h *heir) Invites() bool { return h.of.row.Role == Moderator }

// StepOut implements call.Kept: like a member on hold, the call goes on being
// one.
func (h *heir) StepOut() {
	r := h.of.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := h.of; s.member != nil {
		s.leave()
		s.member = nil
	}
}

// Return implements call.Kept.
func (h *heir) Return() {
	r := h.of.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := h.of; s.seated && s.member == nil {
		if err := s.room.enter(s); err != nil { // it has just hung up, and leaves
			r.cfg.Logger.Debug("not back in the conference", "call", s.call.ID(), "error", err)
		}
	}
}

// GiveTo implements call.Kept. The newcomer has the role of the member, and is
// muted if that was.
func (h *heir) GiveTo(c *call.Call, over func()) (remove func(), err error) {
	r := h.of.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.of.heir != h {
		return nil, ErrLeft
	}
	s, err := h.admit(c, over)
	if err != nil {
		return nil, err
	}
	if old := h.of; old.placed {
		delete(r.stays, key{old.row.CustomerID, old.row.ID})
		old.stand()
		old.placed = false
		old.remove(errHandedOver)
	}
	h.lose()
	return s.removal(), nil
}

// Invite implements call.Kept.
func (h *heir) Invite(c *call.Call, over func()) (remove func(), err error) {
	r := h.of.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if h.of.heir != h {
		return nil, ErrLeft
	}
	if !h.of.room.hasPlaceFor(h.of.row.Role) {
		return nil, ErrFull
	}
	s, err := h.admit(c, over)
	if err != nil {
		return nil, err
	}
	return s.removal(), nil
}

// admit seats a call that has no flow here, and lets it stay until it is removed
// or hangs up. The caller holds the lock.
func (h *heir) admit(c *call.Call, over func()) (*stay, error) {
	r, old := h.of.rooms, h.of
	ctx, remove := context.WithCancelCause(c.Context())
	s := &stay{rooms: r, room: old.room, call: c, remove: remove, gone: make(chan struct{})}
	s.row = resource.Conferencecall{
		Identity:     resource.Identity{ID: resource.NewID(), CustomerID: c.CustomerID(), TMCreate: resource.Now()},
		ConferenceID: old.room.id, ReferenceType: "call", ReferenceID: c.ID(), Role: old.row.Role, Mute: old.row.Mute,
	}
	if err := s.room.seat(s); err != nil {
		remove(nil)
		return nil, err
	}
	s.placed = true
	s.room.stays = append(s.room.stays, s)
	r.stays[key{s.row.CustomerID, s.row.ID}] = s
	s.row.Status = "joining"
	s.save(event.ConferencecallJoining)
	s.row.Status, s.row.TMJoin = "joined", resource.Now()
	s.save(event.ConferencecallJoined, event.ParticipantJoined)
	r.work.Go(func() {
		<-ctx.Done()
		r.work.Add(1)
		r.depart(s)
		over()
	})
	return s, nil
}

// removal brings the stay to an end.
func (s *stay) removal() func() {
	return func() {
		s.rooms.mu.Lock()
		defer s.rooms.mu.Unlock()
		s.dismiss(errKicked)
	}
}

// enter puts a member's sound on the bridge. The caller holds the lock.
func (m *room) enter(s *stay) error {
	member, leave, err := s.call.Enter(m.bridge, bridge.JoinOptions{Mute: s.row.Mute, NoDigits: true, Watch: true})
	if err == nil {
		s.member, s.leave = member, leave
	}
	return err
}
