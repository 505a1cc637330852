package sip

import (
	sipmsg "github.com/emiago/sipgo/sip"
)

// inviteFailed: there will be no final response.
func (d *Dialog) inviteFailed(c *client, err error) {
	if c != d.out.client {
		return
	}
	e := End{Status: 503, Reason: "Transport Error"}
	if isTimeout(err) {
		e = End{Status: 408, Reason: "No Response"}
	}
	d.apply(heardFailure, event{end: e})
}

// ringTimeout gives up a call that nobody answers.
func (d *Dialog) ringTimeout() {
	if d.state == calling || d.state == proceeding {
		d.apply(wantHangup, event{end: End{Local: true, Status: 408, Reason: "No Answer"}})
	}
}

// silent gives up a peer that has said nothing at all. The transaction goes on:
// should it answer yet, it is told that the call is over.
func (d *Dialog) silent() {
	if d.state == calling {
		d.apply(wantHangup, event{end: End{Status: 408, Reason: "No Response"}})
	}
}

// inviteResponse takes a response to an attempt of the INVITE, with mu held.
func (d *Dialog) inviteResponse(c *client, res *sipmsg.Response) {
	if c != d.out.client {
		return // an attempt that was refused with 401 or 422 already
	}
	switch {
	case res.StatusCode == 100:
		d.apply(heardProvisional, event{res: res})
	case res.IsProvisional():
		d.provisional(res)
	case res.IsSuccess():
		d.success(res)
	case d.retry(res):
	default:
		e := peerEnd(res)
		e.Status, e.RetryAfter = res.StatusCode, retryAfterOf(res)
		if e.Reason == "" {
			e.Reason = res.Reason
		}
		for _, h := range res.GetHeaders("Contact") {
			if contact, ok := h.(*sipmsg.ContactHeader); ok && res.IsRedirection() {
				e.Contacts = append(e.Contacts, *contact.Address.Clone())
			}
		}
		d.apply(heardFailure, event{res: res, end: e})
	}
}

// retry sends the INVITE again when the refusal says how: with credentials, or
// with a longer session interval.
func (d *Dialog) retry(res *sipmsg.Response) bool {
	if d.state != calling && d.state != proceeding || d.out.tries >= 3 {
		return false
	}
	switch res.StatusCode {
	case 401, 407, 422:
	default:
		return false
	}
	d.out.tries++
	// The refused attempt's To tag made no dialog (RFC 3261 8.1.3.5).
	d.remoteTag = ""
	d.remote.Params.Remove("tag")
	req := d.authorize(d.invite, res)
	if req == nil && res.StatusCode == 422 && d.session.raise(res) {
		req = d.newInvite()
		if d.credentials != nil {
			d.credentials.Apply(req)
		}
	}
	if req == nil {
		return false
	}
	if err := d.sendInvite(req, d.out.flow); err != nil {
		d.log.Debug("sip INVITE not sent again", "error", err)
		return false
	}
	d.state = calling
	return true
}

// provisional takes 101 to 199: it may make an early dialog (RFC 3261 12.1).
func (d *Dialog) provisional(res *sipmsg.Response) {
	if d.state > cancelling {
		return
	}
	if toTag(res) != d.remoteTag {
		d.establish(res) // of a forked INVITE the branch heard last counts
	}
	if !d.prack(res) {
		d.apply(heardProvisional, event{res: res})
	}
}

// progressed tells the handler; 100 only stops retransmission.
func (d *Dialog) progressed(res *sipmsg.Response) {
	if res.StatusCode == 100 {
		return
	}
	sdp := sdpOf(res)
	if d.out.opts.Offer == nil {
		sdp = nil // a late offer; it is answered in PRACK or not at all
	}
	if sdp != nil {
		d.offer.remote = sdp
	}
	status := res.StatusCode
	d.tell(func(h DialogHandler) { h.Progress(status, sdp) })
}

// establish takes the peer's tag, target and route set from a response that
// makes a dialog (RFC 3261 12.1.2).
func (d *Dialog) establish(res *sipmsg.Response) {
	tag := toTag(res)
	if tag == "" {
		return
	}
	d.remoteTag = tag
	d.remote.Params.Add("tag", tag)
	d.routes = nil
	for _, h := range res.GetHeaders("Record-Route") {
		if r, ok := h.(*sipmsg.RecordRouteHeader); ok {
			d.routes = append([]sipmsg.Uri{*r.Address.Clone()}, d.routes...)
		}
	}
	if res.Contact() != nil {
		d.retarget(&res.Contact().Address)
	}
	d.learn(res)
}

// refreshTarget takes the Contact of a re-INVITE or UPDATE (RFC 3261 12.2.2).
func (d *Dialog) refreshTarget(req *sipmsg.Request) {
	contact := req.Contact()
	if contact == nil {
		return
	}
	moved := hopOf(&d.target) != hopOf(&contact.Address)
	d.target = *contact.Address.Clone()
	if moved {
		d.pinned = behindNAT(req, d.source)
	}
}

