package sip

import (
	"context"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Do sends a request outside any dialog (REGISTER, OPTIONS, MESSAGE …) to
// nextHop, host:port with an optional ;transport=, or where its Route or
// Request-URI leads when nextHop is empty. Via, Max-Forwards, Call-ID, CSeq and
// the From tag are added when they are missing. It waits for the final
// response, whatever its status, or an error of transport or time.
func (s *Stack) Do(ctx context.Context, req *sipmsg.Request, nextHop string) (*sipmsg.Response, error) {
	h := hopOf(&req.Recipient)
	if r := req.Route(); r != nil {
		h = hopOf(&r.Address)
	}
	if nextHop != "" {
		var err error
		if h, err = parseHop(nextHop); err != nil {
			return nil, err
		}
	}
	s.complete(req)
	f, err := s.connect(ctx, h)
	if err != nil {
		return nil, err
	}
	if tooLarge(req, f) {
		f = s.streamInstead(ctx, f)
	}
	type result struct {
		res *sipmsg.Response
		err error
	}
	results := make(chan result, 1)
	c, err := s.request(req, f, func(res *sipmsg.Response) {
		if !res.IsProvisional() {
			results <- result{res: res}
		}
	}, func(err error) { results <- result{err: err} })
	if err != nil {
		return nil, err
	}
	select {
	case r := <-results:
		return r.res, r.err
	case <-ctx.Done():
		c.final.Store(true)
		c.tx.Terminate()
		return nil, ctx.Err()
	}
}

// complete adds the headers that every request must have.
func (s *Stack) complete(req *sipmsg.Request) {
	if req.MaxForwards() == nil {
		maxForwards := sipmsg.MaxForwardsHeader(70)
		req.AppendHeader(&maxForwards)
	}
	if req.CallID() == nil {
		callID := sipmsg.CallIDHeader(newCallID())
		req.AppendHeader(&callID)
	}
	if req.CSeq() == nil {
		req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: 1, MethodName: req.Method})
	}
	if from := req.From(); from != nil && !from.Params.Has("tag") {
		from.Params.Add("tag", newTag())
	}
	if len(req.GetHeaders("User-Agent")) == 0 {
		req.AppendHeader(sipmsg.NewHeader("User-Agent", s.cfg.UserAgent))
	}
	if req.ContentLength() == nil {
		req.SetBody(req.Body())
	}
}
