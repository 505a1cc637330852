package carrier

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"offhook/sip/digest"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/google/uuid"
)

// Times of the registration.
const (
	attemptTimeout = 35 * time.Second // above 64*T1, so that the transaction ends first
	firstRetry     = 2 * time.Second
	lastRetry      = 5 * time.Minute
	firstRefused   = time.Minute // a refused account tried often gets locked
	lastRefused    = time.Hour
	shortest       = 10 * time.Second // a shorter grant is held to be this long
	longest        = 24 * time.Hour   // beyond it a Min-Expires is nonsense
	steady         = 10 * time.Second // a connection that lasts less is not made anew at once
)

// errRefused marks answers that the same account will get again.
var errRefused = errors.New("account refused")

// registration is the sequence of REGISTER requests with one Call-ID.
type registration struct {
	*Carrier
	callID   string
	cseq     uint32
	wish     time.Duration
	failures int
	refusals int
	breaks   int // connections in a row that did not last
}

func (c *Carrier) keepRegistered(ctx context.Context) {
	r := &registration{Carrier: c, callID: uuid.NewString(), wish: c.provider.Expires}
	for {
		c.anew()
		granted, wait, err := r.attempt(ctx, r.wish)
		if ctx.Err() != nil {
			break
		}
		if err == nil {
			r.failures, r.refusals = 0, 0
			forget(c.lost) // the carrier was reached again since
			wait = c.refreshAfter(granted)
			end := time.Now().Add(granted)
			c.change(func(s *State) { s.Registration, s.Expires, s.Err = Registered, end, "" })
		} else {
			wait = max(wait, r.retryAfter(err))
			r.failed(err, wait)
		}
		if !r.pause(ctx, wait) {
			break
		}
	}
	r.end()
}

// anew forgets how connections before this attempt's ended.
func (c *Carrier) anew() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = connection{}
	forget(c.broken)
}

// pause waits for the next attempt; it returns false when ctx is done, and early
// when the connection or the carrier is lost. A carrier that closes connection
// after connection is not asked more and more often.
func (r *registration) pause(ctx context.Context, wait time.Duration) bool {
	began := time.Now()
	woken, ok := r.sleep(ctx, wait, r.broken)
	if !ok || !woken || time.Since(began) >= steady {
		r.breaks = 0
		return ok
	}
	hold := r.jitter(min(firstRetry<<min(r.breaks, 10), lastRetry))
	r.breaks++
	_, ok = r.sleep(ctx, min(hold, wait-time.Since(began)), nil)
	return ok
}

// refreshAfter is between 50 and 60 percent of the grant: two attempts of full
// length fit before it ends, and carriers with many clients are not hit at once.
func (c *Carrier) refreshAfter(granted time.Duration) time.Duration {
	return time.Duration(float64(granted) * (0.5 + 0.1*c.options.Random()))
}

// retryAfter doubles with each failure; half of it is left to chance, so that
// clients do not come back in step (RFC 5626 section 4.5).
func (r *registration) retryAfter(err error) time.Duration {
	wait := lastRetry
	if errors.Is(err, errRefused) {
		wait = min(firstRefused<<min(r.refusals, 10), lastRefused)
		r.refusals++
	} else {
		wait = min(firstRetry<<min(r.failures, 10), lastRetry)
		r.failures++
	}
	return r.jitter(wait)
}

// jitter leaves half of a wait to chance.
func (c *Carrier) jitter(wait time.Duration) time.Duration {
	return wait/2 + time.Duration(float64(wait/2)*c.options.Random())
}

// failed notes a failure. A registration that has not run out yet stays good:
// the carrier may still deliver calls.
func (r *registration) failed(err error, wait time.Duration) {
	r.options.Logger.Warn("registration at carrier failed", "provider", r.provider.ID, "retry_in", wait, "error", err)
	now := time.Now()
	r.change(func(s *State) {
		s.Err = err.Error()
		switch {
		case errors.Is(err, errRefused):
			s.Registration = Refused
		case s.Registration != Registered || !now.Before(s.Expires) || !now.Add(wait).Before(s.Expires):
			s.Registration = Trying
		}
	})
}

// end says good-bye, so that no calls are sent to a place that is gone.
func (r *registration) end() {
	if r.State().Registration == Registered {
		ctx, cancel := context.WithTimeout(context.Background(), unregisterTimeout)
		defer cancel()
		if _, _, err := r.attempt(ctx, 0); err != nil {
			r.options.Logger.Warn("not unregistered at carrier", "provider", r.provider.ID, "error", err)
		}
	}
	r.change(func(s *State) { s.Registration, s.Expires = Off, time.Time{} })
}

