package conference_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// TestEverybodyHearsEverybodyElse takes three phones with three codecs, that
// come in by a number, by an extension and by a call out, through mute, hold,
// kick and leaving.
func TestEverybodyHearsEverybodyElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	ctx := t.Context()
	b.conference(resource.Conference{Identity: resource.Identity{ID: "weekly"}})
	b.number("+15550000001", join("weekly", `, "role": "moderator"`)+`, {"type": "digits_send", "option": {"digits": "7"}}, {"type": "echo", "option": {"duration": 60000}}`)

	ann := b.enter("ann", annHz, "PCMU", "+15550000001")
	bob := b.extension("bob", bobHz)
	matrix(t, "two", map[*party]string{ann: "bob", bob: "ann"})
	cid := b.dialOut("cid", cidHz)
	all := map[*party]string{ann: "bob cid", bob: "ann cid", cid: "ann bob"}
	matrix(t, "three", all)
	b.talks(bob, true)

	for _, try := range []struct {
		by, on *party
		may    bool
	}{{ann, bob, true}, {ann, ann, true}, {bob, bob, true}, {bob, ann, false}, {bob, cid, false}} {
		if err := b.rooms.May(customer, try.by.stay.ID, try.on.stay.ID); (err == nil) != try.may {
			t.Errorf("%s on %s: %v", try.by.name, try.on.name, err)
		}
	}
	must(t, b.rooms.Mute(ctx, customer, bob.stay.ID, true))
	matrix(t, "bob muted", map[*party]string{ann: "cid", bob: "ann cid", cid: "ann"})
	b.talks(bob, false)
	if row := b.stay(bob); !row.Mute || row.Status != "joined" {
		t.Errorf("bob's row: %+v", row)
	}
	must(t, b.rooms.Mute(ctx, customer, bob.stay.ID, false))
	matrix(t, "bob unmuted", all)

	b.holdAndMute(ann, bob, cid)
	must(t, b.rooms.Kick(ctx, customer, ann.stay.ID))
	if row := b.stay(ann); row.Status != "leaved" || row.TMLeave == nil {
		t.Errorf("ann's row: %+v", row)
	}
	select {
	case k := <-ann.Keys():
		if k != '7' {
			t.Errorf("key %c", k)
		}
	case <-time.After(patience):
		t.Fatal("ann's flow does not go on")
	}
	matrix(t, "ann kicked", map[*party]string{ann: "ann", bob: "cid", cid: "bob"}) // ann hears her echo
	must(t, b.rooms.Kick(ctx, customer, ann.stay.ID))                              // again: nothing

	bob.Hangup()
	matrix(t, "cid alone", map[*party]string{cid: ""})
	cid.Hangup()
	b.nth("conference_participant_left", 2)
	b.counts("weekly", "+1 +2 +3 -2 -1 -0")
}

// holdAndMute tries what works on calls on members of a conference of three.
func (b *bench) holdAndMute(ann, bob, cid *party) {
	t, ctx := b.t, b.t.Context()
	t.Helper()
	all := map[*party]string{ann: "bob cid", bob: "ann cid", cid: "ann bob"}
	must(t, bob.Hold(ctx, true))
	matrix(t, "bob holds", map[*party]string{ann: "cid", cid: "ann"})
	must(t, bob.Hold(ctx, false))
	matrix(t, "bob is back", all)

	live, _ := b.x.Find(customer, cid.stay.ReferenceID)
	must(t, live.Hold(true))
	matrix(t, "cid held", map[*party]string{ann: "bob", bob: "ann"})
	must(t, live.Hold(false))
	live.Mute("in")
	matrix(t, "cid's call muted", map[*party]string{ann: "bob", bob: "ann", cid: "ann bob"})
	live.Mute("")
	matrix(t, "cid is back", all)
}

