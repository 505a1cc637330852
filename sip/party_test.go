package sip

import (
	"context"
	"fmt"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// party is a stack with a handler that writes down what it is told.
type party struct {
	ear
	stack    *Stack
	inbound  chan *Dialog
	patience time.Duration
}

// ear is the DialogHandler of a party.
type ear struct {
	told chan string

	offered func(sdp []byte) ([]byte, int)
	asked   func(req *sipmsg.Request) (int, string)
}

var _ DialogHandler = (*ear)(nil)

func newParty(t testing.TB, cfg Config) *party {
	t.Helper()
	p := &party{inbound: make(chan *Dialog, 100), patience: 10 * time.Second, ear: ear{
		told:    make(chan string, 1000),
		offered: func([]byte) ([]byte, int) { return []byte("v=renewed"), 200 },
		asked:   func(*sipmsg.Request) (int, string) { return 200, "" },
	}}
	cfg.Handler = p
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.stack = s
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
	})
	return p
}

func (p *party) Invite(d *Dialog) {
	d.SetHandler(&p.ear)
	p.inbound <- d
}

func (p *party) Request(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	_ = tx.Respond(p.stack.Response(req, 200, ""))
}

func (p *ear) Progress(status int, sdp []byte) { p.say("progress %d%s", status, text(sdp)) }
func (p *ear) Answered(sdp []byte)             { p.say("answered%s", text(sdp)) }

func (p *ear) Offered(sdp []byte) ([]byte, int) {
	p.say("offered%s", text(sdp))
	return p.offered(sdp)
}

func (p *ear) Request(req *sipmsg.Request) (int, string) { return p.asked(req) }

func (p *ear) Ended(e End) {
	by := "peer"
	if e.Local {
		by = "local"
	}
	s := fmt.Sprintf("ended %s %d", by, e.Status)
	if e.Q850 != 0 {
		s += fmt.Sprintf(" q850=%d", e.Q850)
	}
	p.say("%s", s)
}

func (p *ear) say(format string, args ...any) { p.told <- fmt.Sprintf(format, args...) }

func text(sdp []byte) string {
	if sdp == nil {
		return ""
	}
	return " " + string(sdp)
}

// next is the next inbound dialog.
func (p *party) next(t testing.TB) *Dialog {
	t.Helper()
	select {
	case d := <-p.inbound:
		return d
	case <-time.After(p.patience):
	}
	t.Fatal("no INVITE came")
	return nil
}

// expect waits for what the handler is told next.
func (p *party) expect(t testing.TB, want string) {
	t.Helper()
	select {
	case got := <-p.told:
		if got != want {
			t.Fatalf("handler was told %q, want %q", got, want)
		}
	case <-time.After(p.patience):
		t.Fatalf("handler was told nothing, want %q", want)
	}
}
