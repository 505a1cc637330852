package queue

import (
	"context"
	"time"

	"offhook/resource"
)

// Visitor is who comes to a queue and what the queue may do with it. The call
// is gone when the context of Join ends.
type Visitor struct {
	CustomerID    string
	CallID        string
	ActiveflowID  string
	WebhookURI    string // of the flow, besides the customer's
	WebhookMethod string
	Party         resource.Address // who is called back
	Dialled       resource.Address // whom the party called; calls back
	Line          Caller
}

// Caller is the live call of a visitor. Methods that take a context block until
// it ends or they are done.
type Caller interface {
	// Wait lets the caller hear a flow again and again, or music where flowID
	// is empty, until ctx ends.
	Wait(ctx context.Context, flowID string)
	// Keys gives each key that the caller presses until stop is called.
	Keys() (keys <-chan byte, stop func())
	// Set sets a variable of the caller's flow.
	Set(name, value string)
	// Talk lets the caller talk with an agent until one of them hangs up or
	// ctx ends; the agent's call is over then, or soon. After a transfer it goes
	// on with the new party. record is wav, mp3 or empty.
	Talk(ctx context.Context, agent Answered, record string)
}

// Answered is an agent's call after the agent took it.
type Answered interface {
	ID() string
	Ended() <-chan struct{}
	Hangup()
}

// Ring asks for an agent.
type Ring struct {
	CustomerID string
	CallID     string // the caller's; ends what is rung when it ends; empty: a callback
	Agent      resource.Agent
	Source     resource.Address
	Timeout    time.Duration
	Whisper    string // said to the agent alone before it is joined; empty: nothing
}

// Switch places the calls of queues.
type Switch interface {
	// Ring rings an agent, lets it hear the whisper, and returns its call; nil
	// when it was not answered, the agent hung up, or ctx ended. Nothing rings
	// any more when it returns nil.
	Ring(ctx context.Context, r Ring) Answered
	// CallBack calls a person for an agent who waits on the line, and lets
	// them talk until one of them hangs up or ctx ends. It returns one of the
	// API's hang-up reasons when the person did not answer, cancel when the agent
	// did not wait for that or ctx ended; empty after a conversation. The agent's
	// call is over then, or soon.
	CallBack(ctx context.Context, b Callback) (reason string)
}

// Callback asks for a person who was promised a call.
type Callback struct {
	Agent    Answered
	To, From resource.Address
	Timeout  time.Duration
	Record   string              // wav, mp3 or empty
	Answered func(callID string) // told when the person has answered
}

// Ledger keeps what users see of queues: rows, each with its events in one
// transaction. Its methods do not wait, and keep their order.
type Ledger interface {
	// Visit writes a queuecall; fresh: for the first time.
	Visit(row resource.Queuecall, v Visitor, fresh bool, events ...string)
	// Agent changes an agent's row.
	Agent(row resource.Agent, events ...string)
	// Queue changes what a queue's row counts.
	Queue(row resource.Queue)
}
