package campaign

import (
	"context"
	"errors"
	"time"

	"offhook/resource"
)

// ErrBusy is a Line's answer when no more calls can be placed for the moment.
var ErrBusy = errors.New("no more calls can be placed now")

// Line is what places calls and knows the agents. Its methods may be called
// from any goroutine. A call's row is in the store before anybody can answer it,
// and says so before the party knows that its answer was heard: a process that is
// killed at any moment leaves behind who answered.
type Line interface {
	// Place starts an attempt and returns when it is on its way, with the ids of
	// its calls. heard is told of the answer, if there is one, and once of the
	// end, after all events of the call; it does not block. When nothing was
	// started, Place returns an error, ErrBusy when it may work later, and heard
	// is not told anything.
	Place(ctx context.Context, a Attempt, heard func(Signal)) (ids []string, err error)
	// Staff counts the agents of a queue.
	Staff(customerID, queueID string) Agents
}

// Attempt is a call to be placed, or a flow to be run.
type Attempt struct {
	CustomerID  string
	ReferenceID string // the id that the call, the group of calls or the activeflow gets
	Flow        bool   // no call: the flow runs alone
	Source      resource.Address
	Destination resource.Address
	RingTimeout time.Duration // 0: as long as the exchange rings by itself
	FlowID      string        // or
	Actions     []resource.Action
	Variables   map[string]string
}

// Signal tells what became of an attempt.
type Signal struct {
	Ended        bool   // else: answered
	Answered     bool   // with Ended: whether it ever was
	ActiveflowID string // the run on the call, where known
	HangupReason string // with Ended
}
