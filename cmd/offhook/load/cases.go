//go:build linux && (amd64 || arm64)

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"offhook/media/rtpload"
)

// part is one thing to measure.
type part struct {
	name string
	run  func(*bench, context.Context) error
}

// schedule is the parts in their order.
func schedule() []part {
	steady := func(list []steady) func(*bench, context.Context) error {
		return func(b *bench, ctx context.Context) error { return b.steadyAll(ctx, list) }
	}
	return []part{
		{"relayed", steady(relayed)},
		{"scale", (*bench).scale},
		{"prompt", steady(prompts)},
		{"transcoded", steady(transcoded)},
		{"transcoded-g722", steady(wide)},
		{"recorded", steady(recorded)},
		{"conference", steady(conferences)},
		{"conference-mixed", steady(mixedRooms)},
		{"setup", (*bench).setups},
		{"leaks", (*bench).leaks},
	}
}

// parts are the names of the parts.
func parts() []string {
	var names []string
	for _, p := range schedule() {
		names = append(names, p.name)
	}
	return names
}

// steady is a number of calls that stay up while they are measured.
type steady struct {
	name    string
	calls   int
	legs    int // of a call: with 2 the server dials the second
	rooms   int
	number  func(call int) string
	formats []string
	ptime   time.Duration // of sound in a packet; none: 20 ms
	bar     float64
	compare bool // to the bare relay of as many calls
	stamp   bool
}

func to(number string) func(int) string { return func(int) string { return number } }

func relay(calls int) steady {
	return steady{name: "relayed", calls: calls, legs: 2, number: to(numberRelayed), bar: 0.8, compare: true, stamp: true}
}

// relayLong is calls with 40 ms in a packet, so that the generator of 2,000 of
// them leaves two cores to the server.
func relayLong(calls int) steady {
	c := relay(calls)
	c.name, c.ptime, c.bar = "relayed, 40 ms", 40*time.Millisecond, 0
	return c
}

func prompt(calls int) steady {
	return steady{name: "prompt", calls: calls, legs: 1, number: to(numberPrompt), bar: 0.5}
}

func transcode(calls int) steady {
	return steady{name: "transcoded", calls: calls, legs: 2, number: to(numberRelayed), formats: []string{"PCMU", "PCMA"}, bar: 1.2}
}

// transcodeWide is calls between 8 and 16 kHz.
func transcodeWide(calls int) steady {
	c := transcode(calls)
	c.name, c.formats, c.compare = "PCMU - G722", []string{"PCMU", "G722"}, true
	return c
}

func record(calls int) steady {
	return steady{name: "recorded", calls: calls, legs: 2, number: to(numberRecorded), bar: 1.5}
}

// room is conferences of so many members each, about 200 members in all; a
// call is a member.
func room(members int) steady {
	rooms := max(1, 200/members)
	return steady{
		name: fmt.Sprintf("conference of %d", members), calls: rooms * members, legs: 1, rooms: rooms,
		number: func(call int) string { return roomNumber(call / members) }, bar: 0.7,
	}
}

// mixedRoom is conferences where one member of each has 16 kHz and all others 8.
func mixedRoom(members int) steady {
	c := room(members)
	c.name = fmt.Sprintf("mixed room of %d", members)
	c.formats = slices.Repeat([]string{"PCMU"}, members)
	c.formats[0] = "G722"
	return c
}

var (
	relayed     = []steady{relay(100), relay(200), relay(500), relay(1000)}
	few, many   = relayLong(200), relayLong(2000)
	prompts     = []steady{prompt(100), prompt(500)}
	transcoded  = []steady{transcode(100), transcode(200)}
	wide        = []steady{transcodeWide(100), transcodeWide(200)}
	recorded    = []steady{record(100), record(200)}
	conferences = []steady{room(3), room(10), room(50), room(100)}
	mixedRooms  = []steady{mixedRoom(3), mixedRoom(10), mixedRoom(100)}
)

func (b *bench) steadyAll(ctx context.Context, list []steady) error {
	result{}.printHead()
	for _, c := range list {
		if c.calls < b.options.least || c.calls > b.options.most {
			continue
		}
		r, err := b.steady(ctx, c)
		if err != nil {
			return fmt.Errorf("%s, %d calls: %w", c.name, c.calls, err)
		}
		b.report.Cases = append(b.report.Cases, r)
		r.print()
		if c.stamp && r.Delivered < 0.98 {
			fmt.Println("  the machine does not hold more, generator and yardstick included")
			return nil
		}
	}
	return nil
}

