package call_test

import (
	"context"
	"testing"

	"offhook/call"
	"offhook/resource"
)

// Own numbers are reached without leaving the machine, whatever the sockets are.
func TestOwnNumberOverEachSocket(t *testing.T) {
	for _, listen := range []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0", "udp://0.0.0.0:0"} {
		t.Run(listen, func(t *testing.T) {
			b := newBench(t, func(ctx context.Context, c *call.Call, s call.Script) {
				if s.FlowID != "menu" {
					return // who called is answered and hangs up
				}
				if err := c.Answer(ctx); err != nil {
					t.Error(err)
				}
				<-ctx.Done()
			}, func(cfg *call.Config) { cfg.SIP.Listen = []string{listen} })
			b.number("+15550000000", "menu")
			calls, _, err := b.x.Dial(t.Context(), call.DialOptions{CustomerID: customer, Destinations: []resource.Address{tel("+15550000000")}, Script: call.Script{FlowID: "caller"}})
			if err != nil {
				t.Fatal(err)
			}
			wait(t, "answer", calls[0].AnsweredSignal())
			wait(t, "end", calls[0].Done())
		})
	}
}
