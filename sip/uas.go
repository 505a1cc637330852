package sip

import (
	"fmt"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// inviteServer is the initial INVITE of an inbound dialog.
type inviteServer struct {
	tx       *sipmsg.ServerTx
	cause    Cause // of a hang-up that waits for the ACK
	tagged   bool  // a response with our tag went out
	repeat   *time.Timer
	reliable reliableServer
	answer   func() // a 2xx that waits for PRACK
}

func (in *inviteServer) stop() {
	stopTimer(in.repeat)
	in.reliable.stop()
}

// provisionalRepeat keeps proxies from giving up a call that rings long (RFC
// 3261 13.3.1.1).
const provisionalRepeat = time.Minute

// newInbound makes the dialog of an INVITE.
func newInbound(s *Stack, req *sipmsg.Request, tx *sipmsg.ServerTx, source *flow) *Dialog {
	to, from := req.To(), req.From()
	d := &Dialog{
		stack: s, inbound: true, callID: req.CallID().Value(), localTag: newTag(), done: make(chan struct{}),
		state: ringing, invite: req, inviteSeq: req.CSeq().SeqNo, remoteTag: fromTag(req),
		source: source, remoteSeq: req.CSeq().SeqNo, hasSeq: true, contact: req.Recipient.User,
		in: &inviteServer{tx: tx},
	}
	d.log = s.log.With("call_id", d.callID)
	d.local = to.AsFrom()
	d.local.Params.Add("tag", d.localTag)
	d.remote = from.AsTo()
	d.offer.init()
	d.localSeq = initialSeq()
	for _, h := range req.GetHeaders("Record-Route") {
		if r, ok := h.(*sipmsg.RecordRouteHeader); ok {
			d.routes = append(d.routes, *r.Address.Clone())
		}
	}
	if contact := req.Contact(); contact != nil && contact.Address.Host != "" {
		d.target = *contact.Address.Clone()
		d.pinned = behindNAT(req, source)
	} else { // RFC 2543 wanted none: its sender is where it sends from
		d.target = *from.Address.Clone()
		d.pinned = true
	}
	d.learn(req)
	return d
}

func (d *Dialog) inviteKey() inviteKey {
	return inviteKey{d.callID, fromTag(d.invite), d.inviteSeq}
}

// learn remembers what the peer says that it can do.
func (d *Dialog) learn(m sipmsg.Message) {
	if len(m.GetHeaders("Allow")) > 0 {
		d.peer.update = hasToken(m, "Allow", "", "UPDATE")
	}
	if values := headerValues(m, "Supported", "k"); len(values) > 0 {
		d.peer.timer = supports(m, "timer")
		d.peer.replaces = supports(m, "replaces")
	}
}

// begin sends 100, or refuses what no handler could accept; then it returns
// true and the dialog is over.
func (d *Dialog) begin() (refused bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	req := d.invite
	status, headers := 0, []sipmsg.Header(nil)
	if d.session.offered(req, d.stack.cfg); d.session.tooSmall {
		status = 422
		headers = append(headers, minSE(d.stack.cfg.MinSE))
	}
	if status != 0 {
		d.respondInvite(status, "", nil, headers...)
		d.state = terminated
		d.maybeForget()
		return true
	}
	if sdpOf(req) != nil {
		d.offer.remote = sdpOf(req)
	}
	d.respondInvite(100, "", nil)
	return false
}

// response builds a response of the dialog to req, with our tag and Contact.
func (d *Dialog) response(req *sipmsg.Request, status int, reason string, sdp []byte, headers ...sipmsg.Header) *sipmsg.Response {
	if reason == "" {
		reason = ReasonPhrase(status)
	}
	res := sipmsg.NewResponseFromRequest(req, status, clean(reason), nil)
	if status > 100 {
		res.To().Params.Add("tag", d.localTag)
		res.AppendHeader(sipmsg.NewHeader("Server", d.stack.cfg.UserAgent))
	}
	if status > 100 && status < 300 && (req.IsInvite() || req.Method == sipmsg.UPDATE) {
		res.AppendHeader(d.stack.contact(d.contact, d.source))
		res.AppendHeader(sipmsg.NewHeader("Allow", allowed))
		res.AppendHeader(sipmsg.NewHeader("Supported", supported))
	}
	for _, h := range headers {
		res.AppendHeader(h)
	}
	setSDP(res, sdp)
	return res
}

// reply sends a response of the dialog; mu is held.
func (d *Dialog) reply(tx *sipmsg.ServerTx, req *sipmsg.Request, status int, reason string, sdp []byte, headers ...sipmsg.Header) {
	if err := tx.Respond(d.response(req, status, reason, sdp, headers...)); err != nil {
		d.log.Debug("sip response not sent", "method", req.Method, "status", status, "error", err)
	}
}

// respondInvite answers the initial INVITE; mu is held.
func (d *Dialog) respondInvite(status int, reason string, sdp []byte, headers ...sipmsg.Header) {
	d.reply(d.in.tx, d.invite, status, reason, sdp, headers...)
	if status > 100 {
		d.in.tagged = true
	}
}

// Provisional sends a provisional response, 101 to 199, to the INVITE, with a
// session description or nil. An empty reason is filled in. It goes reliably
// (RFC 3262) when the caller requires that, or supports it and sdp is given. It
// is repeated each minute.
func (d *Dialog) Provisional(status int, reason string, sdp []byte, headers ...sipmsg.Header) error {
	if status <= 100 || status > 199 {
		return fmt.Errorf("sip: %d is no provisional status", status)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state != ringing || d.in.answer != nil {
		return ErrState
	}
	if sdp != nil {
		d.offer.local = sdp
	}
	if requires(d.invite, "100rel") || sdp != nil && supports(d.invite, "100rel") {
		d.sendReliable(status, reason, sdp, headers)
		return nil
	}
	d.respondInvite(status, reason, sdp, headers...)
	d.repeatProvisional(status, reason, sdp, headers)
	return nil
}

func (d *Dialog) repeatProvisional(status int, reason string, sdp []byte, headers []sipmsg.Header) {
	stopTimer(d.in.repeat)
	d.in.repeat = d.after(provisionalRepeat, func() {
		if d.state == ringing && d.in.answer == nil {
			d.respondInvite(status, reason, sdp, headers...)
			d.repeatProvisional(status, reason, sdp, headers)
		}
	})
}

// Answer accepts the INVITE with a session description: the answer, or our
// offer when the caller's is late (Offer() == nil), whose answer then arrives in
// Answered. It does not block; the 2xx is repeated until the ACK. Without an
// ACK within 32 s the dialog is hung up with Ended (Status 408). sdp may be nil
// when a reliable provisional response carried the answer.
func (d *Dialog) Answer(sdp []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.state != ringing || d.in.answer != nil {
		return ErrState
	}
	if d.in.reliable.blocksAnswer() {
		// RFC 3262 3: no 2xx before the PRACK of a session description.
		d.in.answer = func() { d.apply(wantAnswer, event{answer: sdp}) }
		return nil
	}
	d.apply(wantAnswer, event{answer: sdp})
	return nil
}

// Reject refuses the INVITE with a final status of 300 to 699 and ends the
// dialog. An empty reason is filled in.
func (d *Dialog) Reject(status int, reason string, headers ...sipmsg.Header) error {
	if status < 300 || status > 699 {
		return fmt.Errorf("sip: %d does not refuse", status)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.apply(wantReject, event{cause: Cause{Status: status, Reason: reason}, headers: headers}) {
		return ErrState
	}
	return nil
}

// sendRefusal ends a ringing dialog by a final response; mu is held.
func (d *Dialog) sendRefusal(e event) {
	c := e.cause
	if c.Status < 300 || c.Status > 699 {
		c.Status = 480
	}
	headers := e.headers
	if c.Q850 != 0 {
		headers = append(headers, q850Header(c))
	}
	d.respondInvite(c.Status, c.Reason, nil, headers...)
	d.finish(localEnd(c.Status, c))
}

// sendSuccess sends the 2xx of the initial INVITE; mu is held.
func (d *Dialog) sendSuccess(sdp []byte) {
	stopTimer(d.in.repeat)
	d.in.reliable.stop()
	late := sdpOf(d.invite) == nil && !d.offer.answeredEarly
	d.succeed(d.in.tx, d.invite, sdp, late)
}

// receiveCancel ends the INVITE that is still unanswered. It reports false when
// cancel is not for this dialog's INVITE.
func (d *Dialog) receiveCancel(cancel *sipmsg.Request, source *flow, invite *sipmsg.ServerTx) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.in == nil || d.in.tx != invite {
		return false
	}
	res := d.response(cancel, 200, "", nil)
	if err := responseFlow(cancel, source).WriteMsg(res); err != nil {
		d.log.Debug("sip response not sent", "method", cancel.Method, "error", err)
	}
	e := peerEnd(cancel)
	e.Status = 487
	d.apply(heardCancel, event{end: e})
	return true
}
