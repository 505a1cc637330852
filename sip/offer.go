package sip

import (
	"context"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// offerState keeps offers and answers apart: one exchange at a time in a dialog
// (RFC 3261 14, RFC 3311 5). Dialog.mu guards it.
type offerState struct {
	ours    bool // a re-INVITE or an offer of ours is unanswered
	sent    *exchange
	owed    *owedAck
	theirs  *pendingOffer
	changed chan struct{} // closed when an exchange ends
	local   []byte        // our latest session description, sent again by refreshes
	remote  []byte        // the peer's latest

	answeredEarly bool // the initial offer was answered by PRACK or a reliable response
}

// owedAck is the ACK of a 2xx whose late offer the handler looks at.
type owedAck struct {
	invite *sipmsg.Request
	res    *sipmsg.Response
}

// pendingOffer is a re-INVITE or UPDATE of the peer that the handler looks at.
type pendingOffer struct {
	req *sipmsg.Request
	tx  *sipmsg.ServerTx
}

func (o *offerState) init() { o.changed = make(chan struct{}) }

// wake lets those who wait for the end of an exchange look again.
func (o *offerState) wake() {
	if o.changed != nil {
		close(o.changed)
		o.changed = make(chan struct{})
	}
}

// complete tells whether the initial offer has been answered. In a dialog that
// is still early an UPDATE may offer only then (RFC 3311 5.1).
func (o *offerState) complete() bool { return o.local != nil && o.remote != nil }

// Reoffer sends a new offer (re-INVITE, or UPDATE while the dialog is early and
// the peer allows it) and returns the peer's answer. It waits for an exchange
// that is going on, and after a collision of offers (491) it backs off and
// tries again (RFC 3261 14.1). A refusal is a [StatusError] and leaves the
// session as it was. With a nil sdp the peer is asked for an offer, which comes
// in Offered; then the returned answer is nil.
func (d *Dialog) Reoffer(ctx context.Context, sdp []byte) (answer []byte, err error) {
	for {
		res, err := d.offerOnce(ctx, sdp)
		switch {
		case err != nil:
			return nil, err
		case res.IsSuccess() && sdp == nil:
			return nil, nil
		case res.IsSuccess():
			return sdpOf(res), nil
		case res.StatusCode != 491:
			return nil, statusError(res)
		}
		if err := d.pause(ctx, d.glareDelay()); err != nil {
			return nil, err
		}
	}
}

// glareDelay is how long to wait after a 491: the side that made the Call-ID
// waits longer (RFC 3261 14.1).
func (d *Dialog) glareDelay() time.Duration {
	if d.inbound {
		return time.Duration(d.stack.random(200)) * 10 * time.Millisecond
	}
	return 2100*time.Millisecond + time.Duration(d.stack.random(190))*10*time.Millisecond
}

func (d *Dialog) pause(ctx context.Context, t time.Duration) error {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.done:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// offerOnce sends one offer when no exchange is going on and waits for its
// final response.
func (d *Dialog) offerOnce(ctx context.Context, sdp []byte) (*sipmsg.Response, error) {
	type result struct {
		res *sipmsg.Response
		err error
	}
	results := make(chan result, 1)
	if err := d.awaitTurn(ctx); err != nil {
		return nil, err
	}
	// mu is held now.
	method := sipmsg.INVITE
	if d.state != confirmed {
		method = sipmsg.UPDATE
		if !d.peer.update || sdp == nil || !d.offer.complete() {
			d.mu.Unlock()
			return nil, ErrState
		}
	}
	sent := d.sendOffer(method, sdp, func(res *sipmsg.Response, err error) { results <- result{res, err} })
	d.mu.Unlock()
	select {
	case r := <-results:
		return r.res, r.err
	case <-d.done:
		return nil, ErrEnded
	case <-ctx.Done():
		d.withdraw(sent)
		return nil, ctx.Err()
	}
}

// withdraw cancels a re-INVITE that is not answered in time, so that it does
// not stand in the way of others. Without a provisional response Timer B ends
// it.
func (d *Dialog) withdraw(x *exchange) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if x.heard && d.offer.ours && x.req.IsInvite() {
		d.cancelRequest(x.req, x.flow, Cause{})
	}
}

// awaitTurn returns with mu held and no exchange going on.
func (d *Dialog) awaitTurn(ctx context.Context) error {
	for {
		d.mu.Lock()
		if d.ended {
			d.mu.Unlock()
			return ErrEnded
		}
		if !d.offer.ours && d.offer.theirs == nil && d.unconfirmed == nil && d.remoteTag != "" && d.offer.owed == nil {
			return nil
		}
		changed := d.offer.changed
		d.mu.Unlock()
		select {
		case <-changed:
		case <-d.done:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sendOffer sends a re-INVITE or UPDATE; mu is held, and held when done is
// called.
func (d *Dialog) sendOffer(method sipmsg.RequestMethod, sdp []byte, done func(*sipmsg.Response, error)) *exchange {
	d.offer.ours = true
	var sent *sipmsg.Request
	build := func() *sipmsg.Request {
		sent = d.newRequest(method)
		sent.AppendHeader(sipmsg.NewHeader("Allow", allowed))
		sent.AppendHeader(sipmsg.NewHeader("Supported", supported))
		d.session.ask(sent)
		setSDP(sent, sdp)
		return sent
	}
	x := d.send(build, func(res *sipmsg.Response, err error) {
		d.offer.ours, d.offer.sent = false, nil
		defer d.offer.wake()
		switch {
		case err != nil && isTimeout(err):
			d.apply(lostPeer, event{end: End{Status: 408, Reason: "No Response"}, cause: Cause{Reason: "No response"}})
		case err != nil:
		case res.IsSuccess():
			d.offerAccepted(sent, res, sdp)
		case res.StatusCode == 408 || res.StatusCode == 481: // RFC 3261 12.2.1.2
			d.apply(lostPeer, event{end: End{Status: res.StatusCode, Reason: res.Reason}})
		}
		done(res, err)
	})
	if d.offer.ours {
		d.offer.sent = x
	}
	return x
}

// abandon bounds the wait for the final response of a re-INVITE whose dialog is
// over: after a provisional one no timer of its transaction would.
func (x *exchange) abandon() {
	if x == nil || x.client == nil || !x.req.IsInvite() || x.client.final.Load() {
		return
	}
	time.AfterFunc(64*sipmsg.T1, x.client.tx.Terminate)
}

// offerAccepted takes the 2xx of a re-INVITE or UPDATE; mu is held.
func (d *Dialog) offerAccepted(req *sipmsg.Request, res *sipmsg.Response, sdp []byte) {
	if res.Contact() != nil {
		d.retarget(&res.Contact().Address)
	}
	d.session.agreed(d, res)
	if sdp != nil {
		d.offer.local = sdp
	}
	if body := sdpOf(res); body != nil {
		d.offer.remote = body
	}
	if !req.IsInvite() {
		return
	}
	if sdp != nil || d.ended {
		d.sendAck(req, res, nil)
		return
	}
	d.answerLate(req, res, func() {})
}
