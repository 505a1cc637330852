package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
)

// dialling is a connection that is being made, for everybody who wants one to
// the same peer.
type dialling struct {
	done chan struct{} // closed when err is set
	err  error
}

// dialOnce is dial for all who ask at the same time: one connection serves
// them, as RFC 3261 18 would have it, and their requests arrive in order. Who
// comes while another connects shares that one's failure, but not the end of
// its patience.
func (s *Stack) dialOnce(ctx context.Context, h hop, to netip.AddrPort) (*flow, error) {
	key := streamKey{h.transport, to}
	for {
		s.mu.Lock()
		if c := s.streams[key]; c != nil && !c.closed() {
			s.mu.Unlock()
			return c.flow(), nil
		}
		d, another := s.dials[key]
		if !another {
			d = &dialling{done: make(chan struct{})}
			s.dials[key] = d
		}
		s.mu.Unlock()
		if !another {
			f, err := s.dial(ctx, h, to)
			s.mu.Lock()
			delete(s.dials, key)
			s.mu.Unlock()
			d.err = err
			close(d.done)
			return f, err
		}
		select {
		case <-d.done:
		case <-ctx.Done():
			return nil, fmt.Errorf("sip: connect %s: %w", h, ctx.Err())
		}
		if d.err != nil && !errors.Is(d.err, context.Canceled) && !errors.Is(d.err, context.DeadlineExceeded) {
			return nil, d.err
		}
	}
}
