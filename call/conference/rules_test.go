package conference_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// TestOutcomes joins a conference in one way after the other; the flow goes on
// with a key whatever came of it.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, c := range []resource.Conference{
		{Identity: resource.Identity{ID: "closed"}},
		{Identity: resource.Identity{ID: "locked"}, Pin: "4711"},
		{Identity: resource.Identity{ID: "small"}, MaxParticipants: 1},
		{Identity: resource.Identity{ID: "chaired"}, MaxParticipants: 2, StartOnModerator: true},
	} {
		b.conference(c)
	}
	must(t, b.rooms.End(t.Context(), customer, "closed"))
	b.number("+15550000001", join("small", ""))
	b.enter("ann", annHz, "PCMU", "+15550000001")
	b.number("+15550000002", join("chaired", ""))
	waits := b.dial("bob", bobHz, "PCMU", "+15550000002")
	b.nth("conferencecall_joining", 1)
	for i, tt := range []struct{ name, action, keys, want string }{
		{"unknown", join("nowhere", ""), "", "not_found"},
		{"a name that no id can have", join("no where", `, "create": true`), "", "not_found"},
		{"ended", join("closed", ""), "", "ended"},
		{"full", join("small", ""), "", "full"},
		{"the last place is the moderator's", join("chaired", ""), "", "full"},
		{"three wrong pins", join("locked", ""), "1111222#33#", "pin_rejected"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			number := "+1555100000" + string(rune('0'+i))
			b.number(number, tt.action+`, {"type": "digits_send", "option": {"digits": "5"}}`)
			p := b.dial("cid", cidHz, "PCMU", number)
			wait(t, "answer", p.UpSignal())
			if tt.keys != "" {
				go func() { _ = p.SendDigits(t.Context(), tt.keys) }()
			}
			if got := b.result(); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			select {
			case <-p.Keys():
			case <-time.After(patience):
				t.Error("the flow does not go on")
			}
			wait(t, "end of the flow", p.Done())
		})
	}
	if c := b.shown("closed"); c.Status != "terminated" || c.TMEnd == nil {
		t.Errorf("closed: %+v", c)
	}
	if c := b.shown("chaired"); c.ParticipantCount != 0 {
		t.Errorf("who waits is counted: %+v", c)
	}
	waits.Hangup()
	wait(t, "hang-up", waits.Done())
	if got := b.result(); got != "ended" {
		t.Errorf("waiting, then hang-up: %s", got)
	}
}

// TestPin lets a caller in who knows the pin at the second try.
func TestPin(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "locked"}, Pin: "4711"})
	b.number("+15550000001", join("locked", ""))
	p := b.dial("ann", annHz, "PCMU", "+15550000001")
	wait(t, "answer", p.UpSignal())
	must(t, p.SendDigits(t.Context(), "47#"))
	must(t, p.SendDigits(t.Context(), "4711"))
	b.joined(0)
}

// TestCreate makes a conference on the spot, for two who come at once.
func TestCreate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.number("+15550000001", join("spot", `, "create": true, "mute_on_join": true`))
	b.number("+15550000002", join("spot", `, "create": true`))
	ann := b.dial("ann", annHz, "PCMU", "+15550000001")
	bob := b.dial("bob", bobHz, "PCMU", "+15550000002")
	b.joined(1)
	matrix(t, "ann joined muted", map[*party]string{ann: "bob", bob: ""})
	if n := b.count("conference_created"); n != 1 {
		t.Errorf("made %d times", n)
	}
	b.counts("spot", "+1 +2")
}

// TestModerator has participants wait for a moderator, and sends them away when
// the last has left; the conference can be used again.
func TestModerator(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "class"}, StartOnModerator: true, EndOnModeratorLeave: true, EntryTone: true})
	b.number("+15550000001", join("class", `, "role": "moderator"`))
	b.number("+15550000002", join("class", ""))
	for range 2 {
		from := b.count("conferencecall_joining")
		bob, cid := b.dial("bob", bobHz, "PCMU", "+15550000002"), b.dial("cid", cidHz, "PCMA", "+15550000002")
		b.nth("conferencecall_joining", from+1)
		bob.hearsMusic(t)
		n := b.count("conference_participant_joined")
		ann := b.dial("ann", annHz, "PCMU", "+15550000001")
		b.joined(n + 2)
		matrix(t, "moderator is there", map[*party]string{ann: "bob cid", bob: "ann cid", cid: "ann bob"})
		ann.Hangup()
		for range 3 {
			if got := b.result(); got != "joined" {
				t.Errorf("result %s", got)
			}
		}
		wait(t, "bob's flow ends", bob.Done())
		wait(t, "cid's flow ends", cid.Done())
	}
	if c := b.shown("class"); c.Status != "active" || c.ParticipantCount != 0 {
		t.Errorf("row %+v", c)
	}
}

