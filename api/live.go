package api

import (
	"context"
	"time"

	"offhook/flow"
	"offhook/resource"
)

// The interfaces below are what the API needs of what is live: calls,
// conferences, queues and so on. Whoever runs those implements them; one that
// is nil in Config answers 503 NOT_CONFIGURED. Objects are named by customer
// and id, and one of another customer is unknown to them. An error that has a
// status of its own implements Refusal; any other is answered as 500.

// Live is the calls of this server.
type Live interface {
	// Host returns what a live call can do, and false when the call has ended
	// or never was.
	Host(customerID, callID string) (flow.Host, bool)
	// Media tells how a live call sounds; nil when it has no media.
	Media(customerID, callID string) *resource.CallMedia
	// Dial places calls and returns without waiting for an answer.
	Dial(ctx context.Context, r CallRequest) ([]resource.Call, []resource.Groupcall, error)
	// DialGroup places the calls of one group.
	DialGroup(ctx context.Context, r GroupRequest) (resource.Groupcall, error)
	// HangupGroup ends all calls of a group; nothing when it has ended.
	HangupGroup(customerID, groupcallID string) error
	// Hold puts a call and who it talks to on hold: neither hears the other,
	// the other hears music. It is idempotent.
	Hold(customerID, callID string, on bool) error
	// StartActiveflow runs actions without a call.
	StartActiveflow(ctx context.Context, r ActiveflowRequest) (resource.Activeflow, error)
	// StopActiveflow ends a run and its call; false when it does not run.
	StopActiveflow(customerID, activeflowID string) bool
	// Transfer hands the conversation of a call over.
	Transfer(ctx context.Context, customerID string, r TransferRequest) (resource.Transfer, error)
	// TransferComplete connects both sides of an attended transfer.
	TransferComplete(ctx context.Context, customerID, transferID string) (resource.Transfer, error)
	// TransferCancel brings the original parties back together.
	TransferCancel(ctx context.Context, customerID, transferID string) (resource.Transfer, error)
}

// CallRequest is calls to place.
type CallRequest struct {
	flow.DialRequest
	ID string // of the call, where there is one destination; "": made by the server
}

// GroupRequest is a group of calls of which one shall answer.
type GroupRequest struct {
	flow.DialRequest
	ID           string // "": made by the server
	RingMethod   string // ring_all or linear
	AnswerMethod string // hangup_others
}

// ActiveflowRequest is a run without a call.
type ActiveflowRequest struct {
	ID            string // "": made by the server
	CustomerID    string
	FlowID        string
	Actions       []resource.Action
	Variables     map[string]string
	WebhookURI    string
	WebhookMethod string
}

// TransferRequest is a transfer to start.
type TransferRequest struct {
	ID           string // "": made by the server
	Type         string // attended or blind
	CallID       string // of the one who transfers
	Destinations []resource.Address
	Context      map[string]any
}

// Conferences is the rooms of this server.
type Conferences interface {
	// Talking tells whether a member's voice was heard in the last moments.
	Talking(customerID, conferencecallID string) bool
	// May refuses what a member that is no moderator would do to another.
	May(customerID, by, conferencecallID string) error
	// Mute makes a member silent for the others, or heard again.
	Mute(customerID, conferencecallID string, on bool) error
	// Kick removes a member; nothing when it has left.
	Kick(customerID, conferencecallID string) error
	// Close ends a conference and removes its members.
	Close(ctx context.Context, customerID, conferenceID string) error
	// RecordStart records the whole conference.
	RecordStart(ctx context.Context, customerID, conferenceID string, r flow.RecordRequest) (resource.Recording, error)
	// RecordStop ends the newest recording; nothing when there is none.
	RecordStop(ctx context.Context, customerID, conferenceID string) error
	// Play plays into the whole conference, in the background.
	Play(customerID, conferenceID string, p flow.Prompt) error
}

// Queues is the waiting lines of this server.
type Queues interface {
	// SetAgentStatus changes an agent's status: available, away, busy or offline.
	SetAgentStatus(ctx context.Context, customerID, agentID, status string) (resource.Agent, error)
	// Kick takes a caller out of its queue; nothing when it has left.
	Kick(ctx context.Context, customerID, queuecallID string) error
	// Stats tells how a queue does now.
	Stats(ctx context.Context, customerID, queueID string) (any, error)
}

// Campaigns is the dialer.
type Campaigns interface {
	// SetStatus runs or stops a campaign: run or stop.
	SetStatus(ctx context.Context, customerID, campaignID, status string) (resource.Campaign, error)
	// Stats tells how a campaign does now.
	Stats(ctx context.Context, customerID, campaignID string) (any, error)
	// DryRun tells what a campaign would dial now, and what not and why.
	DryRun(ctx context.Context, customerID, campaignID string) (any, error)
}

// Transcribes is speech to text on demand.
type Transcribes interface {
	// Start transcribes a live call or conference, or a recording.
	Start(ctx context.Context, customerID string, r TranscribeRequest) (resource.Transcribe, error)
	// Stop ends a transcription; nothing when it has ended.
	Stop(ctx context.Context, customerID, transcribeID string) (resource.Transcribe, error)
}

// TranscribeRequest is a transcription to start.
type TranscribeRequest struct {
	ID            string // "": made by the server
	ReferenceType string // call, conference or recording
	ReferenceID   string
	Language      string // BCP 47
	Direction     string // in, out or both
	Provider      string
	OnEndFlowID   string
}

// Assistants is language models on calls.
type Assistants interface {
	// Start begins a conversation.
	Start(ctx context.Context, customerID string, r AicallRequest) (resource.Aicall, error)
	// Terminate ends a conversation; nothing when it has ended.
	Terminate(ctx context.Context, customerID, aicallID string) (resource.Aicall, error)
	// Say puts a message into a running conversation.
	Say(ctx context.Context, customerID, aicallID, role, content string) (resource.Aimessage, error)
}

// AicallRequest is a conversation to begin.
type AicallRequest struct {
	ID            string // "": made by the server
	AIID          string
	ReferenceType string // call, or empty for text alone
	ReferenceID   string
	Parameter     map[string]any
}

// Registrations is the phones at the registrar.
type Registrations interface {
	// Contacts returns the contacts that an extension has now.
	Contacts(e resource.Extension) []resource.Contact
}

// Carriers is the state of the providers.
type Carriers interface {
	// State returns a provider's health_status and register_status.
	State(customerID, providerID string) (health, register string)
}

// liveTimeout bounds what the API waits for within one request.
const liveTimeout = 30 * time.Second
