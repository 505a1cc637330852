// Package flow runs flows: JSON lists of actions that answer, speak, listen,
// branch and connect. It checks a document when it is saved (Parse), so that
// every fault is told then and none at call time, and executes it later (Start),
// one goroutine a run. It knows nothing of telephony: verbs act through the
// small interfaces of Host, which whatever runs calls implements and tests
// implement in memory. The verbs themselves are in flow/action and are handed
// in as a table (Verbs).
package flow

import "context"

// Option is the decoded option of one action, which is to say what a verb does:
// a struct whose JSON fields are the option's fields. The tags json, doc, enum,
// minimum, maximum, default and required describe them to the decoder, to the
// JSON schema and to the documentation alike; target marks fields that hold ids
// of actions. An Option is immutable once decoded, since runs share it.
type Option interface {
	// Run does it and returns when it is done: straight-line code that blocks.
	// It must return soon after ctx ends. An error is told to the user and the
	// flow goes on with the next action; only Next ends or redirects a flow.
	Run(ctx context.Context, r *Run) (Next, error)
}

// Validator is implemented by options with rules that tags can't express.
type Validator interface {
	Validate(c *Check)
}

// EarlyMedia is implemented by options of verbs that need an answered call and
// may be told to play to an unanswered one instead.
type EarlyMedia interface {
	// Early says that the call is not to be answered for this action.
	Early() bool
}

// Needs says what must hold before a verb runs.
type Needs int

// What verbs need.
const (
	NeedsNothing Needs = iota
	NeedsCall          // a live call; skipped in runs without one
	NeedsAnswer        // an answered call; an unanswered inbound call is answered first
)

// Verb is one row of the table of verbs.
type Verb struct {
	Name    string
	Aliases []string
	Needs   Needs
	Blocks  bool          // may take time with sound, listening or waiting
	Doc     string        // for docs/actions.md and OpenAPI: what it does, in sentences
	Example string        // an option in JSON, "" for none
	New     func() Option // a pointer to a zero option
}

// Next says where a flow goes after an action. The zero value goes on with the
// next action.
type Next struct {
	kind   nextKind
	target string
	push   *Program
	origin string
	reason string
}

type nextKind int

const (
	goOn nextKind = iota
	jump
	push
	finish
)

// Continue goes on with the next action.
func Continue() Next { return Next{} }

// Jump goes to the action of that id, looked up in the current list of actions
// and then in those that it was pushed from. An empty id goes on.
func Jump(id string) Next {
	if id == "" {
		return Next{}
	}
	return Next{kind: jump, target: id}
}

// Push runs the actions of p and then goes on after the present one. Origin
// tells loop counts of different documents apart: a flow's id, or "".
func Push(p *Program, origin string) Next { return Next{kind: push, push: p, origin: origin} }

// Finish ends the run; reason is one of the End… constants.
func Finish(reason string) Next { return Next{kind: finish, reason: reason} }

// Reasons for which a run ends, as resource.Activeflow shows them.
const (
	EndFinished  = "finished"   // no action was left
	EndHangup    = "hangup"     // the call ended, by an action or by itself
	EndStopped   = "stopped"    // by the action stop or by the API
	EndLoopLimit = "loop_limit" // MaxIdleActions without audio or wait between
	EndFailed    = "failed"     // a fault in the flow or in a verb
	EndRestart   = "restart"    // the server stopped
)

// Failure is an error of a verb that has a reason for programs besides its
// message for people. Other errors get the reason "failed".
type Failure struct {
	Reason  string // as in call_failed, option_invalid, not_available
	Message string
}

// Error implements error.
func (f *Failure) Error() string { return f.Message }
