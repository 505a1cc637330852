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
		if s.member != nil {
			list = append(list, s)
		}
	}
	return list
}

// moderated reports whether a moderator is among the stays.
func moderated(stays []*stay) bool {
	return slices.ContainsFunc(stays, func(s *stay) bool { return s.row.Role == Moderator })
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
	if m.rules.StartOnModerator && role != Moderator && !moderated(taken) {
		limit--
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
	member, leave, err := s.call.Enter(m.bridge, bridge.JoinOptions{Mute: s.row.Mute, NoDigits: true, Watch: true})
	if err != nil {
		m.closeEmpty()
		return err
	}
	s.member, s.leave = member, leave
	if s.row.Role == Moderator {
		m.begin()
	}
	if m.rules.EntryTone {
		m.bridge.Play(comes())
	}
	return nil
}

// vacate takes a call off the bridge and does what the rules say about those
// who stay.
func (m *room) vacate(s *stay) {
	s.leave()
	s.member = nil
	m.closeEmpty()
	if m.bridge != nil && m.rules.EntryTone {
		m.bridge.Play(goes())
	}
	if s.row.Role == Moderator && m.rules.EndOnModeratorLeave && !moderated(m.members()) {
		for _, other := range m.stays {
			other.dismiss(errEnded)
		}
	}
}

// closeEmpty closes the bridge and the recordings when the last has left.
func (m *room) closeEmpty() {
	if m.bridge == nil || len(m.members()) > 0 {
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
