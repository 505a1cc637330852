package call

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/event"
	"offhook/resource"
	"offhook/sip"
)

// ErrState is returned for what the call's status does not allow.
var ErrState = errors.New("the call is not in a state that allows this")

// Call is one party's connection: what the API, the events and a flow see.
// All methods may be called from any goroutine.
type Call struct {
	x      *Exchange
	ctx    context.Context
	cancel context.CancelCauseFunc

	keys  *digitBuffer
	stage stage

	answered chan struct{} // closed when the call is progressing
	ringing  chan struct{} // closed when the party is alerted, or answered
	done     chan struct{} // closed when everything of the call is over

	finishing atomic.Bool

	mu         sync.Mutex
	row        resource.Call
	leg        *Leg
	targets    []target // what is still to be tried, outgoing
	ending     *Cause   // why we end it, once decided
	script     *Script  // what runs on the call once it is up
	running    bool     // the script was started
	seat       *seat    // its place in a conversation
	place      Place    // its place in a conference
	recordings []*recording
	webhook    Webhook
	partyHolds bool // the party put us on hold
	apiHolds   bool
	headers    []sipmsg.Header // of its INVITEs, beside the target's
	durable    bool            // see DialOptions.Durable
	invites    int             // that were sent, of a durable call
	earlyRun   bool            // the script runs while it rings
	anonymous  bool            // the party does not see who calls
	onEarly    chan<- *Call
}

// Webhook is a flow's own receiver of the call's events.
type Webhook struct{ URI, Method string }

// Script is what runs on a call: a stored flow or actions of its own.
type Script struct {
	FlowID    string
	Actions   []resource.Action
	Variables map[string]string
}

// Script is what runs on the call once it is up; the zero Script: nothing.
func (c *Call) Script() Script {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.script == nil {
		return Script{}
	}
	return *c.script
}

// empty reports whether there is nothing to run.
func (s *Script) empty() bool { return s == nil || (s.FlowID == "" && len(s.Actions) == 0) }

// newCall makes a call that has no leg yet. Nobody finds it before create.
func (x *Exchange) newCall(row resource.Call) *Call {
	if row.ID == "" {
		row.ID = resource.NewID()
	}
	row.Type = "flow"
	row.ChainedCallIDs, row.RecordingIDs = []string{}, []string{}
	if row.Metadata == nil {
		row.Metadata = map[string]string{}
	}
	row.TMCreate = resource.Now()
	ctx, cancel := context.WithCancelCause(context.Background())
	c := &Call{
		x: x, ctx: ctx, cancel: cancel, row: row, keys: newDigitBuffer(),
		answered: make(chan struct{}), ringing: make(chan struct{}), done: make(chan struct{}),
	}
	return c
}

// ID returns the call's identifier.
func (c *Call) ID() string { return c.row.ID }

// CustomerID returns the call's owner.
func (c *Call) CustomerID() string { return c.row.CustomerID }

// Context ends with the call; its cause is a Cause.
func (c *Call) Context() context.Context { return c.ctx }

// Done is closed when the call is over, its recordings are closed and its last
// events are queued.
func (c *Call) Done() <-chan struct{} { return c.done }

// Ended is closed as soon as the call can no longer be talked on.
func (c *Call) Ended() <-chan struct{} { return c.ctx.Done() }

// AnsweredSignal is closed when the call has been answered.
func (c *Call) AnsweredSignal() <-chan struct{} { return c.answered }

// Snapshot returns the call as users see it now, with its sound path.
func (c *Call) Snapshot() resource.Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	row := c.copyRow()
	if c.leg != nil && row.Status != resource.StatusHangup {
		row.Media = c.leg.quality()
	}
	return row
}

// copyRow copies the row. The caller holds the lock.
func (c *Call) copyRow() resource.Call {
	row := c.row
	row.ChainedCallIDs = slices.Clone(row.ChainedCallIDs)
	row.RecordingIDs = slices.Clone(row.RecordingIDs)
	return row
}

func (c *Call) log() *slog.Logger { return c.x.cfg.Logger.With("call", c.row.ID) }

// status returns the present status.
func (c *Call) status() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.row.Status
}

