package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// InviteOptions describe a call that we place. Only To is required.
type InviteOptions struct {
	To            sipmsg.Uri // Request-URI and To
	ToDisplay     string
	NextHop       string // host:port with optional ;transport=tcp; empty: where To leads
	From          string // user, or user@host; the host is Config.Domain, else our address
	FromDisplay   string
	ContactUser   string          // user part of Contact; empty: the user of From
	Offer         []byte          // session description; nil: the offer is late, it comes in Offered
	Headers       []sipmsg.Header // added to the INVITE
	User          string          // digest credentials for 401 and 407
	Password      string
	Replaces      string        // value of a Replaces header (RFC 3891)
	Timeout       time.Duration // without a final response by then: CANCEL, Ended with 408; 0: none
	MaxForwards   int           // 70 when 0
	NoReliability bool          // do not offer 100rel
}

// inviteClient is the initial INVITE of an outbound dialog.
type inviteClient struct {
	opts     InviteOptions
	hop      hop
	flow     *flow
	client   *client
	cause    Cause // of a CANCEL or of the BYE after it
	timeout  *time.Timer
	tries    int
	auth     *sipmsg.Response
	canceled bool
	late     *sipmsg.Response   // a 2xx whose late offer is being answered; its ACK is owed
	forks    map[string]*Dialog // further 2xx, by remote tag
	reliable map[string]uint32  // latest RSeq, by remote tag
}

func (out *inviteClient) stop() { stopTimer(out.timeout) }

