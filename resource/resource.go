// Package resource holds the JSON objects that users of offhook see: rows of
// the HTTP API, data of events, entries of a provisioning file and rows of the
// store are all these structs, so that a field is described once. The field
// names follow VoIPBIN's vocabulary; the doc tags become the OpenAPI
// descriptions.
package resource

import (
	"encoding/json"
	"time"

	"github.com/google/uuid"
)

// Identity is what every stored object begins with. It is embedded, so its
// fields appear at the top of the object's JSON.
type Identity struct {
	ID         string     `json:"id" doc:"Opaque identifier; the server makes a UUID, a client may choose 1 to 64 of letters, digits, - _ ."`
	CustomerID string     `json:"customer_id" doc:"The customer that owns the object; decided by the access key"`
	TMCreate   *time.Time `json:"tm_create" doc:"When it was created"`
	TMUpdate   *time.Time `json:"tm_update" doc:"When it was last changed"`
	TMDelete   *time.Time `json:"tm_delete" doc:"When it was deleted"`
}

// Identify returns the embedded identity, so that generic code can reach it.
func (i *Identity) Identify() *Identity { return i }

// NewID returns a fresh UUIDv7: unique, and sorted by time of creation.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Now returns the present time as objects carry it: UTC, whole microseconds.
func Now() *time.Time {
	t := time.Now().UTC().Truncate(time.Microsecond)
	return &t
}

// Address types.
const (
	TypeTel        = "tel"
	TypeSIP        = "sip"
	TypeExtension  = "extension"
	TypeAgent      = "agent"
	TypeConference = "conference"
	TypeQueue      = "queue"
)

// Address is somebody who can be called or who calls.
type Address struct {
	Type       string `json:"type" doc:"tel, sip, extension, agent, conference or queue" enum:"tel,sip,extension,agent,conference,queue,"`
	Target     string `json:"target" doc:"Number, SIP URI or id, whatever the type asks for"`
	TargetName string `json:"target_name,omitempty" doc:"Name of the target"`
	Name       string `json:"name,omitempty" doc:"Display name"`
	Detail     string `json:"detail,omitempty" doc:"Free text"`
}

// Action is one step of a flow as users write it. Option is decoded strictly
// by the verb that Type names.
type Action struct {
	ID     string          `json:"id,omitempty" doc:"Opaque, unique in the flow; made by the server when omitted"`
	NextID string          `json:"next_id,omitempty" doc:"The action that follows instead of the next one in the list"`
	Type   string          `json:"type" doc:"The verb"`
	Option json.RawMessage `json:"option,omitempty" doc:"The verb's options"`
}

// Event tells that something happened to an object. The pair (Type, Data) is
// what webhooks and WebSocket subscribers receive.
type Event struct {
	ID         string          `json:"-"` // webhook-id; made when empty
	CustomerID string          `json:"-"`
	Type       string          `json:"type" doc:"Name of the event, resource_verb"`
	Resource   string          `json:"-"` // topic part: call, transcript, …
	ResourceID string          `json:"-"`
	OrderKey   string          `json:"-"` // events of one key are delivered in order; the call's id where there is one
	WebhookURI string          `json:"-"` // a flow's own destination besides the customer's
	Webhook    string          `json:"-"` // its method
	Time       time.Time       `json:"-"`
	Data       json.RawMessage `json:"data" doc:"The object after the change"`
}
