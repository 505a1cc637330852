package sip

import (
	sipmsg "github.com/emiago/sipgo/sip"
)

// sendCancel sends CANCEL for the INVITE, once, and bounds the wait for its
// final response (RFC 3261 9.1). mu is held.
func (d *Dialog) sendCancel() {
	out := d.out
	if out.canceled {
		return
	}
	out.canceled = true
	d.cancelRequest(d.invite, out.flow, out.cause)
	stopTimer(out.timeout)
	client := out.client
	out.timeout = d.after(64*sipmsg.T1, func() {
		client.final.Store(true)
		client.tx.Terminate()
		d.apply(heardFailure, event{end: End{Status: 408}})
	})
}

// cancelRequest sends CANCEL for an INVITE or re-INVITE of ours that has got a
// provisional response. What it is answered does not matter; the INVITE's own
// final response does.
func (d *Dialog) cancelRequest(invite *sipmsg.Request, f *flow, c Cause) {
	req := sipmsg.NewRequest(sipmsg.CANCEL, invite.Recipient)
	req.AppendHeader(sipmsg.HeaderClone(invite.Via()))
	sipmsg.CopyHeaders("Route", invite, req)
	maxForwards := sipmsg.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(sipmsg.HeaderClone(invite.From()))
	req.AppendHeader(sipmsg.HeaderClone(invite.To()))
	req.AppendHeader(sipmsg.HeaderClone(invite.CallID()))
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sipmsg.CANCEL})
	for _, h := range reasonHeaders(c) {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	req.SetTransport(f.transport)
	if _, err := d.stack.transact(req, f, func(*sipmsg.Response) {}, func(error) {}); err != nil {
		d.log.Debug("sip CANCEL not sent", "error", err)
	}
}

// sendBye hangs up at the peer; mu is held. Whatever it answers, the dialog is
// over.
func (d *Dialog) sendBye(c Cause) {
	d.payAck(nil)
	d.send(func() *sipmsg.Request {
		req := d.newRequest(sipmsg.BYE)
		for _, h := range reasonHeaders(c) {
			req.AppendHeader(h)
		}
		return req
	}, func(*sipmsg.Response, error) {})
}
