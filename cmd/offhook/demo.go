package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"offhook/call/phone"
	"offhook/media"
	"offhook/media/tone"
	"offhook/resource"
)

// demoCommand serves the examples and shows a call.
type demoCommand struct {
	Config string `help:"Configuration file." default:"examples/demo.yaml" placeholder:"FILE"`
	Number string `help:"The number whose menu is dialled." default:"+15550000000"`
	Once   bool   `help:"Stop after the call."`
}

// Run serves, dials the menu once over real SIP and RTP, and stays up.
func (d demoCommand) Run(p program) error {
	cfg, err := LoadConfig(d.Config, p.environ)
	if err != nil {
		return err
	}
	server, err := Start(p.ctx, cfg, logger(p.stderr, slog.LevelWarn), p.stdout)
	if err != nil {
		return err
	}
	show := &demo{out: p.stdout, server: server, began: time.Now()}
	if err := show.dial(p.ctx, d.Number); err != nil {
		_ = server.Stop()
		return fmt.Errorf("demonstration: %w", err)
	}
	if d.Once {
		return server.Stop()
	}
	show.invite()
	<-p.ctx.Done()
	return server.Stop()
}

// demo is the built-in caller.
type demo struct {
	out    io.Writer
	server *Server
	began  time.Time
}

func (d *demo) say(format string, args ...any) {
	fmt.Fprintf(d.out, "%6.2fs  %s\n", time.Since(d.began).Seconds(), fmt.Sprintf(format, args...))
}

// dial calls the menu, chooses the echo and hears itself.
func (d *demo) dial(ctx context.Context, number string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	caller, err := phone.New(ctx, phone.Config{User: "demo"})
	if err != nil {
		return err
	}
	defer func() { _ = caller.Close(context.WithoutCancel(ctx)) }()
	to, _ := d.server.exchange.Loopback()
	d.say("dialling sip:%s@%s", number, to)
	c, err := caller.Dial(ctx, fmt.Sprintf("sip:%s@%s", number, to), "")
	if err != nil {
		return err
	}
	ear := newEar()
	c.Port().Attach(ear, 8000)
	for _, s := range []struct {
		what string
		wait func() error
	}{
		{"rings", func() error { return first(ctx, c, c.Ringing()) }},
		{"answered", func() error { return first(ctx, c, c.UpSignal()) }},
		{`"Welcome to off hook ..." is spoken`, func() error { return first(ctx, c, ear.hears(20)) }},
		{"pressed 2", func() error { return c.SendDigits(ctx, "2") }},
		{"the menu says that the echo comes", func() error { return ear.quietThen(ctx, c) }},
		{"connected to the echo: our own tone came back", func() error {
			c.Play(tone.New(8000, tone.Milliwatt()))
			return first(ctx, c, ear.hears(50))
		}},
	} {
		if err := s.wait(); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		d.say("%s", s.what)
	}
	return d.hangUp(ctx, c)
}

// hangUp ends the call and prints what it was.
func (d *demo) hangUp(ctx context.Context, c *phone.Call) error {
	stats, lasted := c.Port().Stats(), time.Since(d.began)
	c.Hangup()
	if err := first(ctx, nil, c.Done()); err != nil {
		return err
	}
	d.say("hung up after %.1f s: %d packets heard, %d sent, %d lost, jitter %s", lasted.Seconds(), stats.Received.Packets, stats.Sent.Packets,
		stats.Received.Lost, stats.Received.Jitter.Round(10*time.Microsecond))
	return nil
}

// first waits for a signal, the end of the call or of the context.
func first[T any](ctx context.Context, c *phone.Call, signal <-chan T) error {
	var over <-chan struct{}
	if c != nil {
		over = c.Done()
	}
	select {
	case <-signal:
		return nil
	case <-over:
		return fmt.Errorf("the call ended: %d %s", c.End().Status, c.End().Reason)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// invite prints what to do next.
func (d *demo) invite() {
	to, _ := d.server.exchange.Loopback()
	api := d.server.listener.Addr().String()
	fmt.Fprintf(d.out, `
The server stays up. Register a softphone at %[1]s:
  user 1001, password demo1001    (and 1002, demo1002 for a second one)
and dial:
  sip:menu@%[1]s      the menu        sip:echo@%[1]s      hear yourself
  sip:tone@%[1]s      beeps           sip:busy@%[1]s      busy
  sip:noanswer@%[1]s  rings on        sip:486@%[1]s       486 Busy Here
  1002                the other phone

The call above and its events:
  curl -H "Authorization: Bearer $(cat %[3]s)" http://%[2]s/v1.0/calls
  curl -H "Authorization: Bearer $(cat %[3]s)" http://%[2]s/v1.0/activeflows
  WebSocket ws://%[2]s/v1.0/ws?token=...   {"type": "subscribe", "topics": ["customer_id:%[4]s:call:*"]}
Ring the softphone:   bin/offhook call extension:1001 --say "Hello"
Stop: Ctrl-C
`, to, api, keyPath(d.server.cfg.DataDir), resource.AdminCustomerID)
}

// ear hears whether the other side makes a sound.
type ear struct {
	loud, quiet atomic.Int64 // frames in a row
	want        atomic.Int64
	heard       atomic.Pointer[chan struct{}]
}

func newEar() *ear { return &ear{} }

var _ media.Sink = (*ear)(nil)

// loudness is the mean square above which a frame is sound.
const loudness = 200 * 200

// WriteFrame implements media.Sink; for a phone, said is what comes in.
func (e *ear) WriteFrame(said, _ []int16) {
	var sum int64
	for _, s := range said {
		sum += int64(s) * int64(s)
	}
	if sum < int64(len(said))*loudness {
		e.quiet.Add(1)
		return
	}
	e.quiet.Store(0)
	if e.loud.Add(1) == e.want.Load() {
		if c := e.heard.Swap(nil); c != nil {
			close(*c)
		}
	}
}

// hears returns a channel that closes after so many frames of sound from now.
func (e *ear) hears(frames int64) <-chan struct{} {
	c := make(chan struct{})
	e.loud.Store(0)
	e.want.Store(frames)
	e.heard.Store(&c)
	return c
}

// quietThen waits until something was said and half a second of silence
// followed.
func (e *ear) quietThen(ctx context.Context, c *phone.Call) error {
	if err := first(ctx, c, e.hears(20)); err != nil {
		return err
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for e.quiet.Load() < 25 {
		if err := first(ctx, c, tick.C); err != nil {
			return err
		}
	}
	return nil
}
