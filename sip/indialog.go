package sip

import (
	sipmsg "github.com/emiago/sipgo/sip"
)

// receive takes a request inside the dialog, on the goroutine that reads the
// socket. It reports false when the request does not belong to the dialog, or
// the dialog is over.
func (d *Dialog) receive(req *sipmsg.Request, tx *sipmsg.ServerTx, source *flow) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if fromTag(req) != d.remoteTag {
		return false
	}
	seq := req.CSeq().SeqNo
	if d.hasSeq && seq <= d.remoteSeq {
		d.reply(tx, req, 500, "CSeq Out Of Order", nil) // RFC 3261 12.2.2
		return true
	}
	d.remoteSeq, d.hasSeq = seq, true
	if req.Method == sipmsg.BYE {
		d.receiveBye(req, tx)
		return true
	}
	if d.ended {
		return false
	}
	d.source = source
	switch req.Method {
	case sipmsg.INVITE, sipmsg.UPDATE:
		d.learn(req)
		d.receiveOffer(req, tx)
	case sipmsg.PRACK:
		d.receivePrack(req, tx)
	case sipmsg.OPTIONS:
		if err := tx.Respond(d.stack.Response(req, 200, "")); err != nil {
			d.log.Debug("sip response not sent", "error", err)
		}
	case sipmsg.INFO, sipmsg.REFER, sipmsg.NOTIFY, sipmsg.MESSAGE, sipmsg.SUBSCRIBE:
		d.receiveRequest(req, tx)
	default:
		d.reply(tx, req, 405, "", nil, sipmsg.NewHeader("Allow", allowed))
	}
	return true
}

// receiveBye is always answered with 200: also when our own BYE is under way.
func (d *Dialog) receiveBye(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	d.refusePending()
	d.reply(tx, req, 200, "", nil)
	e := peerEnd(req)
	if d.state == ringing {
		e.Status = 487
	}
	d.apply(heardBye, event{end: e})
}

// receiveRequest lets the handler answer, in its turn.
func (d *Dialog) receiveRequest(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	d.tell(func(h DialogHandler) {
		status, reason := h.Request(req)
		if status < 200 || status > 699 {
			status, reason = 500, ""
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		var headers []sipmsg.Header
		if req.Method == sipmsg.REFER || req.Method == sipmsg.SUBSCRIBE {
			headers = append(headers, d.stack.contact(d.contact, d.source))
		}
		d.reply(tx, req, status, reason, nil, headers...)
	})
}
