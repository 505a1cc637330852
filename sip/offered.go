package sip

import (
	"strconv"

	sipmsg "github.com/emiago/sipgo/sip"
)

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
	case d.offer.ours || d.offer.owed != nil || req.IsInvite() && (d.state == calling || d.state == proceeding):
		d.reply(tx, req, 491, "", nil)
		return
	case d.offer.theirs != nil || d.state == ringing && !d.offer.complete() || d.unconfirmed != nil && req.IsInvite() || d.state == ringing && req.IsInvite():
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
	d.refreshTarget(req)
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
	d.refreshTarget(p.req)
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

// cancelOffer refuses a re-INVITE that the handler still looks at (RFC 3261
// 9.2). It reports false when there is none with this transaction.
func (d *Dialog) cancelOffer(invite *sipmsg.ServerTx) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p := d.offer.theirs; p == nil || p.tx != invite {
		return false
	}
	d.refusePending()
	d.offer.wake()
	return true
}

// refusePending answers an offer that is still open when the dialog ends (RFC
// 3261 15.1.2); mu is held.
func (d *Dialog) refusePending() {
	if p := d.offer.theirs; p != nil {
		d.offer.theirs = nil
		d.reply(p.tx, p.req, 487, "", nil)
	}
}
