package sip

import (
	"slices"
	"testing"
)

// Whatever happens, in whatever order, a dialog only moves forward, ends, and
// after its end does nothing more.
func TestStepAlwaysEnds(t *testing.T) {
	rank := []state{calling, proceeding, cancelWaiting, cancelling, ringing, answered, releasing, confirmed, terminated}
	for from := range stateCount {
		ends := false
		for in := range inputCount {
			tr, ok := step(from, in)
			if !ok {
				continue
			}
			if slices.Index(rank, tr.next) < slices.Index(rank, from) {
				t.Errorf("%s + %s goes back to %s", from, in, tr.next)
			}
			ends = ends || tr.next == terminated
		}
		if from == terminated {
			if len(transitions[from]) != 0 {
				t.Error("terminated is not the end")
			}
		} else if !ends && from != calling && from != proceeding {
			t.Errorf("%s cannot end at once", from)
		}
	}
}

// Every state that a hang-up can leave open ends without the application.
func TestStepAfterHangup(t *testing.T) {
	for from := range stateCount {
		tr, ok := step(from, wantHangup)
		if !ok {
			if from != cancelWaiting && from != cancelling && from != releasing && from != terminated {
				t.Errorf("%s cannot be hung up", from)
			}
			continue
		}
		for in := range inputCount {
			if next, ok := step(tr.next, in); ok && tr.next != terminated && next.next != terminated && next.next != cancelling {
				t.Errorf("%s, hung up, then %s: %s", from, in, next.next)
			}
		}
	}
}

func TestStepNeverTellsTwice(t *testing.T) {
	// These actions tell the handler that the dialog is over.
	ending := []action{fail, giveUp, cancel, refuse, cancelled, byeEarly, release, releaseLate, released}
	for from := range stateCount {
		for in := range inputCount {
			tr, ok := step(from, in)
			over := from == cancelWaiting || from == cancelling || from == releasing || from == terminated
			if ok && over && slices.Contains(ending, tr.do) {
				t.Errorf("%s + %s ends a second time", from, in)
			}
		}
	}
}
