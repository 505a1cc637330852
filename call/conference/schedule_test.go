package conference_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/call"
	"offhook/call/conference"
	"offhook/call/phone"
	"offhook/flow"
	"offhook/resource"
	"offhook/store/rows"
)

// TestRandomSchedules lets 500 calls be connected, whispered to, transferred, put
// into conferences, held, muted, recorded and hung up at random moments, by all
// sides at once, in virtual time. Whatever happens, nothing may stay behind: no
// call, leg, dialog, port, goroutine or file, no row that is not closed, no
// event without its end.
func TestRandomSchedules(t *testing.T) {
	worlds := 10
	if testing.Short() {
		worlds = 2
	}
	seen := &tally{counts: map[string]int{}}
	t.Run("worlds", func(t *testing.T) {
		for seed := range worlds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { newStage(t, uint64(seed), seen).run(50) })
			})
		}
	})
	t.Log(seen.counts)
	if testing.Short() {
		return
	}
	for _, what := range []string{"transfer_completed", "transfer_failed", "transfer_cancelled", "recording_finished", "refused: being transferred", "two transfers at once"} {
		if seen.counts[what] == 0 {
			t.Errorf("no schedule came to %s", what)
		}
	}
}

// states are those in which calls are hung up.
var states = []string{"connect: rings", "connect: whisper", "connect: talks", "transfer: rings", "transfer: consults", "conference: waits", "conference: in"}

// sides are the ends of a call that may hang up.
var sides = []string{"caller", "callee"}

func side(c *call.Call) string {
	if c.Snapshot().Direction == resource.DirectionOutgoing {
		return "callee"
	}
	return "caller"
}

// tally counts what the schedules have come to.
type tally struct {
	mu     sync.Mutex
	counts map[string]int
}

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

// n is a random number below max.
func (s *stage) n(max int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.luck.IntN(max)
}

// pause waits for a random moment.
func (s *stage) pause() { time.Sleep(time.Duration(s.n(700)) * time.Millisecond) }

// run lets so many schedules go on side by side, and looks for what is left.
func (s *stage) run(schedules int) {
	var desks []*phone.Phone
	for _, name := range []string{"1001", "1002"} {
		desks = append(desks, s.phone(name, "secret", s.callee))
	}
	third := s.phone("1003", "secret", s.callee) // has a flow's calls too
	trunk := s.phone("caller", "", nil)
	var all sync.WaitGroup
	for i := range schedules {
		all.Go(func() {
			time.Sleep(time.Duration(s.n(20000)) * time.Millisecond)
			from := trunk
			if i%2 == 0 {
				from = third
			}
			s.schedule(from)
		})
	}
	all.Wait()
	time.Sleep(2 * time.Minute) // longer than anybody does anything
	s.nobodyRingsForEver()
	s.close(append(desks, third, trunk)...)
}

// nobodyRingsForEver looks for unanswered calls that nobody gives up. Some may have
// come late, after the long ring of a transfer, so each is held to its own age.
func (s *stage) nobodyRingsForEver() {
	const longest = 90 * time.Second // a REFER's ring is 60 s, and its caller may wait for that
	for _, c := range s.x.Calls() {
		row := c.Snapshot()
		if age := time.Since(*row.TMCreate); row.TMProgressing == nil && age > longest {
			raw, err := json.Marshal(row)
			s.t.Errorf("%v after it came, a call is unanswered: %s (%v)", age, raw, err)
		}
	}
}

