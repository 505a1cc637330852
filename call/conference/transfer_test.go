package conference_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
	"offhook/sip"
	"offhook/store"
	"offhook/store/rows"
)

const danHz = 1700.0

func init() { names[danHz] = "dan" }

// meeting is a conference with ann, its moderator, and bob, a participant, on
// registered phones; dan's phone answers whoever calls it.
type meeting struct {
	*bench
	ann, bob *party
	dans     chan *phone.Call
	dan      *phone.Phone
}

func newMeeting(t *testing.T, rules resource.Conference) *meeting {
	t.Helper()
	m := &meeting{bench: newBench(t), dans: make(chan *phone.Call, 4)}
	rules.ID = "weekly"
	m.conference(rules)
	m.number("lead", join("weekly", `, "role": "moderator"`))
	m.number("join", join("weekly", ""))
	m.ann = m.member("ann", annHz, "lead")
	m.bob = m.member("bob", bobHz, "join")
	m.dan = m.desk("dan", func(c *phone.Call) {
		if err := errors.Join(c.Ring(), c.Answer()); err != nil {
			t.Error(err)
		}
		m.dans <- c
	})
	matrix(t, "before", map[*party]string{m.ann: "bob", m.bob: "ann"})
	return m
}

// desk is a registered phone.
func (b *bench) desk(name string, incoming func(*phone.Call)) *phone.Phone {
	b.t.Helper()
	b.insert(func(tx *store.Tx) error {
		return rows.Extensions.Insert(tx, &resource.Extension{Identity: resource.Identity{ID: name, CustomerID: customer}, Extension: name, Password: "secret"})
	})
	p := b.phone(phone.Config{User: name, Password: "secret", Incoming: incoming})
	must(b.t, p.Register(b.t.Context(), time.Minute))
	return p
}

// member lets a registered phone join.
func (m *meeting) member(name string, hz float64, number string) *party {
	m.t.Helper()
	n := m.count("conference_participant_joined")
	p := m.party(name, hz, m.call(m.desk(name, nil), number))
	p.stay = m.joined(n)
	return p
}

func (m *meeting) call(p *phone.Phone, user string) *phone.Call {
	m.t.Helper()
	c, err := p.Dial(m.t.Context(), fmt.Sprintf("sip:%s@%s", user, m.addr), "")
	must(m.t, err)
	wait(m.t, "answer", c.UpSignal())
	return c
}

// transfer hands a member's place to dan's extension through the API.
func (m *meeting) transfer(of *party, o call.TransferOptions) *call.Handover {
	m.t.Helper()
	live, ok := m.x.Find(customer, of.stay.ReferenceID)
	if !ok {
		m.t.Fatal("the call is gone")
	}
	o.Destinations = []resource.Address{{Type: resource.TypeExtension, Target: "dan"}}
	row, err := live.Transfer(m.t.Context(), o)
	must(m.t, err)
	h, ok := m.x.FindTransfer(customer, row.ID)
	if !ok && row.Type == "attended" {
		m.t.Fatalf("transfer %+v is over", row)
	}
	return h
}

// arrives waits until dan's phone is in a call.
func (m *meeting) arrives() *party {
	m.t.Helper()
	select {
	case c := <-m.dans:
		return m.party("dan", danHz, c)
	case <-time.After(patience):
		m.t.Fatal("dan is not called")
		return nil
	}
}

// role is what a call is in the conference now, "" when it is not in it.
func (m *meeting) role(of *party, want string) {
	m.t.Helper()
	must(m.t, m.db.Flush(m.t.Context()))
	list, err := rows.Conferencecalls.Find(m.t.Context(), m.db, rows.KeyLive, "1")
	must(m.t, err)
	got := ""
	for _, row := range list {
		if c, ok := m.x.Find(customer, row.ReferenceID); ok && c.Snapshot().Destination.Target == of.name {
			got = row.Role
		}
	}
	if got != want {
		m.t.Errorf("%s has the role %q, want %q", of.name, got, want)
	}
}

