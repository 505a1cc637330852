package sip

import (
	sipmsg "github.com/emiago/sipgo/sip"
)

// handleStray takes a final response to an INVITE that no transaction waits for:
// one of a process that ended while it rang. A peer sends a 2xx again until it is
// acknowledged, for 64*T1 (RFC 3261 13.3.1.4), so a start within that time hears
// of every answer. It is acknowledged and hung up (13.2.2.4) only for those whom
// Config.Stray knows, or anybody could make us send requests.
func (s *Stack) handleStray(res *sipmsg.Response, f *flow) {
	if s.cfg.Stray == nil || res.CSeq().MethodName != sipmsg.INVITE || res.IsProvisional() {
		return
	}
	if s.cfg.Stray(res.CallID().Value(), res.StatusCode) && res.IsSuccess() {
		s.releaseStray(res, f)
	}
}

// releaseStray acknowledges and hangs up what nobody here is the caller of.
func (s *Stack) releaseStray(res *sipmsg.Response, f *flow) {
	seq := res.CSeq().SeqNo
	d := &Dialog{
		stack: s, log: s.log.With("call_id", res.CallID().Value()), callID: res.CallID().Value(), localTag: fromTag(res),
		done: make(chan struct{}), state: terminated, ended: true, inviteSeq: seq, localSeq: seq, source: f,
		local: *res.From(), contact: res.From().Address.User, target: *res.To().Address.Clone(),
		remote: sipmsg.ToHeader{DisplayName: res.To().DisplayName, Address: res.To().Address, Params: sipmsg.NewParams()},
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.establish(res)
	d.sendAck(sipmsg.NewRequest(sipmsg.INVITE, d.target), res, nil)
	d.sendBye(Cause{})
}
