package call

import (
	"context"
	"strings"
	"time"

	"offhook/resource"
	"offhook/sip/registrar"
)

// What services beyond the exchange, such as queues, need of calls.

// RingOptions describe an attempt to reach somebody for a service.
type RingOptions struct {
	CustomerID   string
	Source       resource.Address
	Destinations []resource.Address
	Timeout      time.Duration // 0: 60 s
	Linear       bool          // one after the other instead of all at once
	Master       *Call         // they end with it; nil: nobody
	Placed       func(*Call)   // told of each call when it is placed; may be nil
}

// Ring rings the destinations and returns the first call that is answered; the
// others are cancelled. Without an answer it returns nil and why. When ctx ends
// first, it returns with everything cancelled.
func (x *Exchange) Ring(ctx context.Context, o RingOptions) (*Call, Cause) {
	return x.ring(ctx, ringOptions{
		customerID: o.CustomerID, source: o.Source, destinations: o.Destinations,
		timeout: o.Timeout, linear: o.Linear, master: o.Master, onCall: o.Placed,
	})
}

// TalkWith lets the call talk with one that was answered, until it has left the
// conversation or ctx ends. The other call has no flow of its own: it ends with
// the conversation, or at once when that can't be.
func (c *Call) TalkWith(ctx context.Context, other *Call) error {
	mine, err := c.sitWith(ctx, other, nil)
	if err != nil {
		return err
	}
	return mine.sitOut(ctx)
}

// WatchKeys gives each key that the party presses from now on, until stop is
// called. They stay to be collected.
func (c *Call) WatchKeys() (keys <-chan Keypress, stop func()) { return c.keys.watch() }

// HasMusic reports whether MusicStart's music plays, or would but for a prompt.
func (c *Call) HasMusic() bool { return c.stage.has(layerMusic) }

// RecordEnd ends one of the call's recordings and waits until its file is whole.
func (c *Call) RecordEnd(id string) {
	c.mu.Lock()
	var r *recording
	for _, other := range c.recordings {
		if other.row.ID == id {
			r = other
		}
	}
	c.mu.Unlock()
	if r != nil {
		c.end(r, "stop")
		<-r.ended
	}
}

// hooks are what services want to know, or to answer.
type hooks struct {
	feature    func(e *resource.Extension, dialled string) (Script, bool)
	registered func(customerID, extensionID string, contacts int)
	requeue    func(transferer *Call, queueID string) bool
	stray      func(ref string, status int) bool
}

// OnFeature has f asked what a phone reaches that dials what is no number of the
// customer's. It is set before Start.
func (x *Exchange) OnFeature(f func(e *resource.Extension, dialled string) (Script, bool)) {
	x.hooks.feature = f
}

// OnRegistration has f told whenever an extension gained or lost phones. It must
// not block. It is set before Start.
func (x *Exchange) OnRegistration(f func(customerID, extensionID string, contacts int)) {
	x.hooks.registered = f
}

// featureOf asks the hook for what a phone dialled.
func (x *Exchange) featureOf(who caller, dialled string) (Script, bool) {
	if who.extension == nil || x.hooks.feature == nil {
		return Script{}, false
	}
	return x.hooks.feature(who.extension, dialled)
}

// contactsChanged notes where an address of record can be reached now.
func (d *door) contactsChanged(aor string, contacts []registrar.Contact) {
	d.phones.set(aor, contacts)
	customerID, extensionID, ok := strings.Cut(aor, "/")
	if ok && d.x.hooks.registered != nil {
		d.x.hooks.registered(customerID, extensionID, len(contacts))
	}
}
