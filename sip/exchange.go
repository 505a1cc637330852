package sip

import (
	"context"

	sipmsg "github.com/emiago/sipgo/sip"
)

// exchange is one request of the dialog on its way, with its retries.
type exchange struct {
	build func() *sipmsg.Request // makes the request anew for each attempt, mu held
	done  func(*sipmsg.Response, error)
	tries int
	auth  *sipmsg.Response // the challenge that the next attempt answers

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
	x := &exchange{build: build, done: done}
	d.attempt(x)
	return x
}

func (d *Dialog) attempt(x *exchange) {
	req := x.build()
	x.req, x.heard = req, false
	if x.auth != nil {
		if err := d.authorize(req, x.auth); err != nil {
			x.done(x.auth, nil)
			return
		}
	}
	d.deliver(req, func(f *flow) {
		x.flow = f
		req.AppendHeader(d.stack.contact(d.contact, f))
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
	if (res.StatusCode == 401 || res.StatusCode == 407) && x.tries < 2 {
		x.tries++
		x.auth = res
		d.attempt(x)
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