func TestPlaceIsHandedOverBlindly(t *testing.T) {
	t.Parallel()
	m := newMeeting(t, resource.Conference{MaxParticipants: 2})
	m.transfer(m.bob, call.TransferOptions{Blind: true})
	dan := m.arrives()
	wait(t, "bob is let go", m.bob.Done())
	matrix(t, "after", map[*party]string{m.ann: "dan", dan: "ann"})
	m.role(dan, "participant")
	m.nth("transfer_completed", 0)
	dan.Hangup()
	matrix(t, "dan has left", map[*party]string{m.ann: ""})
}

// TestPlaceIsKeptWhileItsMemberConsults has the only moderator of a conference
// that ends with it talk to dan outside: nobody in the conference hears that,
// and it goes on.
func TestPlaceIsKeptWhileItsMemberConsults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		end   string
		act   func(*meeting, *call.Handover, *party)
		after string // in the conference with bob
		event string
	}{
		{"canceled", func(m *meeting, h *call.Handover, _ *party) { _, _ = h.Cancel(m.t.Context()) }, "ann", "transfer_cancelled"},
		{"completed", func(m *meeting, h *call.Handover, _ *party) { _, _ = h.Complete(m.t.Context()) }, "dan", "transfer_completed"},
		{"by hanging up", func(m *meeting, _ *call.Handover, _ *party) { m.ann.Hangup() }, "dan", "transfer_completed"},
		{"dan hangs up", func(_ *meeting, _ *call.Handover, dan *party) { dan.Hangup() }, "ann", "transfer_failed"},
	} {
		t.Run(tc.end, func(t *testing.T) {
			t.Parallel()
			m := newMeeting(t, resource.Conference{EndOnModeratorLeave: true})
			h := m.transfer(m.ann, call.TransferOptions{})
			dan := m.arrives()
			matrix(t, "consulting", map[*party]string{m.ann: "dan", dan: "ann", m.bob: ""})
			if n := m.shown("weekly").ParticipantCount; n != 2 {
				t.Errorf("%d participants while one consults, want 2", n)
			}
			tc.act(m, h, dan)
			m.nth(tc.event, 0)
			in, out := dan, m.ann
			if tc.after == "ann" {
				in, out = m.ann, dan
			}
			wait(t, out.name+" is let go", out.Done())
			matrix(t, "after", map[*party]string{m.bob: in.name, in: "bob"})
			if in == dan {
				m.role(dan, "moderator")
			}
		})
	}
}

// TestRemovedWhileConsulting kicks a member who talks to dan outside: its flow
// goes on, and dan is let go.
func TestRemovedWhileConsulting(t *testing.T) {
	t.Parallel()
	m := newMeeting(t, resource.Conference{})
	m.transfer(m.bob, call.TransferOptions{})
	dan := m.arrives()
	matrix(t, "consulting", map[*party]string{m.bob: "dan", dan: "bob", m.ann: ""})
	var refused *sip.StatusError
	if err := m.bob.Refer(t.Context(), "sip:ann@"+m.addr.String(), "", func(int) {}); !errors.As(err, &refused) || refused.Status != 491 {
		t.Errorf("REFER while consulting: %v, want 491", err)
	}
	must(t, m.rooms.Kick(t.Context(), customer, m.bob.stay.ID))
	wait(t, "dan is let go", dan.Done())
	if r := m.result(); r != "joined" {
		t.Errorf("bob's conference_join says %q", r)
	}
	wait(t, "bob's flow has come to its end", m.bob.Done())
	m.nth("transfer_failed", 0)
}

// refer asks for a transfer from a phone and returns what NOTIFY tells, up to
// the end.
func (m *meeting) refer(from *phone.Call, to string, replaces *phone.Call) []int {
	m.t.Helper()
	told, over := []int{}, make(chan struct{})
	name := ""
	if replaces != nil {
		d := replaces.Dialog()
		name = d.CallID() + ";to-tag=" + d.RemoteTag() + ";from-tag=" + d.LocalTag()
	}
	must(m.t, from.Refer(m.t.Context(), fmt.Sprintf("sip:%s@%s", to, m.addr), name, func(status int) {
		if told = append(told, status); status >= 200 {
			close(over)
		}
	}))
	wait(m.t, "the outcome is told", over)
	return told
}

