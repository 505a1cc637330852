package queue

import (
	"cmp"
	"context"
	"errors"
	"time"

	"offhook/event"
	"offhook/resource"
)

// What a queue that says nothing promises to a person who is called back.
const (
	defaultCallbackTries    = 3
	defaultCallbackInterval = 5 * time.Minute
	defaultCallbackRing     = 30 * time.Second
	defaultCallbackExpiry   = 24 * time.Hour
)

// callbackOf is what a queue's row says of callbacks, with defaults.
func callbackOf(q *resource.Queue) (tries int, interval, ring, expiry time.Duration) {
	return cmp.Or(q.CallbackTries, defaultCallbackTries), cmp.Or(milliseconds(q.CallbackInterval), defaultCallbackInterval),
		cmp.Or(milliseconds(q.CallbackRing), defaultCallbackRing), cmp.Or(milliseconds(q.CallbackExpiry), defaultCallbackExpiry)
}

// postpone lets a caller go who is to be called back. The visit comes back to
// its place in line when the caller has hung up.
func (f *floor) postpone(now time.Time, v *visit) {
	call := v.ctx
	_, _, _, expiry := callbackOf(&v.queue)
	expires := now.Add(expiry).UTC()
	v.back, v.ctx = true, context.WithoutCancel(v.ctx)
	f.line.Leave(now, v.row.ID)
	v.row.Status, v.row.ServiceAgentID = string(Waiting), ""
	v.row.Callback = &resource.Callback{
		To: v.who.Party, From: v.who.Dialled, TMExpires: &expires,
		WebhookURI: v.who.WebhookURI, WebhookMethod: v.who.WebhookMethod,
	}
	f.save(v, event.QueuecallCallback)
	f.expireAt(now, v, expires)
	context.AfterFunc(call, func() {
		f.c.with(f.customerID, func(f *floor, now time.Time) { f.lineUp(now, v) })
	})
}

// resume takes a callback up again that the last process promised.
func (f *floor) resume(now time.Time, row resource.Queuecall) {
	b := *row.Callback
	row.Callback = &b
	v := &visit{
		ctx: context.Background(), decided: make(chan struct{}), over: make(chan struct{}), back: true, row: row,
		who: Visitor{
			CustomerID: row.CustomerID, CallID: row.ReferenceID, ActiveflowID: row.ActiveflowID,
			WebhookURI: b.WebhookURI, WebhookMethod: b.WebhookMethod, Party: b.To, Dialled: b.From,
		},
		joined: timeOr(row.TMCreate, now), attempts: map[string]*attempt{},
	}
	v.arrived = timeOr(row.TMJoined, v.joined)
	if d := f.desks[row.QueueID]; d != nil {
		v.queue = d.row
	}
	v.row.Status, v.row.ServiceAgentID = string(Waiting), ""
	f.visits[row.ID] = v
	f.c.counters.waiting.Add(1)
	f.save(v)
	f.expireAt(now, v, timeOr(b.TMExpires, now.Add(defaultCallbackExpiry)))
	f.lineUpAt(now, v, timeOr(b.TMDue, now))
}

func timeOr(t *time.Time, otherwise time.Time) time.Time {
	if t == nil {
		return otherwise
	}
	return *t
}

// expireAt gives a callback up at a time.
func (f *floor) expireAt(now time.Time, v *visit, at time.Time) {
	time.AfterFunc(max(0, at.Sub(now)), func() {
		f.c.with(f.customerID, func(f *floor, now time.Time) {
			if f.visits[v.row.ID] == v && !v.taken {
				f.line.Leave(now, v.row.ID)
				f.abandon(now, v, "callback_expired")
			}
		})
	})
}

// lineUpAt puts a callback at its place in line again, at a time.
func (f *floor) lineUpAt(now time.Time, v *visit, at time.Time) {
	if !at.After(now) {
		f.lineUp(now, v)
		return
	}
	time.AfterFunc(at.Sub(now), func() {
		f.c.with(f.customerID, func(f *floor, now time.Time) { f.lineUp(now, v) })
	})
}

// lineUp puts a callback at its place in line, unless it is over or its queue is
// gone.
func (f *floor) lineUp(now time.Time, v *visit) {
	if f.visits[v.row.ID] == v && !f.line.Join(now, v.row.ID, v.row.QueueID, v.arrived) {
		f.abandon(now, v, "kicked")
	}
}

// callBack calls the person of a visit for the agent who has taken it.
func (c *Centre) callBack(v *visit) {
	_, _, ring, _ := callbackOf(&v.queue)
	reason := c.cfg.Switch.CallBack(v.talk.ctx, Callback{
		Agent: v.talk.agent, To: v.who.Party, From: v.who.Dialled, Timeout: ring, Record: v.queue.Record,
		Answered: func(callID string) {
			c.with(v.who.CustomerID, func(f *floor, now time.Time) {
				v.personID = callID
				f.limit(v)
				f.served(now, v)
			})
		},
	})
	if reason == "" {
		c.finish(v)
		return
	}
	cause := context.Cause(v.talk.ctx)
	v.talk.cancel(nil)
	v.talk.agent.Hangup()
	c.with(v.who.CustomerID, func(f *floor, now time.Time) { f.missed(now, v, reason, cause) })
}

// try begins a call to the person: it is written down before it is placed.
func (f *floor) try(v *visit) {
	v.row.Callback.Tries++
	v.row.Callback.TMDue, v.row.HangupReason = nil, ""
	f.save(v, event.QueuecallCallback)
}

// missed goes on after a call to the person that was not answered: another try
// after the interval, at the same place, while there are any. A try that the
// agent broke off does not count.
func (f *floor) missed(now time.Time, v *visit, reason string, cause error) {
	v.taken = false
	f.line.Leave(now, v.row.ID)
	if errors.Is(cause, errKicked) {
		f.abandon(now, v, "kicked")
		return
	}
	b := v.row.Callback
	tries, interval, _, _ := callbackOf(&v.queue)
	due := now.Add(interval).UTC()
	v.row.HangupReason = reason
	switch broken := reason == brokenOff || f.c.closing.Load(); {
	case broken:
		b.Tries--
		due = now.UTC()
	case b.Tries >= tries:
		f.abandon(now, v, "callback_unanswered")
		return
	}
	if b.TMExpires != nil && !due.Before(*b.TMExpires) {
		f.abandon(now, v, "callback_expired")
		return
	}
	b.TMDue, v.row.Status, v.row.ServiceAgentID = &due, string(Waiting), ""
	f.save(v, event.QueuecallCallback)
	if !f.c.closing.Load() {
		f.lineUpAt(now, v, due)
	}
}

// brokenOff is the reason of a call to a person whom the agent did not wait for.
const brokenOff = "cancel"