// Invite sends an INVITE and returns when it is on its way; what follows is
// told to h. ctx bounds resolving and connecting, not the call. An error means
// that nothing was sent and h hears nothing.
func (s *Stack) Invite(ctx context.Context, opts InviteOptions, h DialogHandler) (*Dialog, error) {
	opts.From, opts.FromDisplay, opts.ToDisplay = clean(opts.From), clean(opts.FromDisplay), clean(opts.ToDisplay)
	opts.ContactUser, opts.Replaces = clean(opts.ContactUser), clean(opts.Replaces)
	if uri := opts.To.String(); uri != clean(uri) {
		return nil, fmt.Errorf("sip: bad character in %q", uri)
	}
	next := hopOf(&opts.To)
	if opts.NextHop != "" {
		var err error
		if next, err = parseHop(opts.NextHop); err != nil {
			return nil, err
		}
	}
	f, err := s.connect(ctx, next)
	if err != nil {
		return nil, err
	}
	d := newOutbound(s, opts, next, f, h)
	d.mu.Lock()
	req := d.newInvite()
	d.mu.Unlock()
	if tooLarge(req, f) {
		f = s.streamInstead(ctx, f)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	s.register(d)
	if err := d.sendInvite(req, f); err != nil {
		d.state = terminated
		s.forget(d)
		return nil, fmt.Errorf("sip: INVITE to %s: %w", next, err)
	}
	if opts.Timeout > 0 {
		d.out.timeout = d.after(opts.Timeout, d.ringTimeout)
	}
	return d, nil
}

// initialSeq leaves room below 2^31 for every request of a long dialog.
func initialSeq() uint32 { return rand.Uint32N(1<<16) + 1 }

func newOutbound(s *Stack, opts InviteOptions, next hop, f *flow, h DialogHandler) *Dialog {
	user, host, _ := strings.Cut(opts.From, "@")
	if host == "" {
		host = s.cfg.Domain
	}
	if host == "" {
		host, _ = s.advertised(f)
	}
	d := &Dialog{
		stack: s, callID: newCallID(), localTag: newTag(), done: make(chan struct{}),
		state: calling, target: *opts.To.Clone(), source: f, localSeq: initialSeq(),
		contact: opts.ContactUser, handler: h,
		out: &inviteClient{opts: opts, hop: next, forks: map[string]*Dialog{}, reliable: map[string]uint32{}},
	}
	d.log = s.log.With("call_id", d.callID)
	if d.contact == "" {
		d.contact = user
	}
	d.local = sipmsg.FromHeader{DisplayName: opts.FromDisplay, Address: sipmsg.Uri{Scheme: "sip", User: user, Host: host}, Params: sipmsg.NewParams()}
	d.local.Params.Add("tag", d.localTag)
	to := *opts.To.Clone()
	to.Headers = nil
	d.remote = sipmsg.ToHeader{DisplayName: opts.ToDisplay, Address: to, Params: sipmsg.NewParams()}
	d.offer.init()
	d.offer.local = opts.Offer
	d.session.interval = s.cfg.SessionExpires
	d.session.min = s.cfg.MinSE
	d.queue.release()
	return d
}

// newInvite builds the next attempt of the initial INVITE; mu is held.
func (d *Dialog) newInvite() *sipmsg.Request {
	opts := &d.out.opts
	req := d.newRequest(sipmsg.INVITE)
	if opts.MaxForwards > 0 {
		maxForwards := sipmsg.MaxForwardsHeader(opts.MaxForwards)
		req.ReplaceHeader(&maxForwards)
	}
	req.AppendHeader(sipmsg.NewHeader("Allow", allowed))
	if opts.NoReliability {
		req.AppendHeader(sipmsg.NewHeader("Supported", "timer, replaces"))
	} else {
		req.AppendHeader(sipmsg.NewHeader("Supported", supported))
	}
	if opts.Replaces != "" {
		req.AppendHeader(sipmsg.NewHeader("Replaces", opts.Replaces))
	}
	d.session.ask(req)
	for _, h := range opts.Headers {
		req.AppendHeader(sipmsg.NewHeader(clean(h.Name()), clean(h.Value())))
	}
	setSDP(req, opts.Offer)
	return req
}

// sendInvite puts an attempt on the wire; mu is held.
func (d *Dialog) sendInvite(req *sipmsg.Request, f *flow) error {
	req.AppendHeader(d.stack.contact(d.contact, f))
	var c *client
	c, err := d.stack.request(req, f, func(res *sipmsg.Response) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.inviteResponse(c, res)
	}, func(err error) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.inviteFailed(c, err)
	})
	if err != nil {
		return err
	}
	d.invite, d.inviteSeq, d.source = req, req.CSeq().SeqNo, f
	d.out.flow, d.out.client = f, c
	return nil
}

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
		d.apply(wantHangup, event{end: End{Status: 408, Reason: "No Answer"}})
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
	case 401, 407:
		if d.out.opts.User == "" || d.out.auth != nil && !stale(res) {
			return false
		}
		d.out.auth = res
	case 422:
		if !d.session.raise(res) {
			return false
		}
	default:
		return false
	}
	d.out.tries++
	// The refused attempt's To tag made no dialog (RFC 3261 8.1.3.5).
	d.remoteTag = ""
	d.remote.Params.Remove("tag")
	req := d.newInvite()
	if d.out.auth != nil && authorize(req, d.out.auth, d.out.opts.User, d.out.opts.Password) != nil {
		return false
	}
	if err := d.sendInvite(req, d.out.flow); err != nil {
		d.log.Debug("sip INVITE not sent again", "error", err)
		return false
	}
	d.state = calling
	return true
}

// stale tells that a second challenge only complains of the nonce's age.
func stale(res *sipmsg.Response) bool {
	for _, name := range []string{"WWW-Authenticate", "Proxy-Authenticate"} {
		for _, h := range res.GetHeaders(name) {
			if v := strings.ToLower(h.Value()); strings.Contains(strings.ReplaceAll(v, `"`, ""), "stale=true") {
				return true
			}
		}
	}
	return false
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

// retarget points the dialog at the peer's Contact. When that is the very
// address that we call through a given next hop, or one that cannot be reached
// from here, requests keep going where the INVITE went.
func (d *Dialog) retarget(contact *sipmsg.Uri) {
	d.target = *contact.Clone()
	h := hopOf(contact)
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
	case d.out.late != nil || d.repeatAck(res):
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
		d.sendAck(d.invite, res, nil)
		d.tell(func(h DialogHandler) { h.Answered(sdp) })
		return
	}
	d.out.late = res
	d.tell(func(h DialogHandler) {
		answer, status := h.Offered(sdp)
		d.answerLate(res, answer, status)
	})
}