// TestChangedRules lets those who wait in when nobody has to wait any more, and
// forgets a timeout.
func TestChangedRules(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "class"}, StartOnModerator: true, Timeout: 1})
	b.number("+15550000001", join("class", ""))
	b.dial("ann", annHz, "PCMU", "+15550000001")
	b.nth("conferencecall_joining", 0)
	var c *resource.Conference
	b.insert(func(tx *store.Tx) (err error) {
		c, err = rows.Conferences.Update(tx, customer, "class", func(c *resource.Conference) error {
			c.StartOnModerator, c.Timeout = false, 3600
			return nil
		})
		return err
	})
	b.rooms.Changed(c, false)
	b.joined(0)
	b.counts("class", "+1")
}

// TestEntryTone lets those inside hear that somebody comes and leaves.
func TestEntryTone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "polite"}, EntryTone: true})
	b.number("+15550000001", join("polite", ""))
	ann := b.enter("ann", annHz, "PCMU", "+15550000001")
	for range 2 { // her own coming, and bob's
		ann.hearsOnce(t, "low")
		ann.hearsOnce(t, "high")
		if b.count("conference_participant_joined") == 1 {
			b.enter("bob", bobHz, "G722", "+15550000001").Hangup()
		}
	}
	ann.hearsOnce(t, "high")
}

// TestLeaving ends a stay in every state of it, in every way.
func TestLeaving(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.number("slow", `{"type": "sleep", "option": {"duration": 60000}}`)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "pin"}, Pin: "4711"})
	b.conference(resource.Conference{Identity: resource.Identity{ID: "flow"}, PreFlowID: "flowslow"})
	b.conference(resource.Conference{Identity: resource.Identity{ID: "waiting"}, StartOnModerator: true})
	b.conference(resource.Conference{Identity: resource.Identity{ID: "in"}})
	for i, id := range []string{"pin", "flow", "waiting", "in"} {
		number := fmt.Sprint("+1555000000", i)
		b.number(number, join(id, "")+`, {"type": "digits_send", "option": {"digits": "5"}}`)
		for _, how := range []string{"hang-up", "kick", "end"} {
			t.Run(id+" "+how, func(t *testing.T) { b.leaves(t, id, number, how) })
		}
	}
}

// leaves brings a call into a conference and out again.
func (b *bench) leaves(t *testing.T, id, number, how string) {
	comings := b.count("conferencecall_joining")
	p := b.dial("ann", annHz, "PCMU", number)
	want := "ended"
	switch id {
	case "pin":
		if how == "kick" {
			how = "hang-up" // nobody is told of a call without the pin
		}
		wait(t, "answer", p.UpSignal())
		p.until(t, "the prompt", func(e *ear) bool { return e.peak > 0 })
	case "in":
		want = "joined"
		fallthrough
	default:
		b.nth("conferencecall_joining", comings)
	}
	if id == "in" {
		b.nth("conference_participant_joined", b.count("conference_participant_left"))
	}
	switch how {
	case "hang-up":
		p.Hangup()
	case "kick":
		var row resource.Conferencecall
		must(t, json.Unmarshal(b.nth("conferencecall_joining", comings).Data, &row))
		must(t, b.rooms.Kick(t.Context(), customer, row.ID))
	case "end":
		must(t, b.rooms.End(t.Context(), customer, id))
	}
	if got := b.result(); got != want {
		t.Errorf("result %s, want %s", got, want)
	}
	wait(t, "end of the call", p.Done())
	if c := b.shown(id); c.ParticipantCount != 0 || (c.Status == "terminated") != (how == "end") {
		t.Errorf("row %+v", c)
	}
}

// TestTimeout ends a conference for good when its time is over; its members'
// flows go on.
func TestTimeout(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "brief"}, Timeout: 1})
	b.number("+15550000001", join("brief", "")+`, {"type": "digits_send", "option": {"digits": "5"}}`)
	ann := b.enter("ann", annHz, "PCMU", "+15550000001")
	if got := b.result(); got != "joined" {
		t.Errorf("result %s", got)
	}
	wait(t, "end of the flow", ann.Done())
	if len(ann.Keys()) != 1 {
		t.Error("the flow did not go on")
	}
	settle(t, "is not terminated", func() int {
		if b.shown("brief").Status == "terminated" {
			return 0
		}
		return 1
	})
}

// TestFlowsAround runs a flow before and one after the stay.
func TestFlowsAround(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.number("before", `{"type": "digits_send", "option": {"digits": "1"}}`)
	b.number("after", `{"type": "digits_send", "option": {"digits": "3"}}`)
	b.conference(resource.Conference{Identity: resource.Identity{ID: "framed"}, PreFlowID: "flowbefore", PostFlowID: "flowafter"})
	b.number("+15550000001", join("framed", "")+`, {"type": "digits_send", "option": {"digits": "5"}}`)
	ann := b.enter("ann", annHz, "PCMU", "+15550000001")
	must(t, b.rooms.End(t.Context(), customer, "framed"))
	wait(t, "end of the flow", ann.Done())
	var keys string
	for len(ann.Keys()) > 0 {
		keys += string(<-ann.Keys())
	}
	if keys != "135" {
		t.Errorf("keys %q", keys)
	}
}
