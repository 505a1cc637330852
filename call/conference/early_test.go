package conference_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"offhook/call"
	"offhook/call/phone"
	"offhook/resource"
)

// TestEarlySoundIsNotTransferred has C and then A asked to transfer while C hears
// A before A's answer: there is nothing to hand over yet. B would be left with
// nobody as soon as A answers and talks to C. After the answer A can transfer.
func TestEarlySoundIsNotTransferred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &people{stage: newStage(t, 1, &tally{counts: map[string]int{}}), calls: map[string]*phone.Call{}, ofA: make(chan *call.Call, 1)}
		answer := make(chan struct{})
		p.takes("B", "1002", answers)
		connects(func(c *phone.Call) {
			early(c)
			<-answer
			_ = c.Answer()
		}, call.ConnectOptions{EarlyMedia: true})(p)
		a := <-p.ofA
		to := call.TransferOptions{Destinations: []resource.Address{{Type: "extension", Target: "1002"}}}
		for _, c := range p.x.Calls() {
			if row, err := c.Transfer(t.Context(), to); !errors.Is(err, call.ErrState) {
				t.Errorf("an unanswered call is transferred: %+v (%v)", row, err)
			}
		}
		close(answer)
		time.Sleep(time.Second)
		if up := p.up(); up != "AC" {
			t.Errorf("%q are up after the answer, want AC", up)
		}
		if _, err := a.Transfer(t.Context(), to); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		p.leaves("A")
		time.Sleep(time.Second)
		if up := p.up(); up != "BC" {
			t.Errorf("%q are up after the transfer, want BC", up)
		}
		p.close(p.phones...)
	})
}
