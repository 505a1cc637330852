//go:build linux && (amd64 || arm64)

package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"offhook/media/rtpload"
)

// setup is a steady stream of calls that are set up, talk for a moment and end.
type setup struct {
	Name    string  `json:"name"`
	Asked   int     `json:"calls_per_second_asked"`
	Reached float64 `json:"calls_per_second_reached"`
	Calls   int     `json:"calls"`
	Failed  int     `json:"failed"`
	P50     float64 `json:"setup_p50_ms"`
	P99     float64 `json:"setup_p99_ms"`
	Max     float64 `json:"setup_max_ms"`
	CPU     float64 `json:"cpu_ms_per_call"`
	Others  float64 `json:"others_cores"`
	Load    string  `json:"load_average"`
}

// The stream of calls.
const (
	talkTime    = 500 * time.Millisecond // between answer and BYE
	streamTime  = 5 * time.Second
	setupLegs   = 4096
	answerLimit = 5 * time.Second
)

// stream is how a part of setups runs.
type stream struct {
	name   string
	number string
	legs   int
	rate   int // calls a second
}

var streams = []stream{
	{"one leg", numberAnswered, 1, 300},
	{"one leg", numberAnswered, 1, 500},
	{"two legs", numberRelayed, 2, 150},
	{"two legs", numberRelayed, 2, 300},
}

// setups measures how fast calls come and go.
func (b *bench) setups(ctx context.Context) error {
	fmt.Printf("\n%-16s %6s %8s %6s %6s %8s %8s %8s %8s %6s  %s\n", "calls that come", "asked", "calls/s", "calls", "failed",
		"p50 ms", "p99 ms", "max ms", "ms/call", "others", "load")
	for _, st := range streams {
		r, err := b.stream(ctx, st)
		if err != nil {
			return err
		}
		b.report.Setups = append(b.report.Setups, r)
		fmt.Printf("%-16s %6d %8.1f %6d %6d %8.2f %8.2f %8.2f %8.3f %6.2f  %s\n", r.Name, r.Asked, r.Reached, r.Calls, r.Failed,
			r.P50, r.P99, r.Max, r.CPU, r.Others, r.Load)
	}
	return nil
}

func (b *bench) stream(ctx context.Context, st stream) (setup, error) {
	s, err := b.open(ctx, fmt.Sprintf("setup-%d-%d", st.legs, st.rate), 0, rtpload.Options{Legs: setupLegs})
	if err != nil {
		return setup{}, err
	}
	defer s.close()
	if _, err := s.run(ctx, st, st.rate); err != nil { // a second to warm up
		return setup{}, err
	}
	first, err := s.sample(ctx)
	if err != nil {
		return setup{}, err
	}
	total := st.rate * int(streamTime/time.Second)
	r, err := s.run(ctx, st, total)
	if err != nil {
		return setup{}, err
	}
	last, err := s.sample(ctx)
	s.server.profile(ctx)
	r.CPU = ms(last.cpu-first.cpu) / float64(total)
	r.Others = (last.others - first.others).Seconds() / last.at.Sub(first.at).Seconds()
	r.Load = loadAverage()
	return r, err
}

// run sends so many calls at a rate, whether the ones before are answered or
// not, and waits until all are over.
func (s *scene) run(ctx context.Context, st stream, total int) (setup, error) {
	var took []time.Duration
	var calling, talking []*party
	failed, placed := 0, 0
	start := time.Now()
	for placed < total || len(calling)+len(talking) > 0 {
		if ctx.Err() != nil {
			return setup{}, ctx.Err()
		}
		now := time.Now()
		for placed < total && now.Sub(start) >= time.Duration(placed)*time.Second/time.Duration(st.rate) {
			calling = append(calling, s.agent.dial(placed*st.legs%setupLegs, st.number))
			placed++
		}
		calling = slices.DeleteFunc(calling, func(p *party) bool {
			select {
			case o := <-p.settled:
				if o.status != 200 {
					failed++
					return true
				}
				took = append(took, o.took)
				talking = append(talking, p)
				return true
			default:
				late := now.Sub(p.sent) > answerLimit
				if late {
					failed++
				}
				return late
			}
		})
		due := 0
		for due < len(talking) && now.Sub(talking[due].sent) >= talkTime {
			talking[due].hangup()
			due++
		}
		talking = talking[due:]
		time.Sleep(time.Millisecond)
	}
	err := s.hangup() // waits for the last BYE
	r := setup{
		Name: st.name, Asked: st.rate, Calls: total, Failed: failed,
		Reached: float64(total-failed) / (time.Since(start) - talkTime).Seconds(),
	}
	if n := len(took); n > 0 {
		slices.Sort(took)
		r.P50, r.P99, r.Max = ms(took[n/2]), ms(took[n*99/100]), ms(took[n-1])
	}
	return r, err
}
