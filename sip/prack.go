package sip

import (
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// reliableServer sends provisional responses reliably (RFC 3262 3): one at a
// time, each repeated until its PRACK. Dialog.mu guards it.
type reliableServer struct {
	rseq     uint32
	pending  *reliableResponse
	waiting  []func() // further responses, in order
	interval time.Duration
	repeat   *time.Timer
	lost     *time.Timer
}

// reliableResponse waits for its PRACK.
type reliableResponse struct {
	res    *sipmsg.Response
	rseq   uint32
	hasSDP bool
	late   bool // its body is an offer; the answer comes in the PRACK
}

// stop ends the repetition at the final response; the PRACK of what was sent may
// still come (RFC 3262 3).
func (r *reliableServer) stop() {
	stopTimer(r.repeat)
	stopTimer(r.lost)
	r.waiting = nil
}

// blocksAnswer tells whether a 2xx must wait (RFC 3262 3).
func (r *reliableServer) blocksAnswer() bool {
	return r.pending != nil && r.pending.hasSDP
}

// sendReliable sends a provisional response reliably, after those that wait for
// their PRACK. mu is held.
func (d *Dialog) sendReliable(status int, reason string, sdp []byte, headers []sipmsg.Header) {
	r := &d.in.reliable
	if r.pending != nil {
		r.waiting = append(r.waiting, func() { d.sendReliable(status, reason, sdp, headers) })
		return
	}
	if r.rseq == 0 {
		r.rseq = initialSeq()
	}
	r.rseq++
	headers = append([]sipmsg.Header{
		sipmsg.NewHeader("Require", "100rel"),
		sipmsg.NewHeader("RSeq", strconv.FormatUint(uint64(r.rseq), 10)),
	}, headers...)
	p := &reliableResponse{
		res: d.response(d.invite, status, reason, sdp, headers...), rseq: r.rseq, hasSDP: sdp != nil,
		late: sdp != nil && sdpOf(d.invite) == nil && !d.offer.answeredEarly,
	}
	r.pending, r.interval = p, sipmsg.T1
	r.lost = d.after(64*sipmsg.T1, func() {
		if r.pending == p && d.state == ringing { // RFC 3262 3: give up with 5xx
			d.apply(lostPeer, event{cause: Cause{Status: 504, Reason: "No PRACK"}})
		}
	})
	d.transmitReliable(p)
}

func (d *Dialog) transmitReliable(p *reliableResponse) {
	r := &d.in.reliable
	if err := d.in.tx.Respond(p.res); err != nil {
		d.log.Debug("sip response not sent", "error", err)
	}
	r.repeat = d.after(r.interval, func() {
		if r.pending == p && d.state == ringing {
			r.interval *= 2
			d.transmitReliable(p)
		}
	})
}

// receivePrack confirms a reliable response; mu is held.
func (d *Dialog) receivePrack(req *sipmsg.Request, tx *sipmsg.ServerTx) {
	if d.in == nil || d.in.reliable.pending == nil || !d.confirms(req) {
		d.reply(tx, req, 481, "", nil)
		return
	}
	r := &d.in.reliable
	p := r.pending
	stopTimer(r.repeat)
	stopTimer(r.lost)
	r.pending = nil
	switch sdp := sdpOf(req); {
	case p.late:
		d.offer.answeredEarly = true
		d.offer.remote = sdp
		d.reply(tx, req, 200, "", nil)
		d.tell(func(h DialogHandler) { h.Answered(sdp) })
	case sdp != nil && d.offer.theirs == nil: // a further offer, RFC 3262 5
		pending := &pendingOffer{req, tx}
		d.offer.theirs = pending
		d.tell(func(h DialogHandler) {
			answer, status := h.Offered(sdp)
			d.answerOffer(pending, answer, status)
		})
	default:
		d.reply(tx, req, 200, "", nil)
	}
	if len(r.waiting) > 0 {
		next := r.waiting[0]
		r.waiting = r.waiting[1:]
		next()
	}
	if answer := d.in.answer; answer != nil && !r.blocksAnswer() {
		d.in.answer = nil
		answer()
	}
}

// confirms tells whether a PRACK's RAck names the pending response.
func (d *Dialog) confirms(req *sipmsg.Request) bool {
	hs := req.GetHeaders("RAck")
	return len(hs) == 1 && strings.EqualFold(strings.Join(strings.Fields(hs[0].Value()), " "), rack(d.in.reliable.pending.rseq, d.inviteSeq))
}

// prack confirms a provisional response that was sent reliably. It reports true
// when the response is a repetition, or came before an earlier one: then it is
// not for the handler (RFC 3262 4). mu is held.
func (d *Dialog) prack(res *sipmsg.Response) (skip bool) {
	if !requires(res, "100rel") || toTag(res) == "" {
		return false
	}
	hs := res.GetHeaders("RSeq")
	if len(hs) == 0 {
		return false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(hs[0].Value()), 10, 32)
	if err != nil {
		return false
	}
	rseq, tag := uint32(n), toTag(res)
	if last, ok := d.out.reliable[tag]; ok && rseq != last+1 {
		return true
	}
	d.out.reliable[tag] = rseq
	sdp := sdpOf(res)
	if sdp != nil && d.out.opts.Offer == nil && !d.offer.answeredEarly {
		d.offer.answeredEarly = true
		d.offer.remote = sdp
		d.tell(func(h DialogHandler) {
			answer, status := h.Offered(sdp)
			d.mu.Lock()
			defer d.mu.Unlock()
			if status < 200 || status > 299 || answer == nil {
				d.apply(wantHangup, event{end: End{Local: true, Status: 488, Reason: "Not Acceptable Here"}})
				return
			}
			d.offer.local = answer
			d.sendPrack(rseq, answer)
		})
		return false
	}
	d.sendPrack(rseq, nil)
	return false
}

// sendPrack sends PRACK, with our answer when the response carried a late offer.
func (d *Dialog) sendPrack(rseq uint32, answer []byte) {
	inviteSeq := d.inviteSeq
	d.send(func() *sipmsg.Request {
		req := d.newRequest(sipmsg.PRACK)
		req.AppendHeader(sipmsg.NewHeader("RAck", rack(rseq, inviteSeq)))
		setSDP(req, answer)
		return req
	}, func(res *sipmsg.Response, err error) {
		if err != nil {
			d.log.Debug("sip PRACK failed", "error", err)
		}
	})
}

// rack is the value of a RAck header.
func rack(rseq, seq uint32) string {
	return strconv.FormatUint(uint64(rseq), 10) + " " + strconv.FormatUint(uint64(seq), 10) + " INVITE"
}