// become moves the call forward to status and tells it; it reports false when
// the call is there already or beyond. The caller holds the lock.
func (c *Call) become(status string) bool {
	if rank[status] <= rank[c.row.Status] {
		return false
	}
	now := resource.Now()
	c.row.Status, c.row.TMUpdate = status, now
	switch status {
	case resource.StatusRinging:
		c.row.TMRinging = now
		close(c.ringing)
	case resource.StatusProgressing:
		if c.row.TMRinging == nil {
			close(c.ringing)
		}
		c.row.TMProgressing, c.row.Hold = now, c.partyHolds
		close(c.answered)
	}
	c.log().Info("call", "status", status, "direction", c.row.Direction,
		"from", c.row.Source.Target, "to", c.row.Destination.Target)
	c.save(event.OfCall("call_"+status, c.copyRow()))
	return true
}

// update changes the row and tells call_updated.
func (c *Call) update(change func(*resource.Call)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.row)
	c.row.TMUpdate = resource.Now()
	if c.row.Status != resource.StatusHangup {
		c.save(event.OfCall(event.CallUpdated, c.copyRow()))
	}
}

// AtAction shows which action of its flow the call is at.
func (c *Call) AtAction(a *resource.Action) {
	c.update(func(r *resource.Call) { r.Action = a })
}

// BindActiveflow notes the execution that runs on the call, and its own
// receiver of events.
func (c *Call) BindActiveflow(id, flowID string, w Webhook) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row.ActiveflowID, c.row.FlowID, c.webhook = id, flowID, w
}

// Answer answers an unanswered inbound call, and does nothing when the call is
// up. It waits for neither ACK nor sound.
func (c *Call) Answer(context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.row.Status == resource.StatusProgressing:
		return nil
	case c.row.Direction != resource.DirectionIncoming || c.leg == nil || c.row.Status != resource.StatusRinging:
		return ErrState
	}
	if err := c.leg.dialog.Answer(c.leg.description()); err != nil {
		return err
	}
	c.become(resource.StatusProgressing)
	return nil
}

// EarlyMedia lets an unanswered inbound caller hear us (183 with a session
// description). It does nothing on a call that is up.
func (c *Call) EarlyMedia() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	l := c.leg
	if c.row.Direction != resource.DirectionIncoming || c.row.Status != resource.StatusRinging || l == nil {
		return nil
	}
	l.mu.Lock()
	sent := l.early
	l.early = true
	l.mu.Unlock()
	if sent || l.dialog.Offer() == nil {
		return nil // an offer of ours could not be answered before the ACK
	}
	return l.dialog.Provisional(183, "Session Progress", l.description())
}

// Hangup ends the call with a cause, whatever it is doing. It does not wait;
// Done tells when it is over. A second hang-up changes nothing.
func (c *Call) Hangup(cause Cause) {
	c.mu.Lock()
	if c.ending != nil || c.row.Status == resource.StatusHangup {
		c.mu.Unlock()
		return
	}
	if cause.Reason == ReasonNormal && c.row.TMProgressing == nil && c.row.Direction == resource.DirectionOutgoing {
		cause = CauseOf(ReasonCancel)
	}
	c.ending = &cause
	c.targets = nil
	l, d := c.leg, (*sip.Dialog)(nil)
	if l != nil {
		d = l.dialog // nil until its INVITE has left
	}
	switch {
	case l == nil:
	case c.row.Status == resource.StatusProgressing || c.row.Direction == resource.DirectionIncoming:
		c.become(resource.StatusTerminating)
	default:
		c.become(resource.StatusCanceling)
	}
	c.mu.Unlock()
	c.cancel(cause)
	if d == nil {
		go c.finish(cause)
		return
	}
	if err := d.Hangup(sip.Cause{Status: cause.Status, Q850: cause.Q850}); err != nil {
		c.log().Debug("hang up", "error", err)
	}
}

// rang notes that the party is alerted.
func (c *Call) rang(l *Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leg == l && c.ending == nil && c.become(resource.StatusRinging) && c.earlyRun {
		c.start()
	}
}

// heardEarly notes that sound comes before the answer.
func (c *Call) heardEarly(l *Leg) {
	l.mu.Lock()
	first := !l.early
	l.early = true
	l.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if first && c.onEarly != nil && c.leg == l {
		select {
		case c.onEarly <- c:
		default:
		}
	}
}

// pickedUp notes that the party answered.
func (c *Call) pickedUp(l *Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leg != l || c.ending != nil || c.row.Direction == resource.DirectionIncoming {
		return
	}
	if c.become(resource.StatusProgressing) {
		c.start()
		if c.script != nil && !c.running {
			go c.Hangup(CauseOf(ReasonNormal)) // a call of its own with nothing to run: answered and over
		}
	}
}

