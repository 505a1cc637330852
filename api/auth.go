package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"offhook/resource"
	"offhook/store/rows"
)

// principal is whose key a request carries.
type principal struct {
	CustomerID string
	Admin      bool
}

type principalKey struct{}

// digest is what is stored of an access key.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// newToken makes an access key with 256 random bits.
func newToken() string {
	var b [32]byte
	rand.Read(b[:])
	return "vb_" + base64.RawURLEncoding.EncodeToString(b[:])
}

// bearer takes the key out of a request: Authorization, else ?accesskey=, else
// ?token=. The query forms exist for WebSocket clients in browsers.
func bearer(r *http.Request) string {
	if scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "AccessKey") {
			return strings.TrimSpace(key)
		}
	}
	q := r.URL.Query()
	if k := q.Get("accesskey"); k != "" {
		return k
	}
	return q.Get("token")
}

// authenticate finds whose request it is, or answers with an *Error.
func (s *Server) authenticate(r *http.Request) (principal, error) {
	token := bearer(r)
	if token == "" {
		return principal{}, newError("UNAUTHENTICATED", "AUTHENTICATION_REQUIRED",
			"give an access key: Authorization: Bearer KEY, or ?accesskey=KEY")
	}
	addr, hash := address(r), digest(token)
	if wait := s.guard.blocked(addr, hash); wait > 0 {
		e := newError("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED", "too many wrong access keys from %s; wait %d seconds", addr, wait)
		e.RetryAfter = wait
		return principal{}, e
	}
	who, err := s.owner(r.Context(), hash)
	if err != nil {
		return principal{}, err
	}
	if who == nil {
		s.guard.failed(addr)
		return principal{}, newError("UNAUTHENTICATED", "INVALID_CREDENTIALS", "the access key is wrong or has expired")
	}
	s.guard.passed(addr, hash)
	if !who.Admin {
		if err := s.checkActive(r.Context(), who.CustomerID); err != nil {
			return principal{}, err
		}
	}
	return *who, nil
}

// owner finds whose key has this digest; nil when nobody's. Keys are compared
// by digest, so the time taken tells nothing about a key.
func (s *Server) owner(ctx context.Context, hash string) (*principal, error) {
	if s.adminHash != "" && subtle.ConstantTimeCompare([]byte(hash), []byte(s.adminHash)) == 1 {
		return &principal{CustomerID: AdminCustomerID, Admin: true}, nil
	}
	keys, err := rows.Accesskeys.Find(ctx, s.db, rows.KeyToken, hash)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		live := k.TMDelete == nil && (k.TMExpire == nil || k.TMExpire.After(time.Now()))
		if live && subtle.ConstantTimeCompare([]byte(hash), []byte(k.TokenHash)) == 1 {
			return &principal{CustomerID: k.CustomerID, Admin: k.Admin}, nil
		}
	}
	return nil, nil
}

// checkActive refuses the keys of frozen and deleted customers.
func (s *Server) checkActive(ctx context.Context, customerID string) error {
	c, err := s.Customer(ctx, customerID)
	if err != nil {
		return newError("UNAUTHENTICATED", "INVALID_CREDENTIALS", "the access key's customer is gone")
	}
	if c.Status == "frozen" {
		return newError("PERMISSION_DENIED", "ACCOUNT_FROZEN", "customer %s is frozen; the administrator can set it active again", customerID)
	}
	return nil
}

func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// guard slows down those who guess keys: after guardBurst wrong keys an
// address gets one more try every guardEvery. Keys that were right from that
// address before go on working, so that one broken client behind a proxy does
// not lock out the others.
type guard struct {
	mu    sync.Mutex
	now   func() time.Time
	debts map[string]time.Time // address → when its debt of wrong keys is paid
	known map[string]time.Time // address and digest → last use
}

const (
	guardBurst = 500
	guardEvery = 3 * time.Second
	guardSize  = 10000 // addresses and known keys remembered
)

func newGuard(now func() time.Time) *guard {
	return &guard{now: now, debts: map[string]time.Time{}, known: map[string]time.Time{}}
}

// blocked returns the seconds until addr may try this key; 0: now.
func (g *guard) blocked(addr, hash string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.known[addr+" "+hash]; ok {
		return 0
	}
	over := g.debts[addr].Add(-guardBurst * guardEvery).Sub(g.now())
	if over <= 0 {
		return 0
	}
	return int((over + time.Second - 1) / time.Second)
}

// failed counts a wrong key.
func (g *guard) failed(addr string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.debts = trim(g.debts, func(t time.Time) bool { return t.Before(now) })
	from := g.debts[addr]
	if from.Before(now) {
		from = now
	}
	g.debts[addr] = from.Add(guardEvery)
}

// passed remembers a right key.
func (g *guard) passed(addr, hash string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	g.known = trim(g.known, func(t time.Time) bool { return now.Sub(t) > time.Hour })
	g.known[addr+" "+hash] = now
}

// trim keeps a map bounded: once full it drops what is stale, and everything
// when nothing is.
func trim(m map[string]time.Time, stale func(time.Time) bool) map[string]time.Time {
	if len(m) < guardSize {
		return m
	}
	for k, t := range m {
		if stale(t) {
			delete(m, k)
		}
	}
	if len(m) >= guardSize {
		return map[string]time.Time{}
	}
	return m
}

// AdminCustomerID is the customer of the configured access key. It is fixed,
// so that provisioning files and event topics can name it.
const AdminCustomerID = resource.AdminCustomerID
