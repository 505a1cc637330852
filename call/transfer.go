package call

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/event"
	"offhook/media/tone"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// TransferOptions describe a transfer.
type TransferOptions struct {
	ID           string
	Blind        bool
	Destinations []resource.Address
	Context      map[string]any
	RingTimeout  time.Duration
	// Progress is told how the new party's call goes: 180, 200 or its failure.
	// May be nil.
	Progress func(status int)
}

// transfers are those that are not over.
type transfers struct {
	mu   sync.Mutex
	live map[string]*Handover // by customer and id
}

// Handover is a transfer under way: it hands a conversation from its transferer to somebody new.
//
// Attended: consulting → completed | canceled | failed. The transferer talks
// to the new party while the others are parked; completing it, or hanging up,
// leaves the others with the new party. A transferer who hangs up before the
// answer has made it a blind one. Blind: ringing → completed | failed.
type Handover struct {
	x          *Exchange
	transferer *Call
	talk       *conversation

	mu      sync.Mutex
	row     resource.Transfer
	target  *Call // who answered
	decided chan string
	over    chan struct{}
}

// Transfer begins to hand the conversation of c to the first of the
// destinations that answers. It returns when the new party's call has been
// placed.
func (c *Call) Transfer(ctx context.Context, o TransferOptions) (resource.Transfer, error) {
	s := c.seatNow()
	if s == nil || len(s.talk.others(c)) == 0 {
		return resource.Transfer{}, fmt.Errorf("%w: it is not talking to anybody", ErrState)
	}
	if c.x.transferring(s.talk) {
		return resource.Transfer{}, fmt.Errorf("%w: its conversation is being transferred already", ErrState)
	}
	if row, ok := c.requeue(o); ok {
		return row, nil
	}
	t := &Handover{x: c.x, transferer: c, talk: s.talk, decided: make(chan string, 8), over: make(chan struct{})}
	t.row = resource.Transfer{
		Identity: resource.Identity{ID: o.ID, CustomerID: c.CustomerID(), TMCreate: resource.Now()},
		Type:     "attended", Status: "consulting", TransfererCallID: c.ID(),
		TransfereeAddresses: o.Destinations, Context: o.Context,
	}
	if o.Blind {
		t.row.Type, t.row.Status = "blind", "ringing"
	}
	if t.row.ID == "" {
		t.row.ID = resource.NewID()
	}
	c.x.transfers.mu.Lock()
	c.x.transfers.live[callKey(t.row.CustomerID, t.row.ID)] = t
	c.x.transfers.mu.Unlock()
	placed := make(chan struct{})
	c.x.work.Go(func() { t.run(o, sync.OnceFunc(func() { close(placed) })) })
	select {
	case <-placed:
	case <-t.over:
	case <-ctx.Done():
	}
	return t.snapshot(), nil
}

// transferring reports whether somebody is transferring a conversation.
func (x *Exchange) transferring(v *conversation) bool {
	x.transfers.mu.Lock()
	defer x.transfers.mu.Unlock()
	for _, t := range x.transfers.live {
		if t.talk == v {
			return true
		}
	}
	return false
}

// FindTransfer returns a transfer that is not over.
func (x *Exchange) FindTransfer(customerID, id string) (*Handover, bool) {
	x.transfers.mu.Lock()
	defer x.transfers.mu.Unlock()
	t, ok := x.transfers.live[callKey(customerID, id)]
	return t, ok
}

func (t *Handover) snapshot() resource.Transfer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.row
}

// Complete leaves the others with the new party. It returns when that is so.
func (t *Handover) Complete(ctx context.Context) (resource.Transfer, error) {
	return t.decide(ctx, "complete")
}

// Cancel ends the new party's call and takes the others back.
func (t *Handover) Cancel(ctx context.Context) (resource.Transfer, error) {
	return t.decide(ctx, "cancel")
}

func (t *Handover) decide(ctx context.Context, what string) (resource.Transfer, error) {
	select {
	case t.decided <- what:
	case <-t.over:
	case <-ctx.Done():
	}
	select {
	case <-t.over:
		return t.snapshot(), nil
	case <-ctx.Done():
		return t.snapshot(), context.Cause(ctx)
	}
}