// TestReferFromAConference has a participant's phone transfer its own call, and
// a moderator's bring somebody in.
func TestReferFromAConference(t *testing.T) {
	t.Parallel()
	m := newMeeting(t, resource.Conference{})
	if told := m.refer(m.bob.Call, "dan", nil); told[0] != 100 || told[len(told)-1] != 200 {
		t.Errorf("bob was told %v", told)
	}
	dan := m.arrives()
	wait(t, "bob is let go", m.bob.Done())
	matrix(t, "bob's place is dan's", map[*party]string{m.ann: "dan", dan: "ann"})

	if told := m.refer(m.ann.Call, "dan", nil); told[0] != 100 || told[len(told)-1] != 200 {
		t.Errorf("ann was told %v", told)
	}
	guest := m.party("cid", cidHz, (<-m.dans))
	matrix(t, "ann has brought in cid", map[*party]string{m.ann: "cid dan", dan: "ann cid", guest: "ann dan"})
	m.counts("weekly", "+1 +2 +3 -2 +3")
}

// TestReferReplacesIntoAConference has phones bring whom they talk to beside
// the conference into it, by either of their two dialogs.
func TestReferReplacesIntoAConference(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"the conference's dialog", "the other dialog"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			m := newMeeting(t, resource.Conference{})
			second := m.call(m.bob.Phone(), "dan")
			dan := m.arrives()
			from, other := m.bob.Call, second
			if by == "the other dialog" {
				from, other = second, m.bob.Call
			}
			told := m.refer(from, "dan", other)
			if !slices.Equal(told, []int{100, 200}) {
				t.Errorf("bob was told %v", told)
			}
			wait(t, "bob's first call ends", m.bob.Done())
			wait(t, "bob's second call ends", second.Done())
			matrix(t, "after", map[*party]string{m.ann: "dan", dan: "ann"})
			live := m.shown("weekly").ConferencecallIDs
			must(t, m.rooms.Kick(t.Context(), customer, live[1]))
			wait(t, "a kick ends dan's call, which has no flow", dan.Done())
		})
	}
}

// TestTwoConferencesAreNotMerged holds that what can't be is refused with its
// reason.
func TestTwoConferencesAreNotMerged(t *testing.T) {
	t.Parallel()
	m := newMeeting(t, resource.Conference{})
	second := m.call(m.bob.Phone(), "join")
	m.joined(2)
	d := second.Dialog()
	err := m.bob.Refer(t.Context(), "sip:join@"+m.addr.String(), d.CallID()+";to-tag="+d.RemoteTag()+";from-tag="+d.LocalTag(), func(int) {})
	var refused *sip.StatusError
	if !errors.As(err, &refused) || refused.Status != 403 || refused.Reason != "Both Are Conferences" {
		t.Errorf("REFER: %v", err)
	}
}

// TestPhoneChangesWithinAConference has a second phone take over a member's
// place by INVITE with Replaces (RFC 4579 5.8).
func TestPhoneChangesWithinAConference(t *testing.T) {
	t.Parallel()
	m := newMeeting(t, resource.Conference{EndOnModeratorLeave: true})
	d := m.ann.Dialog()
	c, err := m.dan.Replace(t.Context(), "sip:lead@"+m.addr.String(), "", d.CallID()+";to-tag="+d.RemoteTag()+";from-tag="+d.LocalTag())
	must(t, err)
	wait(t, "answer", c.UpSignal())
	wait(t, "ann's first phone is let go", m.ann.Done())
	dan := m.party("dan", danHz, c)
	matrix(t, "after", map[*party]string{m.bob: "dan", dan: "bob"})
}
