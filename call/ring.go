package call

import (
	"context"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/resource"
)

// ringOptions describe an attempt to reach any of several destinations.
type ringOptions struct {
	customerID   string
	source       resource.Address
	destinations []resource.Address
	timeout      time.Duration
	linear       bool // one after the other instead of all at once
	master       *Call
	anonymous    string
	groupcall    string
	metadata     map[string]string
	headers      []sipmsg.Header // of every INVITE
	durable      bool            // see DialOptions.Durable
	onCall       func(*Call)     // told of each call when it is placed
	onEarly      func(*Call)     // told once of the first call that sends sound before its answer
}

// ring calls the destinations and returns the first call that was answered;
// the others are cancelled. Without an answer it returns nil and the cause
// that says most. It returns early, with everything cancelled, when ctx ends.
func (x *Exchange) ring(ctx context.Context, o ringOptions) (*Call, Cause) {
	if o.timeout <= 0 {
		o.timeout = defaultRingTimeout
	}
	plans := x.plans(ctx, o.customerID, o.destinations)
	if len(plans) == 0 {
		return nil, CauseOf(ReasonFailed)
	}
	if !o.linear {
		return x.ringAll(ctx, o, plans)
	}
	var last Cause
	for _, p := range plans {
		c, cause := x.ringAll(ctx, o, []plan{p})
		if c != nil || ctx.Err() != nil {
			return c, cause
		}
		last = tellingMore(last, cause)
	}
	return nil, last
}

// ringAll rings all plans at once.
func (x *Exchange) ringAll(ctx context.Context, o ringOptions, plans []plan) (*Call, Cause) {
	outcome := make(chan *Call, len(plans))
	early := make(chan *Call, len(plans))
	calls := make([]*Call, 0, len(plans))
	for _, p := range plans {
		c := x.dial(dialOptions{
			customerID: o.customerID, source: o.source, plan: p, timeout: o.timeout,
			master: o.master, anonymous: o.anonymous, groupcall: o.groupcall, metadata: o.metadata, headers: o.headers, durable: o.durable, onEarly: early,
		})
		calls = append(calls, c)
		if o.onCall != nil {
			o.onCall(c)
		}
		go func() {
			select {
			case <-c.answered:
			case <-c.ctx.Done():
			}
			outcome <- c
		}()
	}
	winner, cause := x.firstAnswer(ctx, outcome, early, len(plans), o.onEarly)
	for _, c := range calls {
		if c == winner {
			continue
		}
		lost := CauseOf(ReasonCancel)
		if winner != nil {
			lost.Q850 = 26 // non-selected user: somebody else answered
		}
		c.Hangup(lost)
	}
	return winner, cause
}

// firstAnswer waits for the first of n calls to be answered.
func (x *Exchange) firstAnswer(ctx context.Context, outcome, early <-chan *Call, n int, onEarly func(*Call)) (*Call, Cause) {
	var best Cause
	for n > 0 {
		select {
		case c := <-outcome:
			if c.ctx.Err() == nil {
				return c, Cause{}
			}
			best = tellingMore(best, c.cause())
			n--
		case c := <-early:
			if onEarly != nil {
				onEarly(c)
				onEarly = nil
			}
		case <-ctx.Done():
			return nil, CauseOf(ReasonCancel)
		}
	}
	return nil, best
}

// cause is why the call ended.
func (c *Call) cause() Cause {
	if cause, ok := context.Cause(c.ctx).(Cause); ok {
		return cause
	}
	return CauseOf(ReasonFailed)
}

// weight orders what several destinations answered: a person who rang and did
// not answer says more than a busy line, and that more than a failure.
var weight = map[string]int{ConnectFailed: 1, ConnectRejected: 2, ConnectBusy: 3, ConnectNoAnswer: 4}

func tellingMore(a, b Cause) Cause {
	if weight[b.Connect] > weight[a.Connect] {
		return b
	}
	return a
}
