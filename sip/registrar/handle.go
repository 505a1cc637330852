package registrar

import (
	"context"
	"slices"
	"strings"
	"time"

	"offhook/sip/digest"

	sipmsg "github.com/emiago/sipgo/sip"
)

// storeTimeout bounds how long a REGISTER waits for the store.
const storeTimeout = 5 * time.Second

// Handle answers one REGISTER request, which must have passed the checks that
// hold for every request (RFC 3261 section 8.2). It may block for the store.
// Without valid credentials the answer is 401 whether the user exists or not.
func (r *Registrar) Handle(req *sipmsg.Request, tx Responder) {
	res := r.answer(req)
	if err := tx.Respond(res); err != nil {
		r.log.Warn("answer to REGISTER not sent", "source", req.Source(), "status", res.StatusCode, "error", err)
	}
}

func (r *Registrar) answer(req *sipmsg.Request) *sipmsg.Response {
	account, refused := r.authorize(req)
	if refused != nil {
		return refused.response(req)
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	now := time.Now()
	list, bad := r.apply(ctx, req, account, now)
	if bad != nil {
		return bad.response(req)
	}
	res := sipmsg.NewResponseFromRequest(req, sipmsg.StatusOK, "OK", nil)
	for _, c := range list {
		res.AppendHeader(c.header(now))
	}
	for _, h := range req.GetHeaders("Path") {
		res.AppendHeader(sipmsg.NewHeader("Path", h.Value()))
	}
	res.AppendHeader(sipmsg.NewHeader("Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")))
	return res
}

func (f *fault) response(req *sipmsg.Request) *sipmsg.Response {
	res := sipmsg.NewResponseFromRequest(req, f.status, f.reason, nil)
	for _, h := range f.headers {
		res.AppendHeader(h)
	}
	return res
}

// authorize finds whose bindings the request may change: the user of its
// credentials must own the address of record in its To header.
func (r *Registrar) authorize(req *sipmsg.Request) (Account, *fault) {
	domain := strings.ToLower(req.To().Address.Host)
	var account Account
	known := false
	user, result := r.options.Auth.Check(req, func(user string) (digest.Secret, bool) {
		account, known = r.options.Lookup(user, domain)
		return account.Secret, known
	})
	if result != digest.Accepted {
		if result == digest.Rejected && r.options.OnFault != nil {
			r.options.OnFault(req, user, known)
		}
		return Account{}, &fault{
			status: sipmsg.StatusUnauthorized, reason: "Unauthorized",
			headers: r.options.Auth.ChallengeFor(req, sipmsg.StatusUnauthorized, result == digest.Stale),
		}
	}
	owner, exists := r.options.Lookup(unescape(req.To().Address.User), domain)
	if !exists || owner.AOR != account.AOR {
		return Account{}, &fault{status: sipmsg.StatusForbidden, reason: "Forbidden"}
	}
	return account, nil
}

// apply changes the bindings as the request wishes, all or nothing, and returns
// those that are there afterwards.
func (r *Registrar) apply(ctx context.Context, req *sipmsg.Request, account Account, now time.Time) ([]Contact, *fault) {
	w, bad := r.read(req, account, now)
	if bad != nil {
		return nil, bad
	}
	lock := r.lock(account.AOR)
	defer lock.Unlock()
	old := alive(r.all(account.AOR), now)
	if len(w.contacts) == 0 && !w.wildcard {
		return old, nil // a query
	}
	list, changed, bad := r.merge(old, w, req, now)
	if bad != nil {
		return nil, bad
	}
	if err := r.commit(ctx, account.AOR, list, changed); err != nil {
		r.log.Error("registration failed", "aor", account.AOR, "error", err)
		return nil, &fault{status: sipmsg.StatusInternalServerError, reason: "Server Internal Error"}
	}
	if changed {
		r.log.Info("registration changed", "aor", account.AOR, "source", req.Source(), "contacts", len(list))
	}
	return list, nil
}

// merge computes the bindings after a request.
func (r *Registrar) merge(old []Contact, w wishes, req *sipmsg.Request, now time.Time) (list []Contact, changed bool, bad *fault) {
	list = slices.Clone(old)
	if w.wildcard {
		for _, c := range old {
			if outOfOrder(c, req) {
				return nil, false, errOrder
			}
		}
		return nil, len(old) > 0, nil
	}
	for _, wish := range w.contacts {
		next := wish.contact
		next.Expires = now.Add(wish.expires)
		i := slices.IndexFunc(list, func(c Contact) bool { return sameBinding(c, next) })
		if slices.ContainsFunc(old, func(c Contact) bool { return sameBinding(c, next) && outOfOrder(c, req) }) {
			return nil, false, errOrder
		}
		switch {
		case i < 0 && wish.expires == 0:
		case i < 0:
			list, changed = append(list, next), true
		case wish.expires == 0:
			list, changed = slices.Delete(list, i, i+1), true
		default:
			next.Registered = list[i].Registered
			changed = changed || moved(list[i], next)
			list[i] = next
		}
	}
	list = r.cap(list)
	byPreference(list)
	return list, changed, nil
}

var errOrder = &fault{status: sipmsg.StatusInternalServerError, reason: "REGISTER Out Of Order"}

// outOfOrder tells of a request that is older than the binding it would change
// (RFC 3261 section 10.3 step 7).
func outOfOrder(c Contact, req *sipmsg.Request) bool {
	return c.CallID == req.CallID().Value() && req.CSeq().SeqNo <= c.CSeq
}

// moved tells whether requests to the contact take another way than before.
func moved(old, next Contact) bool {
	return old.URI != next.URI || old.Source != next.Source || old.Transport != next.Transport ||
		old.Received != next.Received || !slices.Equal(old.Path, next.Path)
}

// cap drops the bindings that have gone longest without a refresh when there
// are too many. Refusing the new one instead would lock out a phone that comes
// back from a reboot with a new port until its old bindings run out.
func (r *Registrar) cap(list []Contact) []Contact {
	for len(list) > r.options.MaxContacts {
		oldest := 0
		for i, c := range list {
			if c.Expires.Before(list[oldest].Expires) {
				oldest = i
			}
		}
		list = slices.Delete(list, oldest, oldest+1)
	}
	return list
}
