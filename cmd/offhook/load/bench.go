//go:build linux && (amd64 || arm64)

package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"offhook/media/rtpload"
)

// bench is what all parts share.
type bench struct {
	options options
	began   time.Time
	agent   *agent
	prompt  string // URL
	stop    func() error
	report  report
}

func newBench(o options) (*bench, error) {
	a, err := newAgent()
	if err != nil {
		return nil, err
	}
	b := &bench{options: o, began: time.Now(), agent: a}
	if b.prompt, b.stop, err = servePrompt(); err != nil {
		a.close()
		return nil, err
	}
	b.report.Machine = describeMachine()
	return b, nil
}

func (b *bench) close() {
	b.agent.close()
	_ = b.stop()
}

// init keeps main on the thread that lives as long as the process: a child's
// death signal is bound to the thread that started it.
func init() { runtime.LockOSThread() }

// scene is a server with a generator around it.
type scene struct {
	*bench
	server *child
	rtp    *rtpload.Generator
	up     []*party
}

// open starts a server of its own for a case.
func (b *bench) open(ctx context.Context, name string, rooms int, o rtpload.Options) (*scene, error) {
	profile := ""
	if b.options.profile != "" {
		profile = filepath.Join(b.options.profile, name)
	}
	server, err := startChild(ctx, b.options.binary, profile, resources(b.agent.self, b.prompt, rooms))
	if err != nil {
		return nil, err
	}
	rtp, err := rtpload.New(o)
	if err != nil {
		server.stop()
		return nil, err
	}
	formats := o.Formats
	if len(formats) == 0 {
		formats = []string{"PCMU"}
	}
	b.agent.use(server.sip, rtp, formats)
	return &scene{bench: b, server: server, rtp: rtp}, nil
}

func (s *scene) close() {
	s.server.stop()
	_ = s.rtp.Close()
}

// inFlight is how many calls of a case are set up at the same time.
const inFlight = 16

// dial sets up n calls of so many legs; number says what the n-th dials.
func (s *scene) dial(ctx context.Context, n, legs int, number func(int) string) error {
	waiting := make(chan *party, inFlight)
	failed := make(chan error, 1)
	go func() {
		defer close(failed)
		for p := range waiting {
			select {
			case o := <-p.settled:
				if o.status != 200 {
					failed <- fmt.Errorf("call of leg %d was answered %d", p.leg, o.status)
					return
				}
				s.up = append(s.up, p)
			case <-time.After(5 * time.Second):
				failed <- fmt.Errorf("call of leg %d was not answered", p.leg)
				return
			}
		}
	}()
	var err error
	for i := 0; i < n && err == nil; i++ {
		select {
		case waiting <- s.agent.dial(i*legs, number(i)):
		case err = <-failed:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	close(waiting)
	return errors.Join(err, <-failed)
}

// hangup ends every call and waits until all legs are over.
func (s *scene) hangup() error {
	for i, p := range s.up {
		p.hangup()
		if i%inFlight == 0 {
			time.Sleep(5 * time.Millisecond)
		}
	}
	s.up = nil
	for range 400 {
		if s.agent.live() == 0 {
			return nil
		}
		time.Sleep(25 * time.Millisecond)
	}
	return fmt.Errorf("%d legs are not over 10 s after the hang-up", s.agent.live())
}

// yardstick measures the bare relay of as many calls for a while: processor
// milliseconds for each second of a call.
func yardstick(ctx context.Context, c steady, window time.Duration) (yard, error) {
	y, err := rtpload.NewYardstick(c.calls)
	if err != nil {
		return yard{}, err
	}
	g, err := rtpload.New(rtpload.Options{Legs: 2 * c.calls, Ptime: c.ptime, Stamp: true})
	if err != nil {
		return yard{}, errors.Join(err, y.Close())
	}
	for i := range 2 * c.calls {
		g.Connect(i, y.Addr(i/2, i%2))
	}
	pause(ctx, time.Second)
	g.Reset()
	start, cpu := time.Now(), y.CPU()
	pause(ctx, window)
	used, took, r := y.CPU()-cpu, time.Since(start), g.Result()
	return yard{CPU: perCall(used, took, c.calls), P50: ms(r.P50), P99: ms(r.P99)}, errors.Join(g.Close(), y.Close(), ctx.Err())
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// perCall is processor milliseconds for each second of a call.
func perCall(used, took time.Duration, calls int) float64 {
	return ms(used) / (took.Seconds() * float64(calls))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
