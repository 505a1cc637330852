package sip

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/sip/digest"
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
	Timeout       time.Duration // without a final response by then: CANCEL, Ended with 408 (Local); 0: none
	FirstResponse time.Duration // without any response by then: Ended with 408, as a dead route; 0: 32 s (Timer B)
	MaxForwards   int           // 70 when 0
	NoReliability bool          // do not offer 100rel
	CallID        string        // empty: a random one
	// Heard is called when the peer has answered, before that is acknowledged: what
	// it writes down is known of every call that the peer holds for answered. It
	// may block for a while; the peer sends its answer again meanwhile. With it a call
	// that is given up ends when the INVITE is answered, at most 32 s later, with
	// the status 200 when an answer crossed the CANCEL. May be nil.
	Heard func()
}

// inviteClient is the initial INVITE of an outbound dialog.
type inviteClient struct {
	opts     InviteOptions
	hop      hop
	flow     *flow
	client   *client
	cause    Cause // of a CANCEL or of the BYE after it
	end      End   // once the call is given up: what the handler is told
	timeout  *time.Timer
	silence  *time.Timer
	tries    int
	canceled bool
	forks    map[string]*Dialog // further 2xx, by remote tag
	reliable map[string]uint32  // latest RSeq, by remote tag
}

func (out *inviteClient) stop() {
	stopTimer(out.timeout)
	stopTimer(out.silence)
}

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
	if opts.FirstResponse > 0 {
		d.out.silence = d.after(opts.FirstResponse, d.silent)
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
		stack: s, callID: cmp.Or(clean(opts.CallID), newCallID()), localTag: newTag(), done: make(chan struct{}),
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
	if opts.User != "" {
		d.credentials = digest.NewClient(opts.User, opts.Password)
	}
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
		req.AppendHeader(sipmsg.NewHeader(clean(h.Name()), oneLine(h.Value())))
	}
	setSDP(req, opts.Offer)
	return req
}

// sendInvite puts an attempt on the wire; mu is held.
func (d *Dialog) sendInvite(req *sipmsg.Request, f *flow) error {
	if req.Contact() == nil {
		req.AppendHeader(d.stack.contact(d.contact, f))
	}
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
