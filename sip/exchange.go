package sip

import (
	"context"

	sipmsg "github.com/emiago/sipgo/sip"
)

// exchange is one request of the dialog on its way, with its retries.
type exchange struct {
	done  func(*sipmsg.Response, error)
	tries int

	req    *sipmsg.Request // the latest attempt
	flow   *flow
	client *client
	heard  bool // it got a provisional response
	final  bool // it got its final response; a repeated 2xx is not another
}

// send transmits a request of the dialog and calls done once with its final
// response or an error, mu held both times. Challenges are answered, with a new
// CSeq each.
func (d *Dialog) send(build func() *sipmsg.Request, done func(*sipmsg.Response, error)) *exchange {
	x := &exchange{done: done}
	req := build()
	if d.credentials != nil {
		d.credentials.Apply(req) // spares the challenge after the first one
	}
	d.attempt(x, req)
	return x
}

func (d *Dialog) attempt(x *exchange, req *sipmsg.Request) {
	x.req, x.heard = req, false
	d.deliver(req, func(f *flow) {
		x.flow = f
		if req.Contact() == nil {
			req.AppendHeader(d.stack.contact(d.contact, f))
		}
		d.open++
		c, err := d.stack.request(req, f, func(res *sipmsg.Response) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.responded(x, req, res)
		}, func(err error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.open--
			x.done(nil, err)
			d.maybeForget()
		})
		if err != nil {
			d.open--
			x.done(nil, err)
			return
		}
		x.client = c
	}, func(err error) { x.done(nil, err) })
}

func (d *Dialog) responded(x *exchange, req *sipmsg.Request, res *sipmsg.Response) {
	if res.IsProvisional() {
		x.heard = true
		return
	}
	if res.IsSuccess() && d.repeatAck(res) || x.final {
		return
	}
	d.open--
	if next := d.authorize(req, res); next != nil && x.tries < 2 {
		x.tries++
		d.attempt(x, next)
		return
	}
	x.final = true
	x.done(res, nil)
	d.maybeForget()
}

// call is send for a caller who waits. ctx bounds the waiting only: the request
// is already on its way.
func (d *Dialog) call(ctx context.Context, build func() *sipmsg.Request) (*sipmsg.Response, error) {
	type result struct {
		res *sipmsg.Response
		err error
	}
	results := make(chan result, 1)
	d.mu.Lock()
	if d.ended || d.remoteTag == "" {
		ended := d.ended
		d.mu.Unlock()
		if ended {
			return nil, ErrEnded
		}
		return nil, ErrState
	}
	d.send(build, func(res *sipmsg.Response, err error) { results <- result{res, err} })
	d.mu.Unlock()
	select {
	case r := <-results:
		if r.err == nil && !r.res.IsSuccess() {
			r.err = statusError(r.res)
		}
		return r.res, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// authorize is the request to send after res challenged req, with the dialog's
// next CSeq; nil when res is no challenge or cannot be answered. mu is held.
func (d *Dialog) authorize(req *sipmsg.Request, res *sipmsg.Response) *sipmsg.Request {
	if res.StatusCode != 401 && res.StatusCode != 407 || d.credentials == nil {
		return nil
	}
	next, err := d.credentials.Authorize(req, res)
	if err != nil {
		d.log.Info("sip challenge not answered", "method", req.Method, "error", err)
		return nil
	}
	d.localSeq++
	next.CSeq().SeqNo = d.localSeq
	return next
}
