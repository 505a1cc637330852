package call

import (
	"context"
	"sync"

	"offhook/event"
	"offhook/media/tone"
	"offhook/resource"
	"offhook/store"
)

// Handover is a transfer under way: it hands what its transferer is in, a
// conversation or a place in a conference, to somebody new.
//
// Attended: consulting → completed | canceled | failed. The transferer talks
// to the new party while the others wait; completing it, or hanging up, leaves
// the others with the new party. A transferer who hangs up before the answer has
// made it a blind one. Blind: ringing → completed | failed | canceled.
type Handover struct {
	x          *Exchange
	transferer *Call
	talk       *conversation // in which the transferer talks to the new party
	audience   audience

	mu      sync.Mutex
	row     resource.Transfer
	target  *Call // who answered
	decided chan string
	rang    chan struct{} // the new party is alerted
	over    chan struct{}
}

// audience is those whom a transferer hands over.
type audience interface {
	// wait lets them wait, and resume ends that, whatever has come of it.
	wait()
	resume()
	// ringback lets them hear that somebody is rung.
	ringback()
	// gone is closed when nobody is left who could be handed over, void when the
	// transferer has nothing to hand over any more.
	gone() <-chan struct{}
	void() <-chan struct{}
	// consult lets the new party talk with the transferer.
	consult(target *Call) (*seat, error)
	// take leaves them with the new party; consulted is its seat if there was a
	// consultation.
	take(target *Call, consulted *seat) error
	// keepsTransferer reports whether the transferer stays when it has worked.
	keepsTransferer() bool
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
	t.x.transfers.end(t)
	t.save(false)
	if name, ok := unsuccessful[status]; ok {
		e := t.transferer.Routed(event.TransferEnded(name, t.snapshot()))
		t.x.cfg.DB.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) })
		t.tell(o, 487) // where nothing else was told
	}
	close(t.over)
}

// unsuccessful names the events of transfers that came to nothing.
var unsuccessful = map[string]string{"failed": event.TransferFailed, "canceled": event.TransferCancelled}

// conduct rings the new party and sees the transfer through; it returns the
// status in which it ended.
func (t *Handover) conduct(o TransferOptions, placed func()) string {
	t.audience.wait()
	defer t.audience.resume()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	t.begin(o)
	defer t.transferer.stage.set(layerRinging, nil)
	answer := t.ring(ctx, o, placed)
	giveUp := func(status string) string {
		cancel()
		if r := <-answer; r.call != nil { // it was answered in the same moment
			r.call.Hangup(CauseOf(ReasonNormal))
		}
		return status
	}
	blind, left := o.Blind, t.transferer.ctx.Done()
	for {
		var gone <-chan struct{}
		if blind { // a transferer who consults may want to talk to the new party all the same
			gone = t.audience.gone()
		}
		select {
		case r := <-answer:
			return t.rung(r, o, blind)
		case <-t.rang:
			t.tell(o, 180)
		case what := <-t.decided:
			if what == "cancel" {
				return giveUp("canceled")
			}
			blind = true // to complete it before the answer makes it so
			t.letGo()
		case <-left:
			if left = nil; !blind {
				blind = true
				t.audience.ringback()
			}
		case <-gone:
			return giveUp("failed")
		case <-t.audience.void():
			return giveUp("failed")
		}
	}
}

// begin lets everybody hear that somebody is rung. A transferer that transfers
// blindly is let go, unless it waits to be told how that goes.
func (t *Handover) begin(o TransferOptions) {
	switch {
	case o.Blind && o.Progress != nil:
		t.audience.ringback()
	case o.Blind:
		t.letGo()
	default:
		t.transferer.stage.set(layerRinging, tone.New(t.transferer.rate(), tone.Ringback()))
	}
}

// rungResult is what came of ringing the new party.
type rungResult struct {
	call  *Call
	cause Cause
}

// ring rings the new party in the background.
func (t *Handover) ring(ctx context.Context, o TransferOptions, placed func()) <-chan rungResult {
	answer := make(chan rungResult, 1)
	t.x.work.Go(func() {
		defer placed()
		c, cause := t.x.ring(ctx, ringOptions{
			customerID: t.row.CustomerID, source: t.transferer.otherParty(), destinations: o.Destinations,
			timeout: o.RingTimeout, headers: contextHeaders(o.Context),
			onCall: func(c *Call) {
				t.placed(c)
				placed()
			},
		})
		answer <- rungResult{c, cause}
	})
	return answer
}

// placed notes a call to the new party, and hears when it is alerted.
func (t *Handover) placed(c *Call) {
	t.mu.Lock()
	first := t.row.TransfereeCallID == ""
	if first {
		t.row.TransfereeCallID = c.ID()
	}
	t.mu.Unlock()
	if first {
		t.save(false)
	}
	t.x.work.Go(func() {
		select {
		case <-c.ringing:
		case <-c.ctx.Done():
			return
		}
		select {
		case t.rang <- struct{}{}:
		default: // another one rings already
		}
	})
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
func (t *Handover) rung(r rungResult, o TransferOptions, blind bool) string {
	t.transferer.stage.set(layerRinging, nil)
	if r.call == nil {
		t.tell(o, statusOf(r.cause))
		return "failed"
	}
	t.mu.Lock()
	t.target, t.row.TransfereeCallID = r.call, r.call.ID()
	t.mu.Unlock()
	t.save(false) // of several, the one who answered
	if !blind {
		return t.consult(r.call)
	}
	if !t.hand(nil) {
		t.tell(o, 480)
		return "failed"
	}
	t.release(o)
	return "completed"
}

// hand leaves the others with the new party and tells it; false when that can't
// be, after which the new party is let go.
func (t *Handover) hand(consulted *seat) bool {
	if err := t.audience.take(t.target, consulted); err != nil {
		t.target.log().Info("the call could not be handed over to it", "error", err)
		t.target.Hangup(CauseOf(ReasonNormal))
		return false
	}
	t.complete()
	return true
}

// consult lets transferer and new party talk until one of them decides.
func (t *Handover) consult(target *Call) string {
	s, err := t.audience.consult(target)
	if err != nil {
		target.Hangup(CauseOf(ReasonNormal))
		return "failed"
	}
	giveUp := func(status string) string {
		target.Hangup(CauseOf(ReasonNormal))
		<-s.left
		return status
	}
	select {
	case what := <-t.decided:
		if what == "cancel" {
			return giveUp("canceled")
		}
	case <-t.transferer.ctx.Done():
	case <-t.audience.void():
		return giveUp("failed")
	case <-s.left:
		return "failed"
	}
	if !t.hand(s) {
		return "failed"
	}
	t.transferer.Hangup(CauseOf(ReasonNormal))
	return "completed"
}

// letGo lets the transferer go, and the others hear that somebody is rung.
func (t *Handover) letGo() {
	t.audience.ringback()
	t.transferer.Hangup(CauseOf(ReasonNormal))
}

// release tells the transferer that it has worked and lets it go, which may
// take as long as its phone takes to hear that; meanwhile nobody hears it.
func (t *Handover) release(o TransferOptions) {
	if t.audience.keepsTransferer() {
		t.tell(o, 200)
		return
	}
	if s := t.transferer.seatNow(); s != nil {
		s.silence()
	}
	t.x.work.Go(func() {
		t.tell(o, 200)
		t.transferer.Hangup(CauseOf(ReasonNormal))
	})
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