// start runs the script once. The caller holds the lock.
func (c *Call) start() {
	if c.running || c.script.empty() {
		return
	}
	c.running = true
	s := *c.script
	c.x.work.Go(func() {
		c.x.cfg.Run(c.ctx, c, s)
		c.scriptEnded()
	})
}

// scriptEnded hangs the call up after its script.
func (c *Call) scriptEnded() { c.Hangup(CauseOf(ReasonNormal)) }

// legEnded is the end of a dialog: the next target is tried, or the call is over.
func (c *Call) legEnded(l *Leg, e sip.End) {
	c.mu.Lock()
	if c.leg != l {
		c.mu.Unlock()
		return
	}
	if c.durable && e.Status == 200 && c.row.TMProgressing == nil {
		c.row.TMProgressing = resource.Now() // the answer crossed our CANCEL
	}
	cause := c.causeOf(e)
	retry := cause.Retry && c.ending == nil && len(c.targets) > 0 && c.row.TMProgressing == nil
	if retry {
		c.leg, c.partyHolds = nil, false
		c.stage.move(nil)
		defer l.close()
	}
	if !retry && c.ending == nil {
		c.ending = &cause
	}
	c.mu.Unlock()
	if retry {
		c.log().Info("next route", "after", e.Status, "reason", e.Reason)
		c.x.work.Go(func() { c.dialNext(cause) })
		return
	}
	c.cancel(cause)
	go c.finish(cause)
}

// causeOf says why the dialog ended. The caller holds the lock.
func (c *Call) causeOf(e sip.End) Cause {
	if c.ending != nil {
		cause := *c.ending
		if cause.Q850 == 0 {
			cause.Q850 = e.Q850
		}
		return cause
	}
	unanswered := c.row.TMProgressing == nil
	if unanswered && c.row.Direction == resource.DirectionOutgoing {
		return causeOfStatus(e.Status, e.Reason)
	}
	cause := CauseOf(ReasonNormal)
	if unanswered {
		cause = CauseOf(ReasonCancel)
	}
	if e.Status == 408 && !unanswered {
		cause = CauseOf(ReasonTimeout)
	}
	cause.Remote, cause.Detail = !e.Local, e.Reason
	if e.Q850 != 0 {
		cause.Q850 = e.Q850
	}
	return cause
}

// finish closes everything of the call and tells its end. It runs once.
func (c *Call) finish(cause Cause) {
	if c.finishing.Swap(true) {
		return
	}
	c.leaveConversation()
	c.stopRecordings("hangup")
	c.mu.Lock()
	if c.leg != nil {
		c.row.Media = c.leg.quality()
		c.leg.close()
	}
	now := resource.Now()
	c.row.TMHangup, c.row.TMUpdate, c.row.Action = now, now, nil
	c.row.HangupBy, c.row.HangupReason, c.row.HangupDetail = cause.hangupBy(), cause.Reason, cause.Detail
	if c.row.TMProgressing != nil {
		c.row.Duration = int(now.Sub(*c.row.TMProgressing).Seconds())
	}
	c.row.Status = resource.StatusHangup
	row := c.copyRow()
	c.log().Info("call", "status", row.Status, "by", row.HangupBy, "reason", row.HangupReason,
		"detail", row.HangupDetail, "seconds", row.Duration)
	c.save(event.OfCall(event.CallHangup, row), event.OfCall(event.CallHungup, row))
	chained := c.row.ChainedCallIDs
	c.mu.Unlock()
	for _, id := range chained {
		if other, ok := c.x.Find(c.row.CustomerID, id); ok {
			other.Hangup(CauseOf(ReasonNormal))
		}
	}
	c.x.remove(c)
	close(c.done)
}

// chain makes other end when c ends.
func (c *Call) chain(other *Call) {
	c.mu.Lock()
	c.row.ChainedCallIDs = append(c.row.ChainedCallIDs, other.ID())
	over := c.ending != nil
	c.mu.Unlock()
	if over {
		other.Hangup(CauseOf(ReasonNormal))
	}
}

// unchain undoes chain: a transfer gives the other call a life of its own.
func (c *Call) unchain(other *Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.row.ChainedCallIDs = slices.DeleteFunc(c.row.ChainedCallIDs, func(id string) bool { return id == other.ID() })
}