// run is the whole life of a transfer, in a straight line.
func (t *Handover) run(o TransferOptions, placed func()) {
	arrived := t.talk.expect() // the conversation stays open while we ring
	defer arrived()
	t.save(true)
	status := t.conduct(o, placed)
	t.mu.Lock()
	t.row.Status = status
	t.row.TMUpdate = resource.Now()
	t.mu.Unlock()
	t.x.transfers.mu.Lock()
	delete(t.x.transfers.live, callKey(t.row.CustomerID, t.row.ID))
	t.x.transfers.mu.Unlock()
	t.save(false)
	if name, ok := unsuccessful[status]; ok {
		e := t.transferer.route(event.TransferEnded(name, t.snapshot()))
		t.x.cfg.DB.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) })
	}
	close(t.over)
}

// unsuccessful names the events of transfers that came to nothing.
var unsuccessful = map[string]string{"failed": event.TransferFailed, "canceled": event.TransferCancelled}

// contextHeaders are the header fields that carry a transfer's context to the
// new party. Keys that are no token (RFC 3261 25.1) and long values stay out.
func contextHeaders(values map[string]any) []sipmsg.Header {
	var list []sipmsg.Header
	for _, key := range slices.Sorted(maps.Keys(values)) {
		value := fmt.Sprint(values[key])
		if !isToken(key) || len(value) > maxContextValue || strings.ContainsAny(value, "\r\n\x00") {
			continue
		}
		list = append(list, sipmsg.NewHeader(contextHeader+key, value))
	}
	return list
}

const (
	contextHeader   = "X-"
	maxContextValue = 512
)

func isToken(s string) bool {
	for _, r := range s {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.') {
			return false
		}
	}
	return s != ""
}

// conduct rings the new party and sees the transfer through; it returns the
// status in which it ended.
func (t *Handover) conduct(o TransferOptions, placed func()) string {
	others := t.talk.others(t.transferer)
	for _, s := range others {
		t.transferer.unchain(s.call)
		s.call.unchain(t.transferer)
		s.park(true)
	}
	defer unpark(others)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	blind, gone := o.Blind, t.begin(o, others)
	defer t.transferer.stage.set(layerRinging, nil)
	answer := t.ring(ctx, o, placed)
	for {
		select {
		case r := <-answer:
			return t.rung(r, o, others, blind)
		case what := <-t.decided:
			if what == "cancel" {
				cancel()
				<-answer
				return "canceled"
			}
			// completing before the answer makes it blind
			blind = true
			t.handOver(others)
		case <-gone:
			cancel()
			<-answer
			t.tell(o, 487)
			return "failed"
		case <-t.transferer.ctx.Done():
			if !blind {
				blind = true
				t.handOver(others)
			}
			if t.abandoned(others) {
				cancel()
				<-answer
				return "failed"
			}
			select { // the transferer is gone for good: wait for the answer or the others' end
			case r := <-answer:
				return t.rung(r, o, others, true)
			case <-others[0].left:
				cancel()
				<-answer
				return "failed"
			}
		}
	}
}

// begin lets everybody hear that somebody is rung. A transferer that transfers
// blindly is let go, unless it waits to be told how that goes; gone then says
// that nobody is left whom it could hand over.
func (t *Handover) begin(o TransferOptions, others []*seat) (gone <-chan struct{}) {
	switch {
	case o.Blind && o.Progress != nil:
		t.ringback(others)
		return others[0].left
	case o.Blind:
		t.handOver(others)
	default:
		t.transferer.stage.set(layerRinging, tone.New(t.transferer.rate(), tone.Ringback()))
	}
	return nil
}

// rungResult is what came of ringing the new party.
type rungResult struct {
	call  *Call
	cause Cause
}

// ring rings the new party in the background.
func (t *Handover) ring(ctx context.Context, o TransferOptions, placed func()) <-chan rungResult {
	answer := make(chan rungResult, 1)
	go func() {
		defer placed()
		c, cause := t.x.ring(ctx, ringOptions{
			customerID: t.row.CustomerID, source: t.transferer.otherParty(), destinations: o.Destinations,
			timeout: o.RingTimeout, headers: contextHeaders(o.Context),
			onCall: func(c *Call) {
				t.mu.Lock()
				if t.row.TransfereeCallID == "" {
					t.row.TransfereeCallID = c.ID()
				}
				t.mu.Unlock()
				placed()
			},
		})
		answer <- rungResult{c, cause}
	}()
	return answer
}

