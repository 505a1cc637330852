package sip

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// sessionTimer is the session timer of a dialog (RFC 4028). Dialog.mu guards it.
type sessionTimer struct {
	interval time.Duration // agreed, or what we ask for in the INVITE; 0: none
	min      time.Duration // the largest Min-SE heard
	refresh  bool          // we refresh
	running  bool
	timer    *time.Timer

	// of the request that is being answered
	asked     time.Duration
	refresher string
	peerTimer bool
	tooSmall  bool
}

func (t *sessionTimer) stop() {
	stopTimer(t.timer)
	t.running = false
}

func minSE(d time.Duration) sipmsg.Header {
	return sipmsg.NewHeader("Min-SE", seconds(d))
}

func seconds(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }

// sessionExpires reads a Session-Expires header.
func sessionExpires(m sipmsg.Message) (interval time.Duration, refresher string, ok bool) {
	for _, name := range []string{"Session-Expires", "x"} {
		if hs := m.GetHeaders(name); len(hs) > 0 {
			value, params, _ := strings.Cut(hs[0].Value(), ";")
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
			if err != nil {
				return 0, "", false
			}
			for p := range strings.SplitSeq(params, ";") {
				if name, v, _ := strings.Cut(strings.TrimSpace(p), "="); strings.EqualFold(name, "refresher") {
					refresher = strings.ToLower(strings.TrimSpace(v))
				}
			}
			return time.Duration(n) * time.Second, refresher, true
		}
	}
	return 0, "", false
}

func minSEOf(m sipmsg.Message) time.Duration {
	hs := m.GetHeaders("Min-SE")
	if len(hs) == 0 {
		return 0
	}
	v, _, _ := strings.Cut(hs[0].Value(), ";")
	n, _ := strconv.ParseUint(strings.TrimSpace(v), 10, 31)
	return time.Duration(n) * time.Second
}

// ask puts the interval into a request of ours: in a refresh with the roles as
// they are, seen from the request's sender (RFC 4028 7.1, 7.4).
func (t *sessionTimer) ask(req *sipmsg.Request) {
	if t.interval == 0 {
		return
	}
	value := seconds(t.interval)
	if t.running && t.refresh {
		value += ";refresher=uac"
	} else if t.running {
		value += ";refresher=uas"
	}
	req.AppendHeader(sipmsg.NewHeader("Session-Expires", value))
	if t.min > 0 {
		req.AppendHeader(minSE(t.min))
	}
}

// raise takes the larger interval that a 422 asks for (RFC 4028 7.3).
func (t *sessionTimer) raise(res *sipmsg.Response) bool {
	m := minSEOf(res)
	if m <= t.interval {
		return false
	}
	t.min, t.interval = m, m
	return true
}

// offered notes what a request of the peer asks for.
func (t *sessionTimer) offered(req *sipmsg.Request, cfg Config) {
	t.peerTimer = supports(req, "timer")
	var ok bool
	t.asked, t.refresher, ok = sessionExpires(req)
	t.tooSmall = ok && t.asked < cfg.MinSE && t.peerTimer
	if ok && t.asked < cfg.MinSE {
		t.asked = cfg.MinSE // the peer could not understand a 422 (RFC 4028 9)
	}
	if !ok && cfg.SessionExpires > 0 && t.peerTimer {
		t.asked = max(cfg.SessionExpires, minSEOf(req), cfg.MinSE)
	}
}

// refusesInterval answers 422 to a refresh with too small an interval.
func (d *Dialog) refusesInterval(req *sipmsg.Request, tx *sipmsg.ServerTx) bool {
	var t sessionTimer
	t.offered(req, d.stack.cfg)
	if t.tooSmall {
		d.reply(tx, req, 422, "", nil, minSE(d.stack.cfg.MinSE))
	}
	return t.tooSmall
}

// answer starts the timer that offered found and returns the headers of the
// 2xx (RFC 4028 9): who refreshes is the peer's wish; when it has none, we do,
// so that a peer that forgets does not lose its call.
func (t *sessionTimer) answer(d *Dialog, _ *sipmsg.Request) []sipmsg.Header {
	if t.asked == 0 {
		t.stop()
		return nil
	}
	refresher := t.refresher
	if refresher != "uac" || !t.peerTimer {
		refresher = "uas"
	}
	t.start(d, t.asked, refresher == "uas")
	hs := []sipmsg.Header{sipmsg.NewHeader("Session-Expires", seconds(t.interval)+";refresher="+refresher)}
	if refresher == "uac" {
		hs = append(hs, sipmsg.NewHeader("Require", "timer"))
	}
	return hs
}

// agreed starts the timer that the 2xx to a request of ours names. Without a
// Session-Expires in it there is none (RFC 4028 7.2).
func (t *sessionTimer) agreed(d *Dialog, res *sipmsg.Response) {
	interval, refresher, ok := sessionExpires(res)
	if !ok || interval == 0 {
		t.stop()
		return
	}
	t.start(d, interval, refresher != "uas")
}

// start (re)starts the timer: we refresh at half the interval, or hang up
// shortly before its end when the peer should have (RFC 4028 10).
func (t *sessionTimer) start(d *Dialog, interval time.Duration, refresh bool) {
	t.stop()
	t.interval, t.refresh, t.running = interval, refresh, true
	if refresh {
		t.timer = d.after(interval/2, func() { d.refreshSession(interval / 2) })
		return
	}
	t.expire(d, interval)
}

// expire hangs up at the end of the interval that has left still to run.
func (t *sessionTimer) expire(d *Dialog, left time.Duration) {
	margin := min(32*time.Second, t.interval/3)
	stopTimer(t.timer)
	t.timer = d.after(max(left-margin, 0), func() {
		d.apply(lostPeer, event{end: End{Status: 408, Reason: "Session Expired"}, cause: Cause{Q850: 102, Reason: "Session expired"}})
	})
}

// refreshSession sends UPDATE when the peer takes it, else a re-INVITE with the
// session as it is. Until it succeeds the interval, of which left remains, runs
// out. mu is held.
func (d *Dialog) refreshSession(left time.Duration) {
	t := &d.session
	t.expire(d, left)
	if d.offer.ours || d.offer.owed != nil || d.offer.theirs != nil || d.unconfirmed != nil {
		d.retryRefresh(left)
		return
	}
	method, sdp := sipmsg.UPDATE, []byte(nil)
	if !d.peer.update {
		method, sdp = sipmsg.INVITE, d.offer.local
	}
	before := d.offer.remote
	d.sendOffer(method, sdp, func(res *sipmsg.Response, err error) {
		switch {
		case err != nil || d.ended:
		case res.IsSuccess():
			if answer := sdpOf(res); answer != nil && !bytes.Equal(answer, before) {
				d.tell(func(h DialogHandler) { h.Answered(answer) })
			}
		case res.StatusCode == 422 && t.raise(res):
			d.refreshSession(left)
		case res.StatusCode == 491:
			d.retryRefresh(left)
		}
	})
}

// retryRefresh tries again when the exchange that was in the way is over.
func (d *Dialog) retryRefresh(left time.Duration) {
	delay := d.glareDelay()
	if left-delay <= 0 {
		return // expire hangs up
	}
	d.session.timer.Stop()
	d.session.timer = d.after(delay, func() { d.refreshSession(left - delay) })
}
