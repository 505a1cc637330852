package sip

import (
	"context"
	"errors"
	"fmt"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// StatusError is a final response that refused a request.
type StatusError struct {
	Method sipmsg.RequestMethod
	Status int
	Reason string
	Res    *sipmsg.Response
}

// Error implements error.
func (e *StatusError) Error() string {
	return fmt.Sprintf("sip: %s refused: %d %s", e.Method, e.Status, e.Reason)
}

// datagramLimit is the size above which a request must not go by UDP when the
// peer takes TCP (RFC 3261 18.1.1).
const datagramLimit = 1300

// tcpProbe bounds how long a large request waits for the peer's TCP port.
const tcpProbe = 2 * time.Second

// newRequest builds a request of the dialog with the next CSeq; mu is held.
func (d *Dialog) newRequest(method sipmsg.RequestMethod) *sipmsg.Request {
	d.localSeq++
	return d.newRequestSeq(method, d.localSeq)
}

// newRequestSeq builds a request with a given CSeq: an ACK has its INVITE's.
func (d *Dialog) newRequestSeq(method sipmsg.RequestMethod, seq uint32) *sipmsg.Request {
	recipient, routes := d.target, d.routes
	if len(routes) > 0 && !routes[0].UriParams.Has("lr") { // strict router, RFC 3261 12.2.1.1
		strict := *routes[0].Clone()
		routes = append(append([]sipmsg.Uri(nil), routes[1:]...), recipient)
		recipient = strict
	}
	req := sipmsg.NewRequest(method, recipient)
	req.Recipient.Headers = nil
	for _, r := range routes {
		req.AppendHeader(&sipmsg.RouteHeader{Address: *r.Clone()})
	}
	maxForwards := sipmsg.MaxForwardsHeader(70)
	req.AppendHeader(&maxForwards)
	from, to := d.local, d.remote
	from.Params = from.Params.Clone()
	to.Params = to.Params.Clone()
	req.AppendHeader(&from)
	req.AppendHeader(&to)
	callID := sipmsg.CallIDHeader(d.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: seq, MethodName: method})
	req.AppendHeader(sipmsg.NewHeader("User-Agent", d.stack.cfg.UserAgent))
	req.SetBody(nil)
	return req
}

// path decides how the peer is reached, with mu held: the flow, or else the hop
// that must be resolved or connected first.
//
// A live connection that the peer opened is used as long as the next hop is
// behind it. Over UDP the Contact or first Route counts, except when the peer
// sits behind a NAT; then requests go where its messages come from.
func (d *Dialog) path() (*flow, hop) {
	next := &d.target
	if len(d.routes) > 0 {
		next = &d.routes[0]
	}
	h := hopOf(next)
	to, literal := h.literal()
	source := d.source
	direct := len(d.routes) == 0
	if source.reliable() {
		if source.alive() && (direct || !literal || to.Addr() == source.remote.Addr()) {
			return source, h
		}
	} else if direct && d.pinned {
		return source, h
	}
	switch {
	case !literal:
		return nil, h
	case h.transport == "UDP" && source.packets.reaches(to.Addr()):
		return &flow{transport: "UDP", remote: to, packets: source.packets}, h // the socket it knows us by
	}
	return d.stack.openFlow(h.transport, to), h
}

// deliver finds the way for req and calls write with it, mu held: at once, or
// when the peer has been resolved and connected. failed is called with mu held
// when there is no way.
func (d *Dialog) deliver(req *sipmsg.Request, write func(*flow), failed func(error)) {
	f, h := d.path()
	large := f != nil && tooLarge(req, f)
	if f != nil && !large {
		write(f)
		return
	}
	d.open++
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var err error
		if large {
			f = d.stack.streamInstead(ctx, f)
		} else {
			f, err = d.stack.connect(ctx, h)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.open--
		if err != nil {
			failed(err)
		} else {
			write(f)
		}
		d.maybeForget()
	}()
}

// tooLarge tells whether req should not go by UDP. Without a body only a long
// path makes a request large.
func tooLarge(req *sipmsg.Request, f *flow) bool {
	if f.reliable() || len(req.Body()) == 0 && len(req.Headers()) < 16 {
		return false
	}
	return len(req.String()) > datagramLimit
}

// streamInstead is a TCP flow to the peer of f, or f when the peer takes none.
func (s *Stack) streamInstead(ctx context.Context, f *flow) *flow {
	ctx, cancel := context.WithTimeout(ctx, tcpProbe)
	defer cancel()
	tcp, err := s.connect(ctx, hop{transport: "TCP", host: f.remote.Addr().String(), port: int(f.remote.Port())})
	if err != nil {
		s.log.Debug("sip large request goes by UDP", "peer", f.remote, "error", err)
		return f
	}
	return tcp
}

func statusError(res *sipmsg.Response) error {
	return &StatusError{res.CSeq().MethodName, res.StatusCode, res.Reason, res}
}

func newTag() string    { return sipmsg.GenerateTagN(16) }
func newCallID() string { return sipmsg.GenerateTagN(24) }

// isTimeout tells a transaction's timeout from a transport's failure.
func isTimeout(err error) bool { return errors.Is(err, sipmsg.ErrTransactionTimeout) }
