package conference

import (
	"slices"
	"time"

	"offhook/bridge"
	"offhook/media"
	"offhook/media/tone"
	"offhook/resource"
)

// The roles of members.
const (
	Moderator   = "moderator"
	Participant = "participant"
)

// rate is what is played into a room and recorded from it, in samples a
// second; the bridge resamples to what its members have.
const rate = 16000

// room is a conference while somebody is in it or on the way. Rooms.mu guards
// it.
type room struct {
	key
	rooms *Rooms

	rules      resource.Conference // of its row; without an id as long as nobody has read it
	stays      []*stay             // in the order of their coming
	heirs      []*heir             // places that are being handed over
	bridge     *bridge.Bridge      // nil while nobody is in
	empty      chan struct{}       // closed when the last has left; made with the bridge
	opened     chan struct{}       // closed when participants need no longer wait for a moderator
	open       bool
	prompt     *media.Playback // what Play began last
	recordings []*recording
}

// members are those who are in, in the order of their coming.
func (m *room) members() []*stay {
	var list []*stay
	for _, s := range m.stays {
		if s.seated {
			list = append(list, s)
		}
	}
	return list
}

// moderated reports whether a moderator is among the stays, or hands its place
// over.
func (m *room) moderated(stays []*stay) bool {
	return slices.ContainsFunc(stays, func(s *stay) bool { return s.row.Role == Moderator }) ||
		slices.ContainsFunc(m.heirs, func(h *heir) bool { return h.of.row.Role == Moderator })
}

// hasPlaceFor reports whether one more may come. Where participants wait for a
// moderator, they leave a place for one.
func (m *room) hasPlaceFor(role string) bool {
	limit := m.rules.MaxParticipants
	if limit == 0 {
		return true
	}
	var taken []*stay
	for _, s := range m.stays {
		if s.placed {
			taken = append(taken, s)
		}
	}
	if m.rules.StartOnModerator && role != Moderator && !m.moderated(taken) {
		limit--
	}
	for _, h := range m.heirs {
		if !h.of.placed { // it has hung up, and its place is kept
			limit--
		}
	}
	return len(taken) < limit
}

// begin lets waiting participants in.
func (m *room) begin() {
	if !m.open {
		m.open = true
		close(m.opened)
	}
}

// seat puts a call on the bridge, which is made for the first.
func (m *room) seat(s *stay) error {
	if m.bridge == nil {
		m.bridge, m.empty = bridge.New(m.rooms.cfg.Exchange.Media(), "conference "+m.id), make(chan struct{})
	}
	if err := m.enter(s); err != nil {
		m.closeEmpty()
		return err
	}
	s.seated, s.free = true, s.call.Occupy(s)
	if s.row.Role == Moderator {
		m.begin()
	}
	if m.rules.EntryTone {
		m.bridge.Play(comes())
	}
	return nil
}

// vacate takes a call off the bridge.
func (m *room) vacate(s *stay) {
	s.free()
	s.leave()
	s.member, s.seated = nil, false
	m.settle(s.row.Role)
	if m.bridge != nil && m.rules.EntryTone {
		m.bridge.Play(goes())
	}
}

// settle does what the rules say when one with some role is gone for good.
func (m *room) settle(role string) {
	m.closeEmpty()
	if role == Moderator && m.rules.EndOnModeratorLeave && !m.moderated(m.members()) {
		m.dismiss(errEnded)
	}
}

// dismiss brings all stays to an end, and what is handed over.
func (m *room) dismiss(cause error) {
	for _, s := range m.stays {
		s.dismiss(cause)
	}
	for len(m.heirs) > 0 {
		m.heirs[0].lose()
	}
}

// closeEmpty closes the bridge and the recordings when the last has left.
func (m *room) closeEmpty() {
	if m.bridge == nil || len(m.members()) > 0 || len(m.heirs) > 0 {
		return
	}
	for _, rec := range m.recordings {
		m.rooms.work.Go(func() { m.rooms.stop(rec, "hangup") })
	}
	m.bridge.Close()
	close(m.empty)
	m.bridge, m.prompt = nil, nil
	if m.open {
		m.open, m.opened = false, make(chan struct{})
	}
}

// comes and goes are the tones of one who comes and of one who leaves.
func comes() media.Source { return chime(620, 880) }
func goes() media.Source  { return chime(880, 620) }

func chime(hz ...float64) media.Source {
	var steps []tone.Spec
	for _, f := range hz {
		steps = append(steps, tone.Spec{Hz1: f, On: 120 * time.Millisecond, Off: 30 * time.Millisecond, Level: -20})
	}
	return tone.New(rate, steps...)
}
