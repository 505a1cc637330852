//go:build linux && (amd64 || arm64)

package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"offhook/media/rtpload"
)

// leaks is what a server holds before and after thousands of calls.
type leaks struct {
	Calls  int      `json:"calls"`
	Before holdings `json:"before"`
	After  holdings `json:"after"`
}

// holdings is what calls take and must give back.
type holdings struct {
	Goroutines float64 `json:"goroutines"`
	HeapMB     float64 `json:"heap_mb"` // after a garbage collection
	StackMB    float64 `json:"stack_mb"`
	Ports      float64 `json:"ports"`
	Dialogs    float64 `json:"dialogs"`
	Calls      float64 `json:"calls"`
	Runs       float64 `json:"activeflows"`
}

// Finished SIP transactions are kept for 32 s (RFC 3261, timers H and J with
// T1 of 500 ms); then everything of a call must be gone.
const transactionLife = 34 * time.Second

// leaks sets 2,000 two-party calls up and ends them, and compares what is left
// with what was there after the first hundred.
func (b *bench) leaks(ctx context.Context) error {
	s, err := b.open(ctx, "leaks", 0, rtpload.Options{Legs: setupLegs})
	if err != nil {
		return err
	}
	defer s.close()
	st := stream{"leaks", numberRelayed, 2, 150}
	if _, err := s.run(ctx, st, 100); err != nil {
		return err
	}
	pause(ctx, time.Second)
	l := leaks{Calls: 2000}
	if l.Before, err = s.holdings(ctx); err != nil {
		return err
	}
	r, err := s.run(ctx, st, l.Calls)
	if err != nil {
		return err
	}
	pause(ctx, transactionLife)
	if l.After, err = s.holdings(ctx); err != nil {
		return err
	}
	b.report.Leaks = &l
	fmt.Printf("\nafter %d calls (%d failed): goroutines %.0f -> %.0f, heap %.1f -> %.1f MB, ports %.0f -> %.0f, dialogs %.0f -> %.0f, calls %.0f, flows %.0f\n",
		l.Calls, r.Failed, l.Before.Goroutines, l.After.Goroutines, l.Before.HeapMB, l.After.HeapMB,
		l.Before.Ports, l.After.Ports, l.Before.Dialogs, l.After.Dialogs, l.After.Calls, l.After.Runs)
	return l.check()
}

// check says what was not given back.
func (l leaks) check() error {
	var faults []error
	same := func(what string, before, after, slack float64) {
		if after > before+slack {
			faults = append(faults, fmt.Errorf("%s: %.1f before, %.1f after %d calls", what, before, after, l.Calls))
		}
	}
	same("goroutines", l.Before.Goroutines, l.After.Goroutines, 20) // HTTP and the database come and go
	same("heap in MB", l.Before.HeapMB, l.After.HeapMB, 8)
	same("ports", 0, l.After.Ports, 0)
	same("dialogs", 0, l.After.Dialogs, 0)
	same("calls", 0, l.After.Calls, 0)
	same("flows", 0, l.After.Runs, 0)
	return errors.Join(faults...)
}

// holdings waits for two garbage collections, which its own requests bring on,
// and takes the lowest heap that it sees: what is alive.
func (s *scene) holdings(ctx context.Context) (holdings, error) {
	const gcs = "go_gc_duration_seconds_count"
	v, err := s.server.metrics(ctx)
	if err != nil {
		return holdings{}, err
	}
	goal, lowest := v[gcs]+2, math.Inf(1)
	for range 5000 {
		if v, err = s.server.metrics(ctx); err != nil {
			return holdings{}, err
		}
		lowest = min(lowest, v["go_memstats_heap_alloc_bytes"])
		if v[gcs] >= goal {
			break
		}
	}
	return holdings{
		Goroutines: v["go_goroutines"], HeapMB: lowest / (1 << 20), StackMB: v["go_memstats_stack_inuse_bytes"] / (1 << 20),
		Ports: v["offhook_media_ports"], Dialogs: v["offhook_sip_dialogs"], Calls: v["offhook_calls"], Runs: v["offhook_activeflows"],
	}, nil
}