// otherParty is the caller id for a consultation: who the transferer is.
func (c *Call) otherParty() resource.Address {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.row.Direction == resource.DirectionOutgoing {
		return c.row.Source
	}
	return c.row.Destination
}

// rung goes on when the new party has answered or can't be had.
func (t *Handover) rung(r rungResult, o TransferOptions, others []*seat, blind bool) string {
	t.transferer.stage.set(layerRinging, nil)
	if r.call == nil {
		t.tell(o, statusOf(r.cause))
		return "failed"
	}
	t.mu.Lock()
	t.target, t.row.TransfereeCallID = r.call, r.call.ID()
	t.mu.Unlock()
	s, err := t.talk.join(r.call)
	if err != nil {
		r.call.Hangup(CauseOf(ReasonNormal))
		t.tell(o, 487)
		return "failed"
	}
	r.call.endWith(s)
	if blind {
		unpark(others)
		t.complete()
		t.release(o)
		return "completed"
	}
	t.tell(o, 200)
	return t.consult(s, others)
}

// consult lets transferer and new party talk until one of them decides.
func (t *Handover) consult(s *seat, others []*seat) string {
	for {
		select {
		case what := <-t.decided:
			if what == "cancel" {
				s.call.Hangup(CauseOf(ReasonNormal))
				<-s.left
				return "canceled"
			}
			unpark(others)
			t.complete()
			t.transferer.Hangup(CauseOf(ReasonNormal))
			return "completed"
		case <-t.transferer.ctx.Done():
			unpark(others)
			t.complete()
			return "completed"
		case <-s.left:
			return "failed"
		}
	}
}

// handOver lets the transferer go and the others hear that somebody is rung.
func (t *Handover) handOver(others []*seat) {
	t.ringback(others)
	t.transferer.Hangup(CauseOf(ReasonNormal))
}

// ringback lets the others hear that somebody is rung.
func (t *Handover) ringback(others []*seat) {
	for _, s := range others {
		s.call.stage.set(layerHold, tone.New(s.call.rate(), tone.Ringback()))
	}
}

// release tells the transferer that it has worked and lets it go, which may
// take as long as its phone takes to hear that; meanwhile nobody hears it.
func (t *Handover) release(o TransferOptions) {
	if s := t.transferer.seatNow(); s != nil {
		s.member.SetMute(true)
	}
	t.x.work.Go(func() {
		t.tell(o, 200)
		t.transferer.Hangup(CauseOf(ReasonNormal))
	})
}

// abandoned reports whether nobody is left to be handed over.
func (t *Handover) abandoned(others []*seat) bool {
	for _, s := range others {
		if s.call.ctx.Err() == nil {
			return false
		}
	}
	return true
}

func unpark(seats []*seat) {
	for _, s := range seats {
		s.park(false)
	}
}

// complete tells that the new party has taken over.
func (t *Handover) complete() {
	row := t.snapshot()
	from, to := t.x.personOf(t.transferer), t.x.personOf(t.target)
	t.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		return tx.Emit(t.transferer.route(event.TransferCompleted(row, from, to)))
	})
}

// personOf names who is behind a call: the agent that owns the address, else
// the address's target.
func (x *Exchange) personOf(c *Call) string {
	row := c.Snapshot()
	a := row.Destination
	if row.Direction == resource.DirectionIncoming {
		a = row.Source
	}
	agents, err := rows.All(context.Background(), x.cfg.DB, rows.Agents, row.CustomerID)
	if err == nil {
		for _, agent := range agents {
			for _, own := range agent.Addresses {
				if own.Target == a.Target || own.Target == a.TargetName && a.TargetName != "" {
					return agent.ID
				}
			}
		}
	}
	return a.Target
}

func (t *Handover) tell(o TransferOptions, status int) {
	if o.Progress != nil {
		o.Progress(status)
	}
}

// statusOf is a cause as a SIP status.
func statusOf(c Cause) int {
	if c.Status >= 300 {
		return c.Status
	}
	return CauseOf(c.Reason).Status
}

// save writes the transfer's row.
func (t *Handover) save(create bool) {
	row := t.snapshot()
	t.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		if create {
			return rows.Transfers.Insert(tx, &row)
		}
		return rows.Transfers.Put(tx, &row)
	})
}