// attempt registers for the wished time, answering challenges and 423. It
// returns what was granted; or an error, with the time that the carrier asks to
// wait, if it did.
func (r *registration) attempt(ctx context.Context, wish time.Duration) (granted, wait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	contact, err := r.stack.ContactFor(ctx, r.provider.Username, r.provider.Hostname)
	if err != nil {
		return 0, 0, fmt.Errorf("no way to carrier: %w", err)
	}
	req := r.build(contact, wish)
	r.auth.Apply(req)
	// A challenge, a stale nonce, a longer interval and a challenge again:
	// more steps than that are a carrier gone mad.
	for range 5 {
		res, err := r.stack.Do(ctx, req, r.provider.Hostname)
		if err != nil {
			return 0, 0, fmt.Errorf("REGISTER: %w", err)
		}
		r.heard(res)
		switch res.StatusCode {
		case sipmsg.StatusUnauthorized, sipmsg.StatusProxyAuthRequired:
			if req, err = r.auth.Authorize(req, res); errors.Is(err, digest.ErrRefused) {
				return 0, 0, fmt.Errorf("%w: %w", errRefused, err)
			} else if err != nil {
				return 0, 0, err
			}
			r.cseq = req.CSeq().SeqNo
		case sipmsg.StatusIntervalToBrief:
			least, ok := leastExpires(res)
			if !ok || wish == 0 || least <= wish {
				return 0, 0, fmt.Errorf("REGISTER: 423 without a usable Min-Expires")
			}
			wish, r.wish = least, least
			req = r.build(contact, wish)
			r.auth.Apply(req)
		default:
			return r.outcome(res, contact, wish)
		}
	}
	return 0, 0, errors.New("REGISTER: challenged without end")
}

// build makes the next REGISTER.
func (r *registration) build(contact *sipmsg.ContactHeader, wish time.Duration) *sipmsg.Request {
	r.cseq++
	req := r.request(sipmsg.REGISTER)
	callID := sipmsg.CallIDHeader(r.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sipmsg.CSeqHeader{SeqNo: r.cseq, MethodName: sipmsg.REGISTER})
	req.AppendHeader(contact)
	expires := sipmsg.ExpiresHeader(wish / time.Second)
	req.AppendHeader(&expires)
	return req
}

// outcome reads a final response that is neither a challenge nor 423.
func (r *registration) outcome(res *sipmsg.Response, contact *sipmsg.ContactHeader, wish time.Duration) (granted, wait time.Duration, err error) {
	switch {
	case res.IsSuccess():
		return max(grantedIn(res, contact, wish), shortest), 0, nil
	case res.StatusCode == sipmsg.StatusForbidden, res.StatusCode == sipmsg.StatusNotFound:
		return 0, 0, fmt.Errorf("%w: %d %s", errRefused, res.StatusCode, res.Reason)
	}
	if h := res.GetHeader("Retry-After"); h != nil {
		digits, _, _ := strings.Cut(h.Value(), ";")
		digits, _, _ = strings.Cut(digits, "(")
		if d, ok := seconds(digits); ok {
			wait = min(d, lastRefused)
		}
	}
	return 0, wait, fmt.Errorf("REGISTER: %d %s", res.StatusCode, res.Reason)
}

// grantedIn finds how long our contact is good: by its own parameter, then the
// Expires header, then what we asked for (RFC 3261 section 10.2.4).
func grantedIn(res *sipmsg.Response, ours *sipmsg.ContactHeader, wish time.Duration) time.Duration {
	for _, h := range res.GetHeaders("Contact") {
		c, ok := h.(*sipmsg.ContactHeader)
		if !ok || c.Address.User != ours.Address.User || !strings.EqualFold(c.Address.Host, ours.Address.Host) || c.Address.Port != ours.Address.Port {
			continue
		}
		if text, ok := c.Params.Get("expires"); ok {
			if d, ok := seconds(text); ok {
				return d
			}
		}
	}
	if h := res.GetHeader("Expires"); h != nil {
		if d, ok := seconds(h.Value()); ok {
			return d
		}
	}
	return wish
}

func leastExpires(res *sipmsg.Response) (time.Duration, bool) {
	h := res.GetHeader("Min-Expires")
	if h == nil {
		return 0, false
	}
	d, ok := seconds(h.Value())
	return d, ok && d <= longest
}

func seconds(text string) (time.Duration, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32)
	return time.Duration(n) * time.Second, err == nil
}
