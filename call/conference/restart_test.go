package conference_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"offhook/call/phone"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// TestRecover closes what a crash left open, and tells it.
func TestRecover(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := resource.Now()
	own := func(id string) resource.Identity {
		return resource.Identity{ID: id, CustomerID: customer, TMCreate: now}
	}
	b.insert(func(tx *store.Tx) error {
		for _, c := range []resource.Conference{
			{Identity: own("board"), Status: "active", ParticipantCount: 1, ConferencecallIDs: []string{"in"}, RecordingID: "r", RecordingIDs: []string{"r"}},
			{Identity: own("going"), Status: "terminating"},
			{Identity: own("idle"), Status: "active"},
		} {
			if err := rows.Conferences.Insert(tx, &c); err != nil {
				return err
			}
		}
		for _, s := range []resource.Conferencecall{
			{Identity: own("in"), ConferenceID: "board", ReferenceID: "c1", Status: "joined", TMJoin: now},
			{Identity: own("waiting"), ConferenceID: "board", ReferenceID: "c2", Status: "joining"},
			{Identity: own("old"), ConferenceID: "board", ReferenceID: "c3", Status: "leaved", TMJoin: now, TMLeave: now},
		} {
			if err := rows.Conferencecalls.Insert(tx, &s); err != nil {
				return err
			}
		}
		return nil
	})
	must(t, b.rooms.Recover(t.Context()))
	if c := b.shown("board"); c.Status != "active" || c.ParticipantCount != 0 || len(c.ConferencecallIDs) != 0 || c.RecordingID != "" || len(c.RecordingIDs) != 1 {
		t.Errorf("board: %+v", c)
	}
	if c := b.shown("going"); c.Status != "terminated" || c.TMEnd == nil {
		t.Errorf("going: %+v", c)
	}
	for _, id := range []string{"in", "waiting"} {
		row, err := rows.Conferencecalls.Load(t.Context(), b.db, customer, id)
		if err != nil || row.Status != "leaved" || row.TMLeave == nil {
			t.Errorf("%s: %+v, %v", id, row, err)
		}
	}
	for name, want := range map[string]int{"conference_participant_left": 1, "conferencecall_leaved": 2, "conference_updated": 2} {
		if got := b.count(name); got != want {
			t.Errorf("%d events %s, want %d", got, name, want)
		}
	}
}

// TestChaos lets calls come, be kicked, hang up and find the conference ended,
// in any order and at once. Nothing may stay behind, and the events must count
// from one to the next.
func TestChaos(t *testing.T) {
	before := runtime.NumGoroutine()
	t.Run("calls", func(t *testing.T) {
		b := newBench(t)
		b.conference(resource.Conference{Identity: resource.Identity{ID: "zoo"}, StartOnModerator: true, EndOnModeratorLeave: true, EntryTone: true})
		b.number("+15550000001", join("zoo", `, "role": "moderator"`))
		b.number("+15550000002", join("zoo", ""))
		p := b.phone(phone.Config{})
		var callers sync.WaitGroup
		for i := range 60 {
			seed := rand.New(rand.NewPCG(1, uint64(i)))
			callers.Go(func() { b.visit(p, seed) })
			if i%10 == 9 {
				callers.Wait()
			}
		}
		settle(t, "calls are left", b.x.Live)
		must(t, b.db.Flush(t.Context()))
		b.steps("zoo")
	})
	settle(t, "goroutines are left", func() int { return max(0, runtime.NumGoroutine()-before) })
}

// visit is one caller's short time in the zoo.
func (b *bench) visit(p *phone.Phone, seed *rand.Rand) {
	number := []string{"+15550000001", "+15550000002"}[seed.IntN(2)]
	c, err := p.Dial(b.t.Context(), "sip:"+number+"@"+b.addr.String(), "")
	if err != nil {
		b.t.Error(err)
		return
	}
	<-c.UpSignal()
	for range seed.IntN(2000) {
		runtime.Gosched()
	}
	switch seed.IntN(3) {
	case 0:
		c.Hangup()
	case 1:
		b.clear("zoo")
		c.Hangup()
	case 2:
		_ = b.rooms.Mute(b.t.Context(), customer, "nobody", true)
		for _, live := range b.x.Calls() {
			live.Mute("both")
		}
		c.Hangup()
	}
	<-c.Done()
}

// clear kicks everybody out of a conference.
func (b *bench) clear(id string) {
	c, err := rows.Conferences.Load(b.t.Context(), b.db, customer, id)
	if err != nil {
		b.t.Error(err)
		return
	}
	for _, id := range c.ConferencecallIDs {
		if err := b.rooms.Kick(b.t.Context(), customer, id); err != nil {
			b.t.Error(err)
		}
	}
}
