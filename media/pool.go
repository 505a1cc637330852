package media

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// ErrNoPorts tells that every pair of the configured range is in use, resting
// or taken by other programs.
var ErrNoPorts = errors.New("media: no free RTP ports")

// pool hands out pairs of an even RTP port and the RTCP port above it (RFC 3550
// section 11). A pair that was given back rests for a quiet time, so that the
// last packets of one call do not reach the next.
type pool struct {
	wire  Wire
	ip    netip.Addr
	quiet time.Duration

	mu   sync.Mutex
	free []pair // oldest first
	used int
}

type pair struct {
	port  uint16
	after time.Time // when its rest is over
}

func newPool(c Config) *pool {
	p := &pool{wire: c.Wire, ip: c.BindIP, quiet: c.Quiet}
	for port := c.MinPort + c.MinPort%2; port+1 <= c.MaxPort; port += 2 {
		p.free = append(p.free, pair{port: uint16(port)})
	}
	// A random order, so that ports are hard to guess (RFC 6056's reason).
	rand.Shuffle(len(p.free), func(i, j int) { p.free[i], p.free[j] = p.free[j], p.free[i] })
	return p
}

// take binds a pair. It skips ports that other programs hold.
func (p *pool) take() (rtp, rtcp Conn, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for range len(p.free) {
		next := p.free[0]
		if time.Now().Before(next.after) {
			break
		}
		p.free = p.free[1:]
		rtp, rtcp, err = p.bind(next.port)
		if err == nil {
			p.used++
			return rtp, rtcp, nil
		}
		p.free = append(p.free, pair{next.port, time.Now().Add(p.quiet)})
		if !errors.Is(err, syscall.EADDRINUSE) && !errors.Is(err, syscall.EACCES) {
			return nil, nil, err
		}
	}
	return nil, nil, ErrNoPorts
}

func (p *pool) bind(port uint16) (rtp, rtcp Conn, err error) {
	if rtp, err = p.wire.Listen(netip.AddrPortFrom(p.ip, port)); err != nil {
		return nil, nil, err
	}
	if rtcp, err = p.wire.Listen(netip.AddrPortFrom(p.ip, port+1)); err != nil {
		return nil, nil, errors.Join(err, rtp.Close())
	}
	return rtp, rtcp, nil
}

// give closes a pair and lets it rest.
func (p *pool) give(rtp, rtcp Conn) error {
	port := rtp.LocalAddr().Port()
	err := errors.Join(rtp.Close(), rtcp.Close())
	p.mu.Lock()
	defer p.mu.Unlock()
	p.used--
	p.free = append(p.free, pair{port, time.Now().Add(p.quiet)})
	if err != nil {
		return fmt.Errorf("media: close port %d: %w", port, err)
	}
	return nil
}

// open is the number of pairs in use.
func (p *pool) open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.used
}