// anything is what runs on every call that comes in.
func (s *stage) anything(ctx context.Context, c *call.Call) {
	for range 2 {
		switch s.n(5) {
		case 0, 1:
			s.confer(ctx, c)
		default:
			s.connect(ctx, c)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

func (s *stage) state(c *call.Call, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[c.ID()] = state
}

func (s *stage) stateOf(c *call.Call) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[c.ID()]
}

// connect is a connect with random options.
func (s *stage) connect(ctx context.Context, c *call.Call) {
	o := call.ConnectOptions{
		RingTimeout: time.Duration(1+s.n(6)) * time.Second, EarlyMedia: s.n(2) == 0, RelayReason: s.n(3) == 0,
		Destinations: []resource.Address{{Type: "extension", Target: "1001"}},
	}
	if s.n(3) == 0 {
		o.Destinations = append(o.Destinations, resource.Address{Type: "extension", Target: "1002"})
	}
	whispers := s.n(3) == 0
	if whispers {
		o.Whisper = &call.Whisper{Message: call.Prompt{Kind: call.PromptBeep}, AcceptKey: "1", RejectKey: "2", Timeout: 4 * time.Second}
	}
	if s.n(3) == 0 {
		_ = c.Answer(ctx)
		_ = c.MusicStart("")
	}
	s.state(c, "connect: rings")
	o.Placed = func(callee *call.Call) {
		s.state(callee, "connect: rings")
		context.AfterFunc(closing(callee.AnsweredSignal(), callee.Ended()), func() {
			if whispers && s.stateOf(c) == "connect: rings" {
				s.state(c, "connect: whisper")
				s.state(callee, "connect: whisper")
			}
		})
	}
	o.Talking = func(callee *call.Call) {
		s.state(c, "connect: talks")
		s.state(callee, "connect: talks")
	}
	_, _ = c.Connect(ctx, o)
	s.state(c, "")
}

// closing is a context that ends with the first of two channels.
func closing(a, b <-chan struct{}) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		select {
		case <-a:
		case <-b:
		}
	}()
	return ctx
}

// confer joins one of the conferences.
func (s *stage) confer(ctx context.Context, c *call.Call) {
	o := flow.Room{ConferenceID: []string{"open", "led"}[s.n(2)], MuteOnJoin: s.n(4) == 0}
	if s.n(3) == 0 {
		o.Role = conference.Moderator
	}
	s.state(c, "conference: waits")
	_, _ = s.rooms.Of(c).JoinConference(ctx, o)
	s.state(c, "")
}

// callee treats a call to a phone in some way that people do.
func (s *stage) callee(c *phone.Call) {
	s.pause()
	switch s.n(8) {
	case 0:
		_ = c.Reject(486)
		return
	case 1:
		_ = c.Ring() // and never answered
		return
	case 2:
		_ = c.EarlyMedia()
	default:
		_ = c.Ring()
	}
	s.pause()
	_ = c.Answer()
	s.pause()
	if s.n(2) == 0 {
		_ = c.SendDigits(context.Background(), []string{"1", "2"}[s.n(2)])
	}
	for range 3 {
		s.pause()
		s.press(c)
	}
	if s.n(2) == 0 {
		c.Hangup()
	}
}

// press does something that a phone has a button for.
func (s *stage) press(c *phone.Call) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	switch s.n(5) {
	case 0:
		_ = c.Hold(ctx, true)
		s.pause()
		_ = c.Hold(ctx, false)
	case 1:
		_ = c.Refer(ctx, uri([]string{"1001", "1002", "open"}[s.n(3)]), "", func(int) {})
	case 2:
		s.attended(ctx, c)
	}
}

// attended calls somebody from the phone of a call and brings both together.
func (s *stage) attended(ctx context.Context, c *phone.Call) {
	second, err := c.Phone().Dial(ctx, uri([]string{"1002", "open", "+1555"}[s.n(3)]), "")
	if err != nil {
		return
	}
	select {
	case <-second.UpSignal():
		s.pause()
		d := second.Dialog()
		name := d.CallID() + ";to-tag=" + d.RemoteTag() + ";from-tag=" + d.LocalTag()
		if s.n(4) == 0 {
			_, _ = c.Phone().Replace(ctx, uri("x"), "", name)
		} else {
			_ = c.Refer(ctx, uri("x"), name, func(int) {})
		}
	case <-second.Done():
	case <-ctx.Done():
	}
	s.pause()
	second.Hangup()
}

// uri is a user of the exchange.
func uri(user string) string { return "sip:" + user + "@" + serverIP.String() + ":5060" }