// scale compares what a call costs among few and among many: few, many, few
// again, because other programs come and go.
func (b *bench) scale(ctx context.Context) error {
	if many.calls > b.options.most {
		return nil
	}
	at := len(b.report.Cases)
	if err := b.steadyAll(ctx, []steady{few, many, few}); err != nil {
		return err
	}
	if r := b.report.Cases[at:]; len(r) == 3 {
		fmt.Printf("  one of %d calls costs %.2f times as much as one of %d\n", many.calls, 2*r[1].CPU/(r[0].CPU+r[2].CPU), few.calls)
	}
	return nil
}

// steady measures one case: the bare relay before and after it, when it is
// compared.
func (b *bench) steady(ctx context.Context, c steady) (result, error) {
	var before, after yard
	var err error
	if c.compare {
		if before, err = yardstick(ctx, c, b.options.window/2); err != nil {
			return result{}, err
		}
	}
	r, err := b.measure(ctx, c)
	if err != nil || !c.compare {
		return r, err
	}
	if after, err = yardstick(ctx, c, b.options.window/2); err != nil {
		return r, err
	}
	r.Yardstick = (before.CPU + after.CPU) / 2
	r.YardP50, r.YardP99 = (before.P50+after.P50)/2, (before.P99+after.P99)/2
	r.Ratio = r.CPU / r.Yardstick
	return r, nil
}

// warmUp is how many calls come and go before a server's memory is looked at:
// code and caches that the first call brings in are not a call's.
const warmUp = 20

// measure sets the calls up, lets them settle, measures them and hangs up.
func (b *bench) measure(ctx context.Context, c steady) (result, error) {
	s, err := b.open(ctx, fmt.Sprintf("%s-%d", c.name, c.calls), c.rooms,
		rtpload.Options{Legs: c.calls * c.legs, Formats: c.formats, Ptime: c.ptime, Stamp: c.stamp})
	if err != nil {
		return result{}, err
	}
	defer s.close()
	if err := errors.Join(s.dial(ctx, min(c.calls, warmUp), c.legs, c.number), s.hangup()); err != nil {
		return result{}, err
	}
	idle, err := s.sample(ctx)
	if err != nil {
		return result{}, err
	}
	before, err := s.holdings(ctx) // leaves garbage behind
	if err != nil {
		return result{}, err
	}
	if err := s.dial(ctx, c.calls, c.legs, c.number); err != nil {
		return result{}, err
	}
	pause(ctx, 2*time.Second)
	s.rtp.Reset()
	first, err := s.sample(ctx)
	if err != nil {
		return result{}, err
	}
	pause(ctx, b.options.window)
	heard := s.rtp.Result()
	last, err := s.sample(ctx)
	if err != nil {
		return result{}, err
	}
	s.server.profile(ctx)
	after, err := s.holdings(ctx)
	if err != nil {
		return result{}, err
	}
	took := last.at.Sub(first.at)
	r := result{
		Name: c.name, Calls: c.calls, Bar: c.bar, Load: loadAverage(),
		CPU:       perCall(last.cpu-first.cpu, took, c.calls),
		KBPerCall: float64(last.memory-idle.memory) / 1024 / float64(c.calls),
		Delivered: float64(heard.Received) / (took.Seconds() / s.rtp.Ptime().Seconds() * float64(c.calls*c.legs)),
		HeapKB:    (after.HeapMB - before.HeapMB) * 1024 / float64(c.calls),
		StackKB:   (after.StackMB - before.StackMB) * 1024 / float64(c.calls),
		Routines:  (last.goroutines - idle.goroutines) / float64(c.calls),
		Others:    (last.others - first.others).Seconds() / took.Seconds(),
		P50:       ms(heard.P50), P99: ms(heard.P99),
	}
	return r, s.hangup()
}

// sample is the server at one moment.
type sample struct {
	at         time.Time
	cpu        time.Duration
	others     time.Duration // processor time of everybody but the server and this program
	memory     int64
	goroutines float64
}

func (s *scene) sample(ctx context.Context) (sample, error) {
	values, err := s.server.metrics(ctx) // before the clock is read
	if err != nil {
		return sample{}, err
	}
	cpu, err := s.server.cpu()
	if err != nil {
		return sample{}, err
	}
	memory, err := s.server.memory()
	return sample{
		at: time.Now(), cpu: cpu, others: busy() - cpu - rtpload.ProcessTime(), memory: memory,
		goroutines: values["go_goroutines"],
	}, err
}
