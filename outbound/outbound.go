// Package outbound makes the HTTP clients for addresses that users choose:
// webhooks, fetched flows, tools, prompts to play. It keeps them away from
// addresses that a server must not be talked into reaching.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// Policy says what a client may do.
type Policy struct {
	AllowPrivate bool          // also loopback, private and other addresses that are not public
	Timeout      time.Duration // for a whole exchange with its body; 0: 30 s
	MaxBytes     int64         // of a response's body; 0: no limit
}

// ErrForbidden is wrapped by errors about addresses that the policy refuses.
var ErrForbidden = errors.New("address is not allowed")

// ErrTooLarge is wrapped by errors about bodies over Policy.MaxBytes.
var ErrTooLarge = errors.New("response is too large")

// ErrRedirects is wrapped by the error for the fourth redirect.
var ErrRedirects = errors.New("too many redirects")

const maxRedirects = 3

// NewClient makes a client that holds to p. The address is checked when it is
// dialled, after the name was resolved, so that a name cannot point elsewhere
// between check and use, and redirects are checked alike; proxies of the
// environment are not used. Link-local addresses, where clouds keep their
// credentials, are never reached. Reading more than MaxBytes gives ErrTooLarge.
func NewClient(p Policy) *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: p.control}
	timeout := p.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	transport := &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		MaxIdleConns:           100,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        90 * time.Second,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	return &http.Client{
		Transport:     &limited{next: transport, max: p.MaxBytes},
		CheckRedirect: checkRedirect,
		Timeout:       timeout,
	}
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d", ErrRedirects, maxRedirects)
	}
	return nil
}

// control runs before each connect with the very address that is dialled.
func (p Policy) control(_, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrForbidden, address, err)
	}
	return p.Allow(ap.Addr())
}

// Allow says whether the policy lets a client reach addr; errors wrap
// ErrForbidden.
func (p Policy) Allow(addr netip.Addr) error {
	addr = embedded(addr)
	switch {
	case !addr.IsValid():
		return fmt.Errorf("%w: no address", ErrForbidden)
	case addr.IsLinkLocalUnicast(), addr.IsMulticast(), addr == metadataIPv6:
		return fmt.Errorf("%w: %s is link-local, multicast or a cloud's metadata service", ErrForbidden, addr)
	case !p.AllowPrivate && !public(addr):
		return fmt.Errorf("%w: %s is not a public address (outbound_http.allow_private)", ErrForbidden, addr)
	}
	return nil
}

// metadataIPv6 is where one cloud keeps what others have at 169.254.169.254.
var metadataIPv6 = netip.MustParseAddr("fd00:ec2::254")

// embedded is the IPv4 address inside an IPv6 one that is only a way to it:
// IPv4-mapped, NAT64 (RFC 6052) and 6to4 (RFC 3056).
func embedded(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() {
		return addr
	}
	b := addr.As16()
	switch {
	case nat64.Contains(addr):
		return netip.AddrFrom4([4]byte(b[12:16]))
	case sixToFour.Contains(addr):
		return netip.AddrFrom4([4]byte(b[2:6]))
	}
	return addr
}

var (
	nat64     = netip.MustParsePrefix("64:ff9b::/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// reserved are the ranges of the IANA special-purpose registries that are not
// reached over the public network and that netip has no question for.
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
	"::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "fec0::/10",
)

func prefixes(s ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(s))
	for i := range s {
		out[i] = netip.MustParsePrefix(s[i])
	}
	return out
}

func public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	for _, p := range reserved {
		if p.Contains(addr) {
			return false
		}
	}
	return true
}

// limited bounds the bodies of a transport's responses.
type limited struct {
	next http.RoundTripper
	max  int64
}

func (l *limited) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(req)
	if err != nil || l.max <= 0 {
		return res, err
	}
	if res.ContentLength > l.max && req.Method != http.MethodHead {
		_ = res.Body.Close()
		return nil, fmt.Errorf("%w: %d bytes, at most %d are taken", ErrTooLarge, res.ContentLength, l.max)
	}
	res.Body = Limit(res.Body, l.max)
	return res, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections through.
func (l *limited) CloseIdleConnections() {
	if c, ok := l.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// Limit gives the first max bytes of r, then ErrTooLarge where there are more.
func Limit(r io.ReadCloser, max int64) io.ReadCloser {
	return &limitedBody{ReadCloser: r, left: max}
}

type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	n, err := b.ReadCloser.Read(p)
	if int64(n) > b.left {
		n, err = int(b.left), fmt.Errorf("%w: over the limit", ErrTooLarge)
	}
	b.left -= int64(n)
	return n, err
}

// Resolve checks every address of a host name against p without connecting,
// for telling a user at once; the check that counts is at the dial.
func (p Policy) Resolve(ctx context.Context, host string) error {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return fmt.Errorf("outbound: %w", err)
	}
	for _, a := range addrs {
		if err := p.Allow(a); err != nil {
			return err
		}
	}
	return nil
}
