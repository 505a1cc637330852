package sip

import (
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

// pickup is a callee that answers every call at once.
type pickup struct{}

func (pickup) Invite(d *Dialog) {
	d.SetHandler(&waiter{})
	_ = d.Provisional(180, "", nil)
	_ = d.Answer([]byte(answerOfBob))
}

func (pickup) Request(*sipmsg.Request, sipmsg.ServerTransaction) {}

// waiter closes answered.
type waiter struct{ answered chan struct{} }

func (w *waiter) Progress(int, []byte)                  {}
func (w *waiter) Answered([]byte)                       { close(w.answered) }
func (w *waiter) Offered([]byte) ([]byte, int)          { return nil, 488 }
func (w *waiter) Request(*sipmsg.Request) (int, string) { return 501, "" }
func (w *waiter) Ended(End)                             {}

// BenchmarkCall sets up a call over UDP on the loopback, both ends in this
// process, and hangs it up: INVITE, 100, 180, 200, ACK, BYE, 200.
func BenchmarkCall(b *testing.B) {
	start := func() *Stack {
		s, err := New(Config{Listen: []string{"udp://127.0.0.1:0"}, Handler: pickup{}})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Start(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(s.closeSockets)
		return s
	}
	callee := &party{stack: start()}
	caller := start()
	to := callee.uri("udp", "bob")
	b.ReportAllocs()
	for b.Loop() {
		answered := make(chan struct{})
		d, err := caller.Invite(b.Context(), InviteOptions{To: to, From: "alice", Offer: []byte(answerOfBob)}, &waiter{answered: answered})
		if err != nil {
			b.Fatal(err)
		}
		<-answered
		_ = d.Hangup(Cause{})
	}
}
