package sip

import (
	sipmsg "github.com/emiago/sipgo/sip"
)

// sentAck is the ACK of a 2xx, kept to be sent again when the 2xx is.
type sentAck struct {
	req  *sipmsg.Request
	flow *flow
	seq  uint32
	tag  string
}

// sendAck acknowledges a 2xx of invite, with our answer when its offer was late
// (RFC 3261 13.2.2.4). mu is held.
func (d *Dialog) sendAck(invite *sipmsg.Request, res *sipmsg.Response, answer []byte) {
	seq := res.CSeq().SeqNo
	ack := d.newRequestSeq(sipmsg.ACK, seq)
	for _, name := range []string{"Authorization", "Proxy-Authorization"} {
		sipmsg.CopyHeaders(name, invite, ack)
	}
	setSDP(ack, answer)
	sent := &sentAck{req: ack, seq: seq, tag: toTag(res)}
	d.ack = sent
	d.deliver(ack, func(f *flow) {
		d.stack.addVia(ack, f)
		sent.flow = f
		d.writeAck(sent)
	}, func(err error) { d.log.Warn("sip ACK not sent", "error", err) })
}

func (d *Dialog) writeAck(a *sentAck) {
	if err := a.flow.WriteMsg(a.req); err != nil {
		d.log.Debug("sip ACK not sent", "error", err)
	}
}

// repeatAck acknowledges a 2xx that we have acknowledged before; false when it
// is a new one. mu is held.
func (d *Dialog) repeatAck(res *sipmsg.Response) bool {
	if d.ack == nil || res.CSeq().MethodName != sipmsg.INVITE || d.ack.seq != res.CSeq().SeqNo || d.ack.tag != toTag(res) {
		return false
	}
	if d.ack.flow != nil {
		d.writeAck(d.ack)
	}
	return true
}