// schedule places one call and disturbs it.
func (s *stage) schedule(p *phone.Phone) {
	c, err := p.Dial(s.t.Context(), uri("+1555"), "")
	if err != nil {
		s.t.Error(err)
		return
	}
	for range 6 {
		s.pause()
		if s.n(4) == 0 {
			s.press(c)
		} else {
			s.disturb()
		}
	}
	s.pause()
	c.Hangup()
	select {
	case <-c.Done():
	case <-time.After(time.Minute):
		s.t.Error("a caller's call did not end within a minute of its hang-up")
	}
}

// disturb does something to one of the live calls.
func (s *stage) disturb() {
	calls := s.x.Calls()
	if len(calls) == 0 {
		return
	}
	c := calls[s.n(len(calls))]
	switch s.n(9) {
	case 0, 1:
		s.hangUp(s.pick(calls, states[s.n(len(states))], sides[s.n(2)]))
	case 2:
		_ = c.Hold(s.n(2) == 0)
	case 3:
		c.Mute([]string{"in", "out", "both", ""}[s.n(4)])
	case 4:
		_, _ = c.RecordStart(s.t.Context(), call.RecordOptions{})
	case 5:
		s.conferenceControl()
	default:
		s.transfer(s.pick(calls, []string{"connect: talks", "conference: in"}[s.n(2)], sides[s.n(2)]))
	}
}

// pick is a call of one end in some state, if there is one, else any.
func (s *stage) pick(calls []*call.Call, state, end string) *call.Call {
	for _, i := range rand.Perm(len(calls)) {
		if c := calls[i]; s.stateOf(c) == state && side(c) == end && c.Context().Err() == nil {
			return c
		}
	}
	return calls[s.n(len(calls))]
}

func (s *stage) hangUp(c *call.Call) {
	s.seen.add(side(c) + " hangs up, " + s.stateOf(c))
	c.Hangup(call.CauseOf(call.ReasonNormal))
}

// conferenceControl kicks, mutes or clears.
func (s *stage) conferenceControl() {
	live, err := rows.Conferencecalls.Find(s.t.Context(), s.db, rows.KeyLive, "1")
	if err != nil || len(live) == 0 {
		return
	}
	id := live[s.n(len(live))].ID
	if s.n(2) == 0 {
		_ = s.rooms.Kick(s.t.Context(), customer, id)
	} else {
		_ = s.rooms.Mute(s.t.Context(), customer, id, s.n(2) == 0)
	}
}

// transfer begins a transfer, tries a second one beside it, and decides.
func (s *stage) transfer(c *call.Call) {
	o := call.TransferOptions{
		Blind: s.n(3) == 0, RingTimeout: time.Duration(1+s.n(4)) * time.Second,
		Destinations: []resource.Address{{Type: "extension", Target: []string{"1001", "1002"}[s.n(2)]}},
	}
	if s.n(4) == 0 {
		o.Destinations = []resource.Address{{Type: "conference", Target: "open"}}
	}
	var both sync.WaitGroup
	n := 1 + s.n(2)
	for range n {
		both.Go(func() {
			row, err := c.Transfer(s.t.Context(), o)
			switch {
			case err == nil:
				s.follow(c, row)
				s.decide(row)
			case !errors.Is(err, call.ErrState):
				s.t.Error(err)
			case strings.Contains(err.Error(), "being transferred"):
				s.seen.add("refused: being transferred")
			}
		})
	}
	both.Wait()
	if n == 2 {
		s.seen.add("two transfers at once")
	}
}

// follow notes the states of who takes part in a transfer.
func (s *stage) follow(transferer *call.Call, row resource.Transfer) {
	to, ok := s.x.Find(customer, row.TransfereeCallID)
	if !ok {
		return
	}
	s.state(transferer, "transfer: rings")
	s.state(to, "transfer: rings")
	context.AfterFunc(closing(to.AnsweredSignal(), to.Ended()), func() {
		s.state(transferer, "transfer: consults")
		s.state(to, "transfer: consults")
	})
}

func (s *stage) decide(row resource.Transfer) {
	h, ok := s.x.FindTransfer(row.CustomerID, row.ID)
	if !ok {
		return
	}
	s.pause()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	switch s.n(4) {
	case 0, 1:
		_, _ = h.Complete(ctx)
	case 2:
		_, _ = h.Cancel(ctx)
	}
}
