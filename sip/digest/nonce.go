package digest

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"sync"
	"time"
)

// window is how far the nonce counts of requests that overtake each other on
// the way may lie apart.
const window = 64

// nonces makes nonces that carry their own time and signature, so that a
// challenge costs no memory. Only a nonce that a user has proved a password
// with is remembered, for its counts; strangers cannot fill the table.
type nonces struct {
	key  [32]byte
	life time.Duration
	max  int
	now  func() time.Time

	mu    sync.Mutex
	used  map[string]*counts
	floor time.Time // nonces from before are stale
}

// counts are the nonce counts seen: the highest, and a bit for each of the
// window's counts up to it.
type counts struct {
	made    time.Time
	highest uint64
	seen    uint64
}

func newNonces(life time.Duration, limit int, now func() time.Time) *nonces {
	n := &nonces{life: life, max: limit, now: now, used: map[string]*counts{}}
	rand.Read(n.key[:]) // never fails, see its documentation
	return n
}

const nonceBytes = 8 + 8 + 16 // time, randomness, signature

func (n *nonces) make() string {
	var raw [nonceBytes]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(n.now().UnixNano()))
	rand.Read(raw[8:16])
	copy(raw[16:], n.sign(raw[:16]))
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

func (n *nonces) sign(data []byte) []byte {
	mac := hmac.New(sha256.New, n.key[:])
	mac.Write(data)
	return mac.Sum(nil)[:16]
}

// issued returns when we made the nonce; false when we did not.
func (n *nonces) issued(nonce string) (time.Time, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(raw) != nonceBytes || !hmac.Equal(n.sign(raw[:16]), raw[16:]) {
		return time.Time{}, false
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(raw[:8]))), true
}

// spend marks count as used and tells whether it was still good. A request
// without a count (no qop) spends the whole nonce.
func (n *nonces) spend(nonce string, count uint64) bool {
	made, ok := n.issued(nonce)
	now := n.now()
	n.mu.Lock()
	defer n.mu.Unlock()
	if !ok || now.Sub(made) > n.life || made.Before(n.floor) {
		return false
	}
	c := n.used[nonce]
	if c == nil {
		n.room(now)
		c = &counts{made: made}
		n.used[nonce] = c
	}
	if count == 0 {
		fresh := c.highest == 0
		c.highest, c.seen = ^uint64(0), ^uint64(0)
		return fresh
	}
	return c.take(count)
}

func (c *counts) take(count uint64) bool {
	if count > c.highest {
		if shift := count - c.highest; shift < window {
			c.seen = c.seen<<shift | 1
		} else {
			c.seen = 1
		}
		c.highest = count
		return true
	}
	back := c.highest - count
	if back >= window || c.seen&(1<<back) != 0 {
		return false
	}
	c.seen |= 1 << back
	return true
}

// room makes place for one more. When everything in a full table is alive, all
// of it is forgotten and every nonce made until now is stale, which costs each
// user one round trip and opens no replay.
func (n *nonces) room(now time.Time) {
	if len(n.used) < n.max {
		return
	}
	for key, c := range n.used {
		if now.Sub(c.made) > n.life {
			delete(n.used, key)
		}
	}
	if len(n.used) >= n.max {
		clear(n.used)
		n.floor = now
	}
}
