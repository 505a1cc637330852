package main

import (
	"fmt"
	"testing"
	"time"

	"offhook/call/phone"
)

const referResources = `
extensions:
  - {id: alice, extension: "1001", password: secret1001}
  - {id: bob, extension: "1002", password: secret1002}
  - {id: carol, extension: "1003", password: secret1003}
`

// desk is a world with three softphones.
type desk struct {
	*world
	alice      *phone.Phone
	bob, carol <-chan *phone.Call // calls that they have answered
}

// newDesk registers the phones; carol does with her calls what she is told.
func newDesk(t *testing.T, carol func(*phone.Call)) *desk {
	t.Helper()
	slow(t)
	d := &desk{world: newWorld(t, referResources)}
	d.alice = d.phone("1001", "secret1001", nil)
	d.bob = d.takes("1002", d.pickUp)
	d.carol = d.takes("1003", carol)
	return d
}

// takes registers a phone that treats its calls in one way.
func (d *desk) takes(user string, do func(*phone.Call)) <-chan *phone.Call {
	calls := make(chan *phone.Call, 4)
	d.phone(user, "secret"+user, func(c *phone.Call) {
		do(c)
		calls <- c
	})
	return calls
}

// calls lets alice call somebody and waits until they talk.
func (d *desk) calls(user string, answered <-chan *phone.Call) (mine, theirs *phone.Call) {
	d.t.Helper()
	mine, err := d.alice.Dial(d.t.Context(), d.uri(user), "")
	if err != nil {
		d.t.Fatal(err)
	}
	receiveOr(d.t, user+" answers", mine.UpSignal())
	theirs = receiveOr(d.t, user+" is called", answered)
	receiveOr(d.t, user+" hears alice", talk(mine, theirs))
	return mine, theirs
}

func (d *desk) uri(user string) string { return fmt.Sprintf("sip:%s@%s", user, d.sip) }

// reports collects what NOTIFY tells of a REFER until a final status.
func reports() (told func(int), final <-chan int) {
	c := make(chan int, 1)
	return func(status int) {
		if status >= 200 {
			c <- status
		}
	}, c
}

// A softphone transfers blindly: the caller and the callee may both do it.
func TestReferBlind(t *testing.T) {
	for _, who := range []string{"caller", "callee"} {
		t.Run(who, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, answering(t))
			mine, bobs := d.calls("1002", d.bob)
			from, stays := mine, bobs
			if who == "callee" {
				from, stays = bobs, mine
			}
			progress, final := reports()
			if err := from.Refer(t.Context(), d.uri("1003"), "", progress); err != nil {
				t.Fatal(err)
			}
			carols := receiveOr(t, "carol is called", d.carol)
			if status := receiveOr(t, "the transfer's outcome is told", final); status != 200 {
				t.Errorf("NOTIFY says %d", status)
			}
			receiveOr(t, "who transferred is out", from.Done())
			receiveOr(t, "carol hears who stays", talk(stays, carols))
			receiveOr(t, "who stays hears carol", talk(carols, stays))
			carols.Hangup()
			receiveOr(t, "the call ends with carol", stays.Done())
		})
	}
}

// A blind transfer to somebody who is busy says so and changes nothing.
func TestReferBusy(t *testing.T) {
	d := newDesk(t, func(c *phone.Call) { _ = c.Reject(486) })
	mine, bobs := d.calls("1002", d.bob)
	progress, final := reports()
	if err := mine.Refer(t.Context(), d.uri("1003"), "", progress); err != nil {
		t.Fatal(err)
	}
	if status := receiveOr(t, "the transfer's outcome is told", final); status != 486 {
		t.Errorf("NOTIFY says %d", status)
	}
	receiveOr(t, "bob hears alice still", talk(mine, bobs))
	receiveOr(t, "alice hears bob still", talk(bobs, mine))
}

// A softphone transfers after it has talked to both: REFER with Replaces.
func TestReferReplaces(t *testing.T) {
	d := newDesk(t, answering(t))
	first, bobs := d.calls("1002", d.bob)
	if err := first.Hold(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	second, carols := d.calls("1003", d.carol)
	if err := second.Hold(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	dialog := second.Dialog()
	replaces := fmt.Sprintf("%s;to-tag=%s;from-tag=%s", dialog.CallID(), dialog.RemoteTag(), dialog.LocalTag())
	progress, final := reports()
	if err := first.Refer(t.Context(), d.uri("1003"), replaces, progress); err != nil {
		t.Fatal(err)
	}
	if status := receiveOr(t, "the transfer's outcome is told", final); status != 200 {
		t.Errorf("NOTIFY says %d", status)
	}
	receiveOr(t, "alice's first call ends", first.Done())
	receiveOr(t, "alice's second call ends", second.Done())
	receiveOr(t, "carol hears bob", talk(bobs, carols))
	receiveOr(t, "bob hears carol", talk(carols, bobs))
	select {
	case <-bobs.Done():
		t.Error("bob's call ended")
	case <-after(300 * time.Millisecond):
	}
	bobs.Hangup()
	receiveOr(t, "carol's call ends with bob's", carols.Done())
}

// answering rings and answers.
func answering(t *testing.T) func(*phone.Call) {
	return func(c *phone.Call) {
		if err := c.Ring(); err != nil {
			t.Error(err)
		}
		if err := c.Answer(); err != nil {
			t.Error(err)
		}
	}
}
