package digest

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	sipmsg "github.com/emiago/sipgo/sip"
	icholy "github.com/icholy/digest"
)

// ErrRefused is returned by Authorize when the server has already seen this
// password and did not say that its nonce was stale: trying again is useless.
var ErrRefused = errors.New("digest: credentials refused")

// ErrNoChallenge is returned when a response holds no challenge that can be
// answered.
var ErrNoChallenge = errors.New("digest: no challenge that can be answered")

// Authorize returns the request to send after res challenged req: a copy with
// credentials, the next CSeq and no Via, so that it becomes a transaction of its
// own (RFC 3261 section 22.2). req is left as it was.
func Authorize(req *sipmsg.Request, res *sipmsg.Response, user, password string) (*sipmsg.Request, error) {
	return NewClient(user, password).Authorize(req, res)
}

// Client answers challenges for one user and remembers the last one, so that
// later requests to the same server need no round trip. It is safe for
// concurrent use and never blocks.
type Client struct {
	user, password string

	mu        sync.Mutex
	header    string // Authorization or Proxy-Authorization
	challenge *icholy.Challenge
	count     int
}

// NewClient returns a client that has seen no challenge yet.
func NewClient(user, password string) *Client {
	return &Client{user: user, password: password}
}

// Apply adds credentials by the last challenge, if there was one, to a request
// that has not been sent yet.
func (c *Client) Apply(req *sipmsg.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.challenge == nil {
		return
	}
	// Digest fails on algorithms only, and those were checked when the
	// challenge was learned; without credentials a new challenge comes.
	_ = c.add(req)
}

// Authorize is the function of that name that reuses nonces.
func (c *Client) Authorize(req *sipmsg.Request, res *sipmsg.Response) (*sipmsg.Request, error) {
	name, answer := "WWW-Authenticate", "Authorization"
	if res.StatusCode == sipmsg.StatusProxyAuthRequired {
		name, answer = "Proxy-Authenticate", "Proxy-Authorization"
	}
	chal, err := pick(res.GetHeaders(name))
	if err != nil {
		return nil, err
	}
	if refused(req.GetHeaders(answer), chal) {
		c.forget()
		return nil, fmt.Errorf("%w for user %s in realm %q", ErrRefused, c.user, chal.Realm)
	}
	next := req.Clone()
	for next.RemoveHeader("Via") {
	}
	if cseq := req.CSeq(); cseq != nil {
		next.ReplaceHeader(&sipmsg.CSeqHeader{SeqNo: cseq.SeqNo + 1, MethodName: cseq.MethodName})
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.header, c.challenge, c.count = answer, chal, 0
	if err := c.add(next); err != nil {
		return nil, err
	}
	return next, nil
}

// forget makes the next request wait for a challenge, so that a password that
// was refused is not offered more often than need be.
func (c *Client) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.challenge = nil
}

// add puts credentials into req, replacing those of the same realm.
func (c *Client) add(req *sipmsg.Request) error {
	c.count++
	cred, err := icholy.Digest(c.challenge, icholy.Options{
		Method: string(req.Method), URI: req.Recipient.String(), Count: c.count,
		Username: c.user, Password: c.password,
	})
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	kept := req.GetHeaders(c.header)
	for req.RemoveHeader(c.header) {
	}
	for _, h := range kept {
		if old, err := icholy.ParseCredentials(h.Value()); err == nil && old.Realm != c.challenge.Realm {
			req.AppendHeader(h)
		}
	}
	req.AppendHeader(sipmsg.NewHeader(c.header, cred.String()))
	return nil
}

// pick returns the first challenge that can be answered (RFC 8760 section 2.4).
func pick(headers []sipmsg.Header) (*icholy.Challenge, error) {
	why := ErrNoChallenge
	for _, h := range headers {
		chal, err := icholy.ParseChallenge(h.Value())
		if err != nil {
			why = fmt.Errorf("%w: %w", ErrNoChallenge, err)
			continue
		}
		for i, qop := range chal.QOP {
			chal.QOP[i] = strings.ToLower(strings.TrimSpace(qop))
		}
		// Of auth-int the body's hash would be needed; nobody asks for it alone.
		if icholy.CanDigest(chal) && (len(chal.QOP) == 0 || chal.SupportsQOP("auth")) {
			return chal, nil
		}
	}
	return nil, why
}

// refused tells whether the request had credentials for the realm of a
// challenge that does not call them stale.
func refused(sent []sipmsg.Header, chal *icholy.Challenge) bool {
	for _, h := range sent {
		cred, err := icholy.ParseCredentials(h.Value())
		if err == nil && cred.Realm == chal.Realm && !chal.Stale {
			// Servers that forget to say stale show it by a new nonce
			// for credentials that reused an old one.
			return cred.Nc <= 1 || cred.Nonce == chal.Nonce
		}
	}
	return false
}
