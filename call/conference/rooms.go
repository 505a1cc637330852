// Package conference keeps rooms: bridges with a name and rules that any number
// of calls join through conference_join, and that the API looks into.
package conference

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"offhook/call"
	"offhook/flow"
	"offhook/resource"
	"offhook/store"
)

// Errors of what the API asks for.
var (
	ErrEmpty = errors.New("nobody is in the conference")
	ErrLeft  = errors.New("the call has left the conference")
	ErrRole  = errors.New("only a moderator who is in the conference may act on others")
)

// Why a stay is brought to an end while its call goes on.
var (
	errKicked = errors.New("removed from the conference")
	errEnded  = errors.New("the conference has ended")
)

// Config is what Rooms is made of. All fields without a remark are needed.
type Config struct {
	DB       *store.DB
	Exchange *call.Exchange
	Recorded func(resource.Recording) // told of every finished recording; may be nil
	Logger   *slog.Logger
}

// Rooms is the conferences of this machine that somebody is in or on the way
// to. Its methods may be called from any goroutine, and wait for nothing but
// the store and, where they say so, for members to be gone.
type Rooms struct {
	cfg  Config
	work sync.WaitGroup // stays, closing of recordings and of conferences

	mu     sync.Mutex // guards all rooms and stays; calls and bridges are locked inside of it
	rooms  map[key]*room
	stays  map[key]*stay // by conferencecall
	alarms map[key]*alarm
}

// key names an object of a customer.
type key struct{ customerID, id string }

// New makes the rooms of an exchange; Recover comes before the first call.
func New(cfg Config) *Rooms {
	return &Rooms{cfg: cfg, rooms: map[key]*room{}, stays: map[key]*stay{}, alarms: map[key]*alarm{}}
}

// Of gives a call the way into conferences.
func (r *Rooms) Of(c *call.Call) flow.Rooms { return guest{r, c} }

// Close removes everybody, stops every recording and returns when all of that
// is handed to the store, or ctx ends.
func (r *Rooms) Close(ctx context.Context) error {
	r.mu.Lock()
	for _, a := range r.alarms {
		a.timer.Stop()
	}
	clear(r.alarms)
	for _, room := range r.rooms {
		room.dismiss(errEnded)
	}
	r.mu.Unlock()
	over := make(chan struct{})
	go func() {
		r.work.Wait()
		close(over)
	}()
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Open returns how many conferences have somebody in them.
func (r *Rooms) Open() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, room := range r.rooms {
		if room.bridge != nil {
			n++
		}
	}
	return n
}

// arrive notes that a call is on its way into a conference. The context ends
// when it shall leave.
func (r *Rooms) arrive(ctx context.Context, c *call.Call, o flow.Room) (*stay, context.Context) {
	r.work.Add(1)
	inside, remove := context.WithCancelCause(ctx)
	s := &stay{rooms: r, call: c, run: o.Run, remove: remove, gone: make(chan struct{})}
	s.row = resource.Conferencecall{
		Identity:     resource.Identity{ID: resource.NewID(), CustomerID: c.CustomerID(), TMCreate: resource.Now()},
		ConferenceID: o.ConferenceID, ReferenceType: "call", ReferenceID: c.ID(), Role: o.Role, Mute: o.MuteOnJoin,
	}
	if o.Run != nil {
		s.row.ActiveflowID = o.Run.ID()
	}
	k := key{c.CustomerID(), o.ConferenceID}
	r.mu.Lock()
	defer r.mu.Unlock()
	s.room = r.rooms[k]
	if s.room == nil {
		s.room = &room{key: k, rooms: r, opened: make(chan struct{})}
		r.rooms[k] = s.room
	}
	s.room.stays = append(s.room.stays, s)
	return s, inside
}

// depart takes a call out of its conference, and tells it where it was in.
func (r *Rooms) depart(s *stay) {
	defer r.work.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	defer close(s.gone)
	s.remove(nil)
	s.room.stays = slices.DeleteFunc(s.room.stays, func(other *stay) bool { return other == s })
	if s.placed {
		delete(r.stays, key{s.row.CustomerID, s.row.ID})
		s.stand()
		s.placed = false
	}
	r.forget(s.room)
}

// forget drops a room that nobody is in or on the way to. The caller holds the
// lock.
func (r *Rooms) forget(m *room) {
	if len(m.stays) == 0 && len(m.heirs) == 0 && r.rooms[m.key] == m {
		delete(r.rooms, m.key)
	}
}