// answerLate puts our answer to the 2xx's offer into the ACK. An offer that we
// cannot take is acknowledged and hung up: a 2xx cannot be refused.
func (d *Dialog) answerLate(res *sipmsg.Response, answer []byte, status int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.out.late == nil {
		return // hung up meanwhile
	}
	d.out.late = nil
	if answer == nil || status < 200 || status > 299 {
		d.sendAck(d.invite, res, nil)
		d.apply(lostPeer, event{end: End{Status: 488}, cause: Cause{Status: 488, Reason: "Not Acceptable Here"}})
		return
	}
	d.offer.local = answer
	d.sendAck(d.invite, res, answer)
	d.tell(func(h DialogHandler) { h.Answered(nil) })
}

// acknowledgeAndRelease ends a call that was answered while we gave it up.
func (d *Dialog) acknowledgeAndRelease(res *sipmsg.Response) {
	d.sendAck(d.invite, res, nil)
	d.sendBye(d.out.cause)
}

// releaseFork acknowledges and hangs up a 2xx of another branch (RFC 3261
// 13.2.2.4). The branch is a dialog of its own that nobody is told of.
func (d *Dialog) releaseFork(tag string, res *sipmsg.Response) {
	fork := d.out.forks[tag]
	if fork == nil {
		fork = &Dialog{
			stack: d.stack, log: d.log, callID: d.callID, localTag: d.localTag, done: make(chan struct{}),
			state: terminated, ended: true, invite: d.invite, inviteSeq: d.inviteSeq, local: d.local,
			source: d.source, localSeq: d.inviteSeq, contact: d.contact, out: d.out,
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

// sendCancel sends CANCEL for the INVITE, once, and bounds the wait for its
// final response (RFC 3261 9.1). mu is held.
func (d *Dialog) sendCancel() {
	out := d.out
	if out.canceled {
		return
	}
	out.canceled = true
	invite := d.invite
	req := sipmsg.NewRequest(sipmsg.CANCEL, invite.Recipient)
	req.AppendHeader(sipmsg.HeaderClone(invite.Via()))
	sipmsg.CopyHeaders("Route", invite, req)
	maxForwards := sipmsg.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	req.AppendHeader(sipmsg.HeaderClone(invite.From()))
	req.AppendHeader(sipmsg.HeaderClone(invite.To()))
	req.AppendHeader(sipmsg.HeaderClone(invite.CallID()))
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: invite.CSeq().SeqNo, MethodName: sipmsg.CANCEL})
	for _, h := range reasonHeaders(out.cause) {
		req.AppendHeader(h)
	}
	req.SetBody(nil)
	req.SetTransport(out.flow.transport)
	ignored := func(error) {}
	if _, err := d.stack.transact(req, out.flow, func(*sipmsg.Response) {}, ignored); err != nil {
		d.log.Debug("sip CANCEL not sent", "error", err)
	}
	stopTimer(out.timeout)
	client := out.client
	out.timeout = d.after(64*sipmsg.T1, func() {
		client.final.Store(true)
		client.tx.Terminate()
		d.apply(heardFailure, event{end: End{Status: 408}})
	})
}

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

// sendBye hangs up at the peer; mu is held. Whatever it answers, the dialog is
// over.
func (d *Dialog) sendBye(c Cause) {
	if d.out != nil && d.out.late != nil {
		d.sendAck(d.invite, d.out.late, nil)
		d.out.late = nil
	}
	d.send(func() *sipmsg.Request {
		req := d.newRequest(sipmsg.BYE)
		for _, h := range reasonHeaders(c) {
			req.AppendHeader(h)
		}
		return req
	}, func(*sipmsg.Response, error) {})
}

// rack is the value of a RAck header.
func rack(rseq, seq uint32) string {
	return strconv.FormatUint(uint64(rseq), 10) + " " + strconv.FormatUint(uint64(seq), 10) + " INVITE"
}
