package conference

import (
	"context"
	"errors"
	"slices"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// The statuses of a conference.
const (
	active      = "active"
	terminating = "terminating"
	terminated  = "terminated"
)

// save writes the stay's row and what its conference shows of its members,
// with the events of that, in one transaction. The caller holds the lock, so
// that rows and events are in the order in which things happened.
func (s *stay) save(told ...string) {
	row := s.row
	members := []string{}
	for _, other := range s.room.members() {
		members = append(members, other.row.ID)
	}
	var events []resource.Event
	for _, name := range told {
		events = append(events, s.call.Routed(inOrder(event.OfConferencecall(name, row, len(members)), row.ConferenceID)))
	}
	s.rooms.cfg.DB.Enqueue(func(tx *store.Tx) error {
		if err := put(tx, &row); err != nil {
			return err
		}
		for _, e := range events {
			if err := tx.Emit(e); err != nil {
				return err
			}
		}
		return update(tx, s.room.key, func(c *resource.Conference) bool {
			same := slices.Equal(c.ConferencecallIDs, members)
			c.ConferencecallIDs, c.ParticipantCount = members, len(members)
			return !same
		})
	})
}

// put writes a stay's row, for the first time or again.
func put(tx *store.Tx, row *resource.Conferencecall) error {
	err := rows.Conferencecalls.Put(tx, row)
	if errors.Is(err, store.ErrNotFound) {
		return rows.Conferencecalls.Insert(tx, row)
	}
	return err
}

// update changes a conference's row and tells it, unless change reports that
// there was nothing to change, or the row was deleted meanwhile.
func update(tx *store.Tx, k key, change func(*resource.Conference) bool) error {
	row, err := rows.Conferences.Read(tx, k.customerID, k.id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil || !change(row) {
		return err
	}
	if err := rows.Conferences.Put(tx, row); err != nil {
		return err
	}
	return tx.Emit(ofConference(event.ConferenceUpdated, *row))
}

// ofConference makes an event of a conference. Lists in its data are never null.
func ofConference(name string, c resource.Conference) resource.Event {
	for _, list := range []*[]string{&c.ConferencecallIDs, &c.RecordingIDs, &c.TranscribeIDs} {
		if *list == nil {
			*list = []string{}
		}
	}
	return inOrder(event.Of(name, &c, ""), c.ID)
}

// inOrder lets an event be delivered in order with all others of a conference.
func inOrder(e resource.Event, conferenceID string) resource.Event {
	e.OrderKey = "conference:" + conferenceID
	return e
}

// Recover closes what the last process left open, and waits for the end of
// conferences that have a timeout.
func (r *Rooms) Recover(ctx context.Context) error {
	open, err := rows.Conferencecalls.Find(ctx, r.cfg.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	all, err := rows.Conferences.Everything(ctx, r.cfg.DB)
	if err != nil {
		return err
	}
	err = r.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		for _, row := range open {
			if err := closeStay(tx, row); err != nil {
				return err
			}
		}
		for _, c := range all {
			if err := settle(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	for _, c := range all {
		r.Changed(c, false)
	}
	return err
}

// closeStay ends the row of a stay that the last process took with it.
func closeStay(tx *store.Tx, row *resource.Conferencecall) error {
	told := []string{event.ConferencecallLeaved}
	if row.TMJoin != nil {
		told = append(told, event.ParticipantLeft)
	}
	row.Status, row.TMLeave = "leaved", resource.Now()
	if err := rows.Conferencecalls.Put(tx, row); err != nil {
		return err
	}
	for _, name := range told {
		if err := tx.Emit(inOrder(event.OfConferencecall(name, *row, 0), row.ConferenceID)); err != nil {
			return err
		}
	}
	return nil
}

// settle brings a conference's row to what is true when nobody is in it.
func settle(tx *store.Tx, c *resource.Conference) error {
	if c.ParticipantCount == 0 && len(c.ConferencecallIDs) == 0 && c.RecordingID == "" && c.TranscribeID == "" && c.Status != terminating {
		return nil
	}
	return update(tx, key{c.CustomerID, c.ID}, func(row *resource.Conference) bool {
		row.ParticipantCount, row.ConferencecallIDs, row.RecordingID, row.TranscribeID = 0, []string{}, "", ""
		if row.Status == terminating {
			row.Status, row.TMEnd = terminated, resource.Now()
		}
		*c = *row
		return true
	})
}