// extension lets a registered phone dial the conference.
func (b *bench) extension(name string, hz float64) *party {
	b.t.Helper()
	b.insert(func(tx *store.Tx) error {
		return rows.Extensions.Insert(tx, &resource.Extension{Identity: resource.Identity{ID: name, CustomerID: customer}, Extension: "1001", Password: "secret"})
	})
	p := b.phone(phone.Config{User: "1001", Password: "secret", Codecs: []string{"G722"}})
	if err := p.Register(b.t.Context(), time.Minute); err != nil {
		b.t.Fatal(err)
	}
	n := b.count("conference_participant_joined")
	c, err := p.Dial(b.t.Context(), fmt.Sprintf("sip:weekly@%s", b.addr), "")
	if err != nil {
		b.t.Fatal(err)
	}
	party := b.party(name, hz, c)
	party.stay = b.joined(n)
	return party
}

// talks waits until the API would show that a party speaks, or is silent.
func (b *bench) talks(p *party, want bool) {
	b.t.Helper()
	settle(b.t, fmt.Sprintf("%s talking is not %v", p.name, want), func() int {
		if b.rooms.Talking(customer, p.stay.ID) != want {
			return 1
		}
		return 0
	})
}

// stay is a party's conferencecall as its row says.
func (b *bench) stay(p *party) *resource.Conferencecall {
	b.t.Helper()
	row, err := rows.Conferencecalls.Load(b.t.Context(), b.db, customer, p.stay.ID)
	if err != nil {
		b.t.Fatal(err)
	}
	return row
}

// counts holds the participant events of a conference against what they shall
// count, and its row against the last.
func (b *bench) counts(id, want string) {
	b.t.Helper()
	if got := strings.Join(b.counted(id), " "); got != want {
		b.t.Errorf("events count %q, want %q", got, want)
	}
}

// steps holds that each participant event counts one more or one less than the
// one before.
func (b *bench) steps(id string) {
	b.t.Helper()
	n := 0
	for i, s := range b.counted(id) {
		n += map[byte]int{'+': 1, '-': -1}[s[0]]
		if s[1:] != fmt.Sprint(n) {
			b.t.Fatalf("event %d counts %s, want %d", i, s, n)
		}
	}
	b.t.Logf("%d events", len(b.counted(id)))
}

// counted is what the participant events of a conference count. Its row must
// agree with the last.
func (b *bench) counted(id string) []string {
	b.t.Helper()
	b.mu.Lock()
	var got []string
	last := -1
	for _, e := range b.events {
		sign := map[string]string{"conference_participant_joined": "+", "conference_participant_left": "-"}[e.Type]
		var data struct {
			ConferenceID     string `json:"conference_id"`
			ParticipantCount int    `json:"participant_count"`
			CallID           string `json:"call_id"`
		}
		if err := json.Unmarshal(e.Data, &data); err != nil {
			b.t.Error(err)
		}
		if sign == "" || data.ConferenceID != id {
			continue
		}
		if data.CallID == "" || e.OrderKey != "conference:"+id {
			b.t.Errorf("event %s: %s", e.Type, e.Data)
		}
		got = append(got, fmt.Sprint(sign, data.ParticipantCount))
		last = data.ParticipantCount
	}
	b.mu.Unlock()
	if c := b.shown(id); last >= 0 && c.ParticipantCount != last || len(c.ConferencecallIDs) != c.ParticipantCount {
		b.t.Errorf("the row counts %d, %v, the events %d", c.ParticipantCount, c.ConferencecallIDs, last)
	}
	return got
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// dialOut has the exchange call a phone and put it into the conference.
func (b *bench) dialOut(name string, hz float64) *party {
	b.t.Helper()
	up := make(chan *phone.Call, 1)
	p := b.phone(phone.Config{User: name, Codecs: []string{"PCMA"}, Incoming: func(c *phone.Call) {
		if err := c.Answer(); err != nil {
			b.t.Error(err)
		}
		up <- c
	}})
	n := b.count("conference_participant_joined")
	var actions []resource.Action
	if err := json.Unmarshal([]byte("["+join("weekly", "")+"]"), &actions); err != nil {
		b.t.Fatal(err)
	}
	_, _, err := b.x.Dial(b.t.Context(), call.DialOptions{
		CustomerID: customer, Script: call.Script{Actions: actions},
		Destinations: []resource.Address{{Type: resource.TypeSIP, Target: fmt.Sprintf("sip:%s@%s", name, p.Addr())}},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	party := b.party(name, hz, <-up)
	party.stay = b.joined(n)
	return party
}
