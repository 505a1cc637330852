package carrier

import (
	"context"
	"fmt"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Hysteresis of the health: one lost answer does not condemn a carrier, one
// lucky answer does not acquit it.
const (
	probeTimeout  = 5 * time.Second
	probeAgain    = 5 * time.Second // after a failure, to know soon
	failuresToDie = 3
	answersToLive = 2
)

// probes counts in a row.
type probes struct {
	failures, answers int
}

func (c *Carrier) keepProbing(ctx context.Context) {
	var p probes
	// Many carriers are started together; their probes need not go together.
	wait := time.Duration(float64(time.Second) * c.options.Random())
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		start := time.Now()
		err := c.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		c.judge(&p, err, time.Since(start))
		wait = c.provider.Probe
		if c.State().Health != Healthy || p.failures > 0 {
			wait = min(wait, probeAgain)
		}
		timer.Reset(wait)
	}
}

// judge notes the outcome of a probe. A carrier that comes back has likely
// forgotten our registration; and where a connection fails, the registration
// that was made on it is gone with it, even if the next connection works.
func (c *Carrier) judge(p *probes, err error, took time.Duration) {
	revived := false
	if err != nil {
		p.failures, p.answers = p.failures+1, 0
	} else {
		p.failures, p.answers = 0, p.answers+1
	}
	c.change(func(s *State) {
		if err != nil {
			s.Err = err.Error()
			if p.failures >= failuresToDie {
				s.Health = Unhealthy
			}
			return
		}
		s.RoundTrip = took
		if s.Health == Unknown || s.Health == Unhealthy && p.answers >= answersToLive {
			revived = s.Health == Unhealthy
			s.Health = Healthy
			if s.Registration != Trying && s.Registration != Refused {
				s.Err = ""
			}
		}
	})
	broken := p.failures == 1 && c.stream
	if (revived || broken) && c.provider.Register {
		c.Lost()
	}
}

// probe asks once. Any answer shows that the carrier lives, also one that says
// it does not do OPTIONS, except those that say that it does not work.
func (c *Carrier) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req := c.request(sipmsg.OPTIONS)
	req.AppendHeader(sipmsg.NewHeader("Accept", "application/sdp"))
	res, err := c.stack.Do(ctx, req, c.provider.Hostname)
	if err != nil {
		return fmt.Errorf("OPTIONS: %w", err)
	}
	switch res.StatusCode {
	case sipmsg.StatusRequestTimeout, sipmsg.StatusBadGateway, sipmsg.StatusServiceUnavailable, sipmsg.StatusGatewayTimeout:
		return fmt.Errorf("OPTIONS: %d %s", res.StatusCode, res.Reason)
	}
	return nil
}
