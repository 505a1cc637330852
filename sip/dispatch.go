package sip

import (
	"slices"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/sip/conform"
)

// handle takes one message from a socket, on the goroutine that reads it. It
// returns when the message has been applied to its transaction and dialog, so
// that messages of one socket take effect in wire order; what may block is
// handed to a dialog's queue or a new goroutine.
func (s *Stack) handle(m sipmsg.Message, f *flow) {
	m.SetTransport(f.transport)
	m.SetSource(f.remote.String())
	switch m := m.(type) {
	case *sipmsg.Request:
		s.handleRequest(m, f)
	case *sipmsg.Response:
		s.handleResponse(m, f)
	}
}

func (s *Stack) handleResponse(res *sipmsg.Response, f *flow) {
	if !wellFormed(res) {
		return
	}
	key, err := sipmsg.ClientTxKeyMake(res)
	if err != nil {
		return
	}
	s.mu.Lock()
	c := s.clients[key]
	s.mu.Unlock()
	if c == nil {
		s.handleStray(res, f)
		return
	}
	c.receive(res)
}

func (s *Stack) handleRequest(req *sipmsg.Request, f *flow) {
	if status, reason := conform.Check(req); status != 0 {
		s.refuse(req, f, status, reason)
		return
	}
	key := serverKey(req, req.Method)
	s.mu.Lock()
	known := s.servers[key]
	s.mu.Unlock()
	switch {
	case req.IsAck():
		s.handleAck(req, known)
	case req.IsCancel():
		s.handleCancel(req, f)
	case known != nil:
		_ = known.tx.Receive(req) // a retransmission: the transaction repeats its answer
	default:
		s.newServer(key, req, f)
	}
}

// serverKey is what the messages of one server transaction have in common (RFC
// 3261 17.2.3). sipgo's own cannot match the CANCEL of an INVITE, nor clients of
// RFC 2543 that have neither branch nor From tag.
func serverKey(req *sipmsg.Request, method sipmsg.RequestMethod) string {
	if method == sipmsg.ACK {
		method = sipmsg.INVITE
	}
	via := req.Via()
	if branch := via.Params.GetOr("branch", ""); strings.HasPrefix(branch, sipmsg.RFC3261BranchMagicCookie) {
		return branch + " " + via.SentBy() + " " + string(method)
	}
	return strings.Join([]string{
		req.CallID().Value(), strconv.FormatUint(uint64(req.CSeq().SeqNo), 10), fromTag(req), via.Value(), string(method),
	}, " ")
}

// handleAck gives an ACK to the dialog whose 2xx it confirms, else to the
// transaction whose refusal it confirms. It never makes a transaction.
func (s *Stack) handleAck(ack *sipmsg.Request, known *server) {
	if d := s.find(ack.CallID().Value(), toTag(ack)); d != nil && d.receiveAck(ack) {
		return
	}
	if known == nil {
		return
	}
	if !known.acked.Swap(true) {
		// sipgo leaves a goroutine until Timer I when nobody takes the ACK.
		go func() {
			select {
			case <-known.tx.Acks():
			case <-known.tx.Done():
			}
		}()
	}
	_ = known.tx.Receive(ack)
}

// newServer makes the transaction of a new request and routes it.
func (s *Stack) newServer(key string, req *sipmsg.Request, source *flow) {
	tx := sipmsg.NewServerTx(key, req, responseFlow(req, source), s.log)
	tx.OnTerminate(func(key string, _ error) { s.dropServer(key) })
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.servers[key] = &server{tx: tx}
	s.mu.Unlock()
	if err := tx.Init(); err != nil {
		s.dropServer(key)
		return
	}
	switch {
	case toTag(req) != "":
		s.handleInDialog(req, tx, source)
	case req.IsInvite():
		s.handleInvite(req, tx, source)
	case slices.Contains(outside, req.Method):
		go s.cfg.Handler.Request(req, tx)
	default:
		s.respond(tx, req, 405, "")
	}
}

func (s *Stack) dropServer(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.servers, key)
}

