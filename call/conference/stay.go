package conference

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"offhook/bridge"
	"offhook/call"
	"offhook/event"
	"offhook/flow"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// What becomes of joining a conference.
const (
	joined      = "joined"
	notFound    = "not_found"
	full        = "full"
	pinRejected = "pin_rejected"
	ended       = "ended"
)

// guest is a call that may join conferences. It implements flow.Rooms.
type guest struct {
	rooms *Rooms
	call  *call.Call
}

// stay is one call's time in a conference, from its coming to its leaving.
type stay struct {
	rooms  *Rooms
	room   *room
	call   *call.Call
	run    *flow.Run // nil: without flows before and after
	remove context.CancelCauseFunc
	gone   chan struct{} // closed when its last row is handed to the store

	// Rooms.mu guards the rest.
	row    resource.Conferencecall
	placed bool           // has one of the conference's places and a row
	seated bool           // is in
	member *bridge.Member // nil also while it talks to somebody outside
	leave  func()         // takes it off the bridge
	free   func()         // undoes Occupy
	heir   *heir          // its place while that is handed over, else nil
}

// JoinConference implements flow.Rooms.
func (g guest) JoinConference(ctx context.Context, o flow.Room) (string, error) {
	if o.Role == "" {
		o.Role = Participant
	}
	s, inside := g.rooms.arrive(ctx, g.call, o)
	result, err := s.visit(inside, o)
	g.rooms.depart(s)
	if ctx.Err() != nil {
		return result, context.Cause(ctx)
	}
	if result == joined {
		s.perform(ctx, s.rules().PostFlowID)
	}
	return result, err
}

// visit is a stay from the door to its end, in a straight line.
func (s *stay) visit(ctx context.Context, o flow.Room) (string, error) {
	if result, err := s.enter(ctx, o); result != joined {
		return result, err
	}
	<-ctx.Done()
	if errors.Is(context.Cause(ctx), errHandedOver) {
		<-s.call.Ended() // who handed it over is about to be let go
	}
	return joined, nil
}

// enter is visit until the party sits, which is joined. It is a function of its own
// because what it has on the stack would stay there as long as the conference lasts.
func (s *stay) enter(ctx context.Context, o flow.Room) (string, error) {
	rules, err := s.rooms.conference(ctx, o, s.row.CustomerID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return notFound, nil
	case err != nil:
		return notFound, err
	case rules.Status != active:
		return ended, nil
	}
	s.learn(rules)
	if !s.up(ctx) {
		return ended, nil
	}
	if !s.identify(ctx, s.rules().Pin) {
		return unless(ctx, pinRejected), nil
	}
	if !s.take(ctx) {
		return unless(ctx, full), nil
	}
	s.perform(ctx, s.rules().PreFlowID)
	if !s.sit(ctx) {
		return ended, nil
	}
	return joined, nil
}

// unless is result, or ended when the stay was brought to an end.
func unless(ctx context.Context, result string) string {
	if ctx.Err() != nil {
		return ended
	}
	return result
}

// validID is the form of ids that users may choose.
var validID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// conference finds the conference to join, or makes it where that is asked for.
func (r *Rooms) conference(ctx context.Context, o flow.Room, customerID string) (*resource.Conference, error) {
	found, err := rows.Conferences.Load(ctx, r.cfg.DB, customerID, o.ConferenceID)
	if err == nil || !o.Create || !errors.Is(err, store.ErrNotFound) || !validID.MatchString(o.ConferenceID) {
		return found, err
	}
	fresh := resource.Conference{
		Identity: resource.Identity{ID: o.ConferenceID, CustomerID: customerID, TMCreate: resource.Now()},
		Type:     "conference", Status: active, Name: o.ConferenceID,
	}
	err = r.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		if err := rows.Conferences.Insert(tx, &fresh); err != nil {
			return err
		}
		return tx.Emit(ofConference(event.ConferenceCreated, fresh))
	})
	if errors.Is(err, store.ErrExists) { // somebody else was faster
		return rows.Conferences.Load(ctx, r.cfg.DB, customerID, o.ConferenceID)
	}
	if err != nil {
		return nil, fmt.Errorf("make conference %s: %w", o.ConferenceID, err)
	}
	return &fresh, nil
}

// up waits until the call is answered.
func (s *stay) up(ctx context.Context) bool {
	if err := s.call.Answer(ctx); err != nil && !errors.Is(err, call.ErrState) {
		return false
	}
	select {
	case <-s.call.AnsweredSignal():
		return true
	case <-ctx.Done():
		return false
	}
}

// learn tells the room its rules, which Changed keeps from then on.
func (s *stay) learn(rules *resource.Conference) {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	if s.room.rules.ID == "" {
		s.room.rules = *rules
	}
}

// take takes one of the conference's places; false when there is none left.
func (s *stay) take(ctx context.Context) bool {
	r := s.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil || !s.room.hasPlaceFor(s.row.Role) {
		return false
	}
	s.placed = true
	r.stays[key{s.row.CustomerID, s.row.ID}] = s
	s.row.Status = "joining"
	s.save(event.ConferencecallJoining)
	return true
}

// sit puts the call into the conference, once a moderator is there where the
// rules ask for one; until then it hears music. It reports false when the stay
// was brought to an end before.
func (s *stay) sit(ctx context.Context) bool {
	for {
		wait, err := s.trySit(ctx)
		if wait == nil {
			return err == nil
		}
		if err := s.call.MusicStart(""); err != nil {
			s.rooms.cfg.Logger.Warn("music for a conference", "call", s.call.ID(), "error", err)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			s.call.MusicStop()
			return false
		}
	}
}

// trySit puts the call into the conference, or returns what it has to wait for.
func (s *stay) trySit(ctx context.Context) (wait <-chan struct{}, err error) {
	r := s.rooms
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if s.room.rules.StartOnModerator && s.row.Role != Moderator && !s.room.open {
		return s.room.opened, nil
	}
	if err := s.room.seat(s); err != nil {
		return nil, err
	}
	s.row.Status, s.row.TMJoin = "joined", resource.Now()
	s.save(event.ConferencecallJoined, event.ParticipantJoined)
	return nil, nil
}

// stand ends the stay. The caller holds the lock.
func (s *stay) stand() {
	told := []string{event.ConferencecallLeaved}
	if s.seated {
		s.room.vacate(s)
		told = append(told, event.ParticipantLeft)
	}
	s.row.Status, s.row.TMLeave = "leaved", resource.Now()
	s.save(told...)
}

// rules are the conference's, as they are now.
func (s *stay) rules() resource.Conference {
	s.rooms.mu.Lock()
	defer s.rooms.mu.Unlock()
	return s.room.rules
}

// perform runs one of the conference's flows on the call.
func (s *stay) perform(ctx context.Context, flowID string) {
	if flowID == "" || s.run == nil {
		return
	}
	if err := s.run.Perform(ctx, flowID); err != nil && ctx.Err() == nil {
		s.rooms.cfg.Logger.Warn("flow of a conference", "conference", s.room.id, "flow", flowID, "error", err)
	}
}
