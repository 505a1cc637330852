package sip

import (
	"context"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// offerState keeps offers and answers apart: one exchange at a time in a dialog
// (RFC 3261 14, RFC 3311 5). Dialog.mu guards it.
type offerState struct {
	ours    bool // a re-INVITE or an offer of ours is unanswered
	theirs  *pendingOffer
	changed chan struct{} // closed when an exchange ends
	local   []byte        // our latest session description, sent again by refreshes
	remote  []byte        // the peer's latest

	answeredEarly bool // the initial offer was answered by PRACK or a reliable response
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
		if !d.peer.update || sdp == nil {
			d.mu.Unlock()
			return nil, ErrState
		}
	}
	d.sendOffer(method, sdp, func(res *sipmsg.Response, err error) { results <- result{res, err} })
	d.mu.Unlock()
	select {
	case r := <-results:
		return r.res, r.err
	case <-d.done:
		return nil, ErrEnded
	case <-ctx.Done():
		return nil, ctx.Err()
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
		if !d.offer.ours && d.offer.theirs == nil && d.unconfirmed == nil && d.remoteTag != "" && (d.out == nil || d.out.late == nil) {
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
func (d *Dialog) sendOffer(method sipmsg.RequestMethod, sdp []byte, done func(*sipmsg.Response, error)) {
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
	d.send(build, func(res *sipmsg.Response, err error) {
		d.offer.ours = false
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
	offer := sdpOf(res)
	d.offer.ours = true // until the ACK with our answer
	d.tell(func(h DialogHandler) {
		answer, status := h.Offered(offer)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.offer.ours = false
		d.offer.wake()
		d.sendAck(req, res, answer)
		if answer == nil || status < 200 || status > 299 {
			d.apply(lostPeer, event{end: End{Status: 488}, cause: Cause{Status: 488, Reason: "Not Acceptable Here"}})
			return
		}
		d.offer.local = answer
	})
}

// receiveOffer takes a re-INVITE, or an UPDATE with or without an offer. Of two
// offers that meet, both are refused with 491 (RFC 3261 14.2, RFC 3311 5.2).
func (d *Dialog) receiveOffer(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	sdp := sdpOf(req)
	switch {
	case d.refusesInterval(req, tx):
		return
	case req.Method == sipmsg.UPDATE && sdp == nil:
		d.refreshed(req, tx)
		return
	case d.offer.ours || req.IsInvite() && (d.state == calling || d.state == proceeding):
		d.reply(tx, req, 491, "", nil)
		return
	case d.offer.theirs != nil || d.unconfirmed != nil && req.IsInvite() || d.state == ringing && req.IsInvite():
		d.reply(tx, req, 500, "", nil, sipmsg.NewHeader("Retry-After", strconv.Itoa(d.stack.random(10))))
		return
	}
	pending := &pendingOffer{req, tx}
	d.offer.theirs = pending
	d.tell(func(h DialogHandler) {
		answer, status := h.Offered(sdp)
		d.answerOffer(pending, answer, status)
	})
}

// refreshed answers an UPDATE that carries no offer: a new Contact, or a
// refresh of the session.
func (d *Dialog) refreshed(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	if req.Contact() != nil {
		d.retarget(&req.Contact().Address)
	}
	d.session.offered(req, d.stack.cfg)
	d.reply(tx, req, 200, "", nil, d.session.answer(d, req)...)
}

// answerOffer sends what the handler decided about the peer's offer.
func (d *Dialog) answerOffer(p *pendingOffer, answer []byte, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.offer.theirs != p {
		return // refused already: the dialog ended meanwhile
	}
	d.offer.theirs = nil
	defer d.offer.wake()
	if answer == nil || status < 200 || status > 299 {
		if status < 300 {
			status = 488
		}
		d.reply(p.tx, p.req, status, "", nil)
		return
	}
	if p.req.Contact() != nil {
		d.retarget(&p.req.Contact().Address) // target refresh, RFC 3261 12.2.2
	}
	d.session.offered(p.req, d.stack.cfg)
	offer := sdpOf(p.req)
	if offer != nil {
		d.offer.remote = offer
	}
	if p.req.IsInvite() {
		d.succeed(p.tx, p.req, answer, offer == nil)
		return
	}
	d.offer.local = answer
	d.reply(p.tx, p.req, 200, "", answer, d.session.answer(d, p.req)...)
}

// refusePending answers an offer that is still open when the dialog ends (RFC
// 3261 15.1.2); mu is held.
func (d *Dialog) refusePending() {
	if p := d.offer.theirs; p != nil {
		d.offer.theirs = nil
		d.reply(p.tx, p.req, 487, "", nil)
	}
}
