package call

import (
	"context"
	"net/netip"
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/event"
	"offhook/resource"
	"offhook/sip"
	"offhook/sip/sdp"
)

// defaultRingTimeout is how long a party is rung when nobody says otherwise.
const defaultRingTimeout = 60 * time.Second

// dialOptions describe one call out.
type dialOptions struct {
	customerID string
	id         string // chosen by the client
	source     resource.Address
	plan       plan
	script     *Script
	early      bool // the script runs while it rings
	timeout    time.Duration
	master     *Call
	groupcall  string
	anonymous  string
	metadata   map[string]string
	headers    []sipmsg.Header // of every INVITE
	durable    bool            // see DialOptions.Durable
	onEarly    chan<- *Call    // receives the call when sound comes before the answer; must have room
}

// dial registers a call out and starts it; it does not wait.
func (x *Exchange) dial(o dialOptions) *Call {
	row := resource.Call{
		Identity: resource.Identity{ID: o.id, CustomerID: o.customerID}, Source: o.source, Destination: o.plan.address,
		Direction: resource.DirectionOutgoing, GroupcallID: o.groupcall, Metadata: o.metadata,
	}
	if o.script != nil {
		row.FlowID = o.script.FlowID
	}
	if o.master != nil {
		row.MasterCallID = o.master.ID()
	}
	c := x.newCall(row)
	c.mu.Lock()
	c.targets, c.script, c.earlyRun = o.plan.targets, o.script, o.early
	c.headers, c.durable = o.headers, o.durable
	c.anonymous, c.onEarly = o.anonymous == "yes", o.onEarly
	c.row.Status = resource.StatusDialing
	c.log().Info("call", "status", c.row.Status, "direction", c.row.Direction, "from", o.source.Target, "to", o.plan.address.Target)
	created := c.copyRow()
	c.create(event.OfCall(event.CallCreated, created), event.OfCall(event.CallDialing, created))
	c.mu.Unlock()
	if o.master != nil {
		o.master.chain(c)
	}
	first := causeOfStatus(404, o.plan.fault)
	first.Remote = false
	if o.timeout <= 0 {
		o.timeout = defaultRingTimeout
	}
	x.work.Go(func() {
		if o.durable && !c.written() {
			c.Hangup(CauseOf(ReasonFailed))
			return
		}
		x.work.Go(func() { c.dialNext(first) }) // names and connections may take longer than the call has
		c.expire(o.timeout)
	})
	return c
}

// expire gives a call up that nobody answers in time.
func (c *Call) expire(after time.Duration) {
	t := time.NewTimer(after)
	defer t.Stop()
	select {
	case <-c.answered:
	case <-c.ctx.Done():
	case <-t.C:
		c.Hangup(CauseOf(ReasonDialout))
	}
}

// dialNext tries the next target. When none is left the call ends with the
// cause of the last one.
func (c *Call) dialNext(last Cause) {
	for {
		t, ok := c.nextTarget(last)
		if !ok {
			return
		}
		cause, ok := c.try(t)
		if ok {
			return
		}
		last = cause
	}
}

// nextTarget takes a target off the list, or ends the call when none is left.
func (c *Call) nextTarget(last Cause) (target, bool) {
	c.mu.Lock()
	if c.ending != nil {
		c.mu.Unlock()
		return target{}, false
	}
	if len(c.targets) == 0 {
		c.ending = &last
		c.mu.Unlock()
		c.cancel(last)
		go c.finish(last)
		return target{}, false
	}
	t := c.targets[0]
	c.targets = c.targets[1:]
	c.mu.Unlock()
	return t, true
}

// try sends an INVITE to one target. It reports false with the cause when not
// even that worked; everything after that comes to the leg's methods.
func (c *Call) try(t target) (Cause, bool) {
	l, err := c.x.newLeg(c, peerOf(t), t.codecs)
	if err != nil {
		c.log().Error("no leg", "error", err)
		return causeOfStatus(503, err.Error()), false
	}
	c.mu.Lock()
	if c.ending != nil {
		c.mu.Unlock()
		l.close()
		return Cause{}, true
	}
	c.leg = l
	c.stage.move(l.port)
	options := c.inviteOptions(t, l)
	c.mu.Unlock()

	ctx, cancel := c.connecting(options)
	defer cancel()
	d, err := c.x.stack.Invite(ctx, options, l)
	if err != nil {
		c.dropLeg(l)
		return causeOfStatus(503, err.Error()), false
	}
	c.mu.Lock()
	l.mu.Lock()
	l.dialog = d
	l.mu.Unlock()
	ending := c.ending
	c.mu.Unlock()
	if ending != nil {
		_ = d.Hangup(sip.Cause{Status: ending.Status, Q850: ending.Q850}) // its end comes to Ended either way
	}
	return Cause{}, true
}

// connecting bounds how long a target may be looked up and connected to: until the
// call is over, and no longer than it may say nothing after that.
func (c *Call) connecting(o sip.InviteOptions) (context.Context, context.CancelFunc) {
	if o.FirstResponse > 0 {
		return context.WithTimeout(c.ctx, o.FirstResponse)
	}
	return context.WithCancel(c.ctx)
}

// dropLeg closes a leg that leads nowhere.
func (c *Call) dropLeg(l *Leg) {
	c.mu.Lock()
	if c.leg == l {
		c.leg = nil
		c.stage.move(nil)
	}
	c.mu.Unlock()
	l.close()
}

// firstResponse is how long a route may say nothing while there is another one
// to try: the retransmissions of four seconds (RFC 3261 17.1.1.2), not of 32.
const firstResponse = 4 * time.Second

// inviteOptions fills in who calls whom. The caller holds the lock.
func (c *Call) inviteOptions(t target, l *Leg) sip.InviteOptions {
	o := sip.InviteOptions{
		To: t.uri, NextHop: t.nextHop,
		From: c.row.Source.Target, FromDisplay: c.row.Source.Name,
		Offer:   l.sdp.Offer(sdp.SendRecv),
		Headers: slices.Concat(t.headers, c.headers), User: t.user, Password: t.password,
	}
	if len(c.targets) > 0 {
		o.FirstResponse = firstResponse
	}
	if c.durable {
		o.CallID, o.Heard = c.lastingID(), c.writeAnswer
	}
	if c.anonymous {
		// RFC 3323 4.1.1.3, with the identity for the carrier only (RFC 3325).
		o.Headers = append(o.Headers, sipmsg.NewHeader("Privacy", "id"),
			sipmsg.NewHeader("P-Asserted-Identity", "<sip:"+c.row.Source.Target+"@"+c.x.domainFor(peerOf(t))+">"))
		o.From, o.FromDisplay = "anonymous", "Anonymous"
	}
	return o
}

// peerOf is the address that a target is reached at, if it is written as one.
func peerOf(t target) netip.Addr {
	hop := t.nextHop
	for i := range hop {
		if hop[i] == ';' {
			hop = hop[:i]
			break
		}
	}
	if ap, err := netip.ParseAddrPort(hop); err == nil {
		return ap.Addr()
	}
	if a, err := netip.ParseAddr(t.uri.Host); err == nil {
		return a
	}
	return netip.Addr{}
}
