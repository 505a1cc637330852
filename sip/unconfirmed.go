package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// succeed sends a 2xx to an INVITE or re-INVITE and repeats it until the ACK.
// late tells that sdp is an offer whose answer is to come in the ACK.
func (d *Dialog) succeed(tx *sipmsg.ServerTx, req *sipmsg.Request, sdp []byte, late bool) {
	if sdp != nil {
		d.offer.local = sdp
	}
	headers := d.session.answer(d, req)
	res := d.response(req, 200, "", sdp, headers...)
	u := &unconfirmed{tx: tx, res: res, seq: req.CSeq().SeqNo, interval: sipmsg.T1, late: late}
	d.unconfirmed = u
	u.lost = d.after(64*sipmsg.T1, func() {
		if d.unconfirmed == u {
			d.stopUnconfirmed()
			d.apply(lostAck, event{end: End{Status: 408}, cause: Cause{Reason: "No ACK"}})
		}
	})
	d.transmitSuccess(u)
}

// unconfirmed is a 2xx of ours that waits for its ACK (RFC 3261 13.3.1.4). It
// is repeated on every transport: only the first hop may be reliable.
type unconfirmed struct {
	tx       *sipmsg.ServerTx
	res      *sipmsg.Response
	seq      uint32
	late     bool
	interval time.Duration
	repeat   *time.Timer
	lost     *time.Timer
}

func (d *Dialog) transmitSuccess(u *unconfirmed) {
	if err := u.tx.Respond(u.res); err != nil {
		d.log.Debug("sip 2xx not sent", "error", err)
	}
	u.repeat = d.after(u.interval, func() {
		if d.unconfirmed == u {
			u.interval = min(2*u.interval, sipmsg.T2)
			d.transmitSuccess(u)
		}
	})
}

func (d *Dialog) stopUnconfirmed() {
	if u := d.unconfirmed; u != nil {
		stopTimer(u.repeat)
		stopTimer(u.lost)
		d.unconfirmed = nil
		d.offer.wake()
	}
}

// receiveAck takes the ACK of our 2xx. It reports false when the ACK is not for
// a 2xx of this dialog.
func (d *Dialog) receiveAck(ack *sipmsg.Request) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.unconfirmed == nil || d.unconfirmed.seq != ack.CSeq().SeqNo || fromTag(ack) != d.remoteTag {
		return false
	}
	if !d.apply(heardAck, event{ack: ack}) {
		d.acknowledged(ack) // of a re-INVITE
	}
	return true
}

// acknowledged ends the repetition; the answer to a late offer is in the ACK.
func (d *Dialog) acknowledged(ack *sipmsg.Request) {
	late := d.unconfirmed.late
	d.stopUnconfirmed()
	if late {
		answer := sdpOf(ack)
		d.offer.remote = answer
		d.tell(func(h DialogHandler) { h.Answered(answer) })
	}
}