// retarget points the dialog at the peer's Contact. When that is the very
// address that we call through a given next hop, or one that cannot be reached
// from here, requests keep going where the INVITE went.
func (d *Dialog) retarget(contact *sipmsg.Uri) {
	h := hopOf(contact)
	moved := h != hopOf(&d.target)
	d.target = *contact.Clone()
	if d.inbound && !moved {
		return // what its INVITE showed still holds
	}
	to, ok := h.literal()
	if !ok || to.Addr() == d.source.remote.Addr() {
		d.pinned = false
		return
	}
	d.pinned = unreachable(to.Addr(), d.source.remote.Addr())
	if d.out != nil && d.out.opts.NextHop != "" {
		called := hopOf(&d.out.opts.To)
		d.pinned = d.pinned || called.host == h.host && called.port == h.port
	}
}

// success takes a 2xx: the first one, its retransmission, or one of another
// branch of a forked INVITE.
func (d *Dialog) success(res *sipmsg.Response) {
	tag := toTag(res)
	switch {
	case d.offer.owed != nil || d.repeatAck(res):
	case d.state <= cancelling:
		d.establish(res)
		d.apply(heardSuccess, event{res: res})
	case tag != d.remoteTag:
		d.releaseFork(tag, res)
	}
}

// accepted acknowledges the 2xx that made the dialog and tells the handler.
func (d *Dialog) accepted(res *sipmsg.Response) {
	d.out.stop()
	sdp := sdpOf(res)
	d.session.agreed(d, res)
	if sdp != nil {
		d.offer.remote = sdp
	}
	if d.out.opts.Offer != nil || d.offer.answeredEarly {
		d.acknowledge(res, func() { d.tell(func(h DialogHandler) { h.Answered(sdp) }) })
		return
	}
	d.answerLate(d.invite, res, func() {
		d.tell(func(h DialogHandler) { h.Answered(nil) })
	})
}

// acknowledge sends the ACK of the 2xx that made the dialog, after Heard has
// returned where there is one; then done is called, mu held both times.
func (d *Dialog) acknowledge(res *sipmsg.Response, done func()) {
	heard := d.out.opts.Heard
	if heard == nil {
		d.sendAck(d.invite, res, nil)
		done()
		return
	}
	owed := &owedAck{d.invite, res}
	d.offer.owed = owed
	d.tell(func(DialogHandler) {
		heard()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.offer.owed == owed { // else hung up meanwhile
			d.payAck(nil)
			done()
		}
	})
}

// answerLate asks the handler for the answer to the offer in a 2xx and puts it
// into the ACK; then done is called, mu held both times. An offer that we cannot
// take is acknowledged and hung up: a 2xx cannot be refused.
func (d *Dialog) answerLate(invite *sipmsg.Request, res *sipmsg.Response, done func()) {
	owed := &owedAck{invite, res}
	d.offer.owed = owed
	d.tell(func(h DialogHandler) {
		answer, status := h.Offered(sdpOf(res))
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.offer.owed != owed {
			return // hung up meanwhile
		}
		if answer == nil || status < 200 || status > 299 {
			d.payAck(nil)
			d.apply(lostPeer, event{end: End{Status: 488}, cause: Cause{Status: 488, Reason: "Not Acceptable Here"}})
			return
		}
		d.offer.local = answer
		d.payAck(answer)
		done()
	})
}

// payAck sends the ACK that is owed, if one is; mu is held.
func (d *Dialog) payAck(answer []byte) {
	if o := d.offer.owed; o != nil {
		d.offer.owed = nil
		d.offer.wake()
		d.sendAck(o.invite, o.res, answer)
	}
}

// acknowledgeAndRelease ends a call that was answered while we gave it up.
func (d *Dialog) acknowledgeAndRelease(res *sipmsg.Response) {
	heard := d.out.opts.Heard
	if heard == nil {
		d.sendAck(d.invite, res, nil)
		d.sendBye(d.out.cause)
		return
	}
	d.offer.owed = &owedAck{d.invite, res}
	d.tell(func(DialogHandler) {
		heard()
		d.mu.Lock()
		defer d.mu.Unlock()
		d.sendBye(d.out.cause)
		d.out.end.Status = 200
		d.finish(d.out.end)
	})
}

// releaseFork acknowledges and hangs up a 2xx of another branch (RFC 3261
// 13.2.2.4). The branch is a dialog of its own that nobody is told of.
func (d *Dialog) releaseFork(tag string, res *sipmsg.Response) {
	fork := d.out.forks[tag]
	if fork == nil {
		fork = &Dialog{
			stack: d.stack, log: d.log, callID: d.callID, localTag: d.localTag, done: make(chan struct{}),
			state: terminated, ended: true, invite: d.invite, inviteSeq: d.inviteSeq, local: d.local,
			source: d.source, localSeq: d.inviteSeq, contact: d.contact, credentials: d.credentials, out: d.out,
			remote: sipmsg.ToHeader{DisplayName: d.remote.DisplayName, Address: d.remote.Address, Params: sipmsg.NewParams()},
			target: d.out.opts.To,
		}
		d.out.forks[tag] = fork
	}
	fork.mu.Lock()
	defer fork.mu.Unlock()
	if fork.repeatAck(res) {
		return
	}
	fork.establish(res)
	fork.sendAck(fork.invite, res, nil)
	fork.sendBye(Cause{Status: 200, Reason: "Call completed elsewhere"})
}