// handleCancel finds the INVITE with the CANCEL's branch (RFC 3261 9.2). It has
// no transaction of its own, as sipgo's never ends for a CANCEL; a repeated one
// gets the same answer again. 487 comes from the dialog, with the tag that its
// other responses had.
func (s *Stack) handleCancel(cancel *sipmsg.Request, source *flow) {
	key := serverKey(cancel, sipmsg.INVITE)
	s.mu.Lock()
	invite := s.servers[key]
	d := s.invites[inviteKey{cancel.CallID().Value(), fromTag(cancel), cancel.CSeq().SeqNo}]
	s.mu.Unlock()
	switch {
	case invite == nil:
		s.refuse(cancel, source, 481, "")
	case d != nil && d.receiveCancel(cancel, source, invite.tx):
	default: // answered already: 200 and no effect (RFC 3261 9.2)
		s.refuse(cancel, source, 200, "")
		if d := s.find(cancel.CallID().Value(), toTag(cancel)); d != nil {
			d.cancelOffer(invite.tx) // a re-INVITE may still be open
		}
	}
}

// handleInDialog gives a request to its dialog. One that has a tag of ours but
// no dialog is refused with 481 (RFC 3261 12.2.2).
func (s *Stack) handleInDialog(req *sipmsg.Request, tx *sipmsg.ServerTx, source *flow) {
	d := s.find(req.CallID().Value(), toTag(req))
	if d == nil || !d.receive(req, tx, source) {
		s.respond(tx, req, 481, "Call/Transaction Does Not Exist")
	}
}

// handleInvite opens a dialog for a new INVITE. The same INVITE that came on
// another path is merged (RFC 3261 8.2.2.2).
func (s *Stack) handleInvite(req *sipmsg.Request, tx *sipmsg.ServerTx, source *flow) {
	d := newInbound(s, req, tx, source)
	s.mu.Lock()
	_, merged := s.invites[d.inviteKey()]
	if !merged {
		s.invites[d.inviteKey()] = d
		s.dialogs[dialogKey{d.callID, d.localTag}] = d
	}
	s.mu.Unlock()
	if merged {
		s.respond(tx, req, 482, "Loop Detected")
		return
	}
	if refused := d.begin(); refused {
		return
	}
	go s.cfg.Handler.Invite(d)
}

// respond answers a request that belongs to no dialog.
func (s *Stack) respond(tx sipmsg.ServerTransaction, req *sipmsg.Request, status int, reason string, headers ...sipmsg.Header) {
	res := s.Response(req, status, reason, headers...)
	if err := tx.Respond(res); err != nil {
		s.log.Debug("sip response not sent", "status", status, "method", req.Method, "error", err)
	}
}

// Response builds a response to req with a fresh To tag, our Server header and
// for 2xx to OPTIONS and 405 what we support. An empty reason is filled in.
func (s *Stack) Response(req *sipmsg.Request, status int, reason string, headers ...sipmsg.Header) *sipmsg.Response {
	if reason == "" {
		reason = ReasonPhrase(status)
	}
	res := sipmsg.NewResponseFromRequest(req, status, clean(reason), nil)
	res.SipVersion = "SIP/2.0"
	res.AppendHeader(sipmsg.NewHeader("Server", s.cfg.UserAgent))
	if status == 405 || status/100 == 2 && req.Method == sipmsg.OPTIONS {
		res.AppendHeader(sipmsg.NewHeader("Allow", allowed))
		res.AppendHeader(sipmsg.NewHeader("Supported", supported))
		res.AppendHeader(sipmsg.NewHeader("Accept", "application/sdp"))
	}
	for _, h := range headers {
		res.AppendHeader(h)
	}
	return res
}

// responseFlow completes the topmost Via with received and rport (RFC 3261
// 18.2.1, RFC 3581 4) and returns where responses go: on a stream back along
// it, on UDP to the source, at the source port when the peer asked for it by
// rport, else at its sent-by port.
func responseFlow(req *sipmsg.Request, f *flow) *flow {
	via := req.Via()
	source := f.remote
	rport, symmetric := via.Params.Get("rport")
	if via.Host != source.Addr().String() || symmetric {
		via.Params.Add("received", source.Addr().String())
	}
	if symmetric && rport == "" {
		via.Params.Add("rport", strconv.Itoa(int(source.Port())))
	}
	if f.reliable() || symmetric {
		return f
	}
	port := via.Port
	if port <= 0 || port > 65535 {
		port = 5060
	}
	to := *f
	to.remote = addrPort(source.Addr(), port)
	return &to
}
