package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// slowNetwork connects after a second, if at all.
type slowNetwork struct {
	Network
	dials int // only one goroutine of the bubble runs at a time where it is used
	err   error
}

func (n *slowNetwork) Dial(ctx context.Context, address string) (net.Conn, error) {
	n.dials++
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if n.err != nil {
		return nil, n.err
	}
	near, far := net.Pipe()
	context.AfterFunc(ctx, func() { far.Close() })
	return near, nil
}

// TestOneConnection holds that everybody who wants a connection to a peer at the
// same time gets the same one, and that nobody suffers from another's impatience.
func TestOneConnection(t *testing.T) {
	refused := errors.New("refused")
	tests := []struct {
		name     string
		err      error
		patience time.Duration // of the first
		dials    int
		fail     int
	}{
		{"one connects for all", nil, time.Minute, 1, 0},
		{"one is refused for all", refused, time.Minute, 1, 3},
		{"the first gives up", nil, time.Second / 2, 2, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := &slowNetwork{Network: NewMemoryNetwork().Host(netip.MustParseAddr("192.0.2.1")), err: tt.err}
				s, err := New(Config{Handler: pickup{}, Network: network})
				if err != nil {
					t.Fatal(err)
				}
				live, end := context.WithCancel(t.Context())
				defer end()
				first, cancel := context.WithTimeout(live, tt.patience)
				defer cancel()
				results := make(chan error, 3)
				for _, ctx := range []context.Context{first, live, live} {
					go func() {
						_, err := s.connect(ctx, hop{"TCP", "192.0.2.2", 5060})
						results <- err
					}()
					synctest.Wait()
				}
				failed := 0
				for range 3 {
					if <-results != nil {
						failed++
					}
				}
				if network.dials != tt.dials || failed != tt.fail {
					t.Errorf("%d dialled and %d failed, want %d and %d", network.dials, failed, tt.dials, tt.fail)
				}
				end()
				synctest.Wait()
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
