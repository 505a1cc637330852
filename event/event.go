// Package event names everything that offhook tells its users, and brings it to
// them: by webhook from the store's outbox, and over WebSocket.
package event

import (
	"encoding/json"
	"fmt"
	"strings"

	"offhook/resource"
)

// Of makes an event of an object: its data is the object's JSON, its resource
// the name's first part. orderKey keeps deliveries of one call in order; empty:
// the object's own id.
func Of(name string, object interface{ Identify() *resource.Identity }, orderKey string) resource.Event {
	id := object.Identify()
	return With(name, id.CustomerID, id.ID, orderKey, object)
}

// With makes an event whose data is not a stored object.
func With(name, customerID, resourceID, orderKey string, data any) resource.Event {
	body, err := json.Marshal(data)
	if err != nil {
		// Only a programming mistake gets here; the event still tells what it can.
		body, _ = json.Marshal(map[string]string{"id": resourceID, "error": fmt.Sprint(err)})
	}
	if orderKey == "" {
		orderKey = resourceID
	}
	return resource.Event{
		CustomerID: customerID, Type: name, Resource: resourceOf(name), ResourceID: resourceID,
		OrderKey: orderKey, Data: body,
	}
}

// resourceOf is the part of a name before the first underscore.
func resourceOf(name string) string {
	first, _, _ := strings.Cut(name, "_")
	return first
}

// failure is added to the data of events about what failed or ended.
type failure struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// OfCall makes an event of a call. Lists in its data are never null.
func OfCall(name string, c resource.Call) resource.Event {
	if c.ChainedCallIDs == nil {
		c.ChainedCallIDs = []string{}
	}
	if c.RecordingIDs == nil {
		c.RecordingIDs = []string{}
	}
	return Of(name, &c, c.ID)
}

// OfGroupcall makes an event of a groupcall. Lists in its data are never null.
func OfGroupcall(name string, g resource.Groupcall) resource.Event {
	if g.Destinations == nil {
		g.Destinations = []resource.Address{}
	}
	if g.CallIDs == nil {
		g.CallIDs = []string{}
	}
	if g.GroupcallIDs == nil {
		g.GroupcallIDs = []string{}
	}
	return Of(name, &g, "")
}

// OfActiveflow makes an event of a flow's execution, in order with its call's
// and for its own webhook too. The data of ActiveflowEnded also has the reason
// of the end and a message.
func OfActiveflow(name string, a resource.Activeflow) resource.Event {
	order := orderOf(a.ReferenceType, a.ReferenceID, a.ID)
	var e resource.Event
	if name == ActiveflowEnded {
		e = With(name, a.CustomerID, a.ID, order, struct {
			resource.Activeflow
			failure
		}{a, failure{a.EndReason, a.EndMessage}})
	} else {
		e = Of(name, &a, order)
	}
	e.WebhookURI, e.Webhook = a.WebhookURI, a.WebhookMethod
	return e
}

// orderOf is the order key of something on a call or on its own.
func orderOf(referenceType, referenceID, own string) string {
	if referenceType == "call" && referenceID != "" {
		return referenceID
	}
	return own
}

// RecordingStarted tells that a recording has begun.
func RecordingStarted(r resource.Recording) resource.Event {
	return Of(RecordingBegan, &r, orderOf(r.ReferenceType, r.ReferenceID, r.ID))
}

// RecordingFinished tells that a recording's file can be had.
func RecordingFinished(r resource.Recording) resource.Event {
	return Of(RecordingEnded, &r, orderOf(r.ReferenceType, r.ReferenceID, r.ID))
}

// ofCallPart makes an event about something of a call.
func ofCallPart(name string, c resource.Call, data map[string]any) resource.Event {
	data["id"], data["call_id"] = c.ID, c.ID
	data["customer_id"], data["activeflow_id"] = c.CustomerID, c.ActiveflowID
	return With(name, c.CustomerID, c.ID, c.ID, data)
}

// DTMFReceived tells that a party pressed a key; the duration is in
// milliseconds.
func DTMFReceived(c resource.Call, digit string, durationMS int) resource.Event {
	return ofCallPart(DTMF, c, map[string]any{"digit": digit, "digits": digit, "duration": durationMS})
}

// TalkFailed tells that something could not be played, and what to mend.
func TalkFailed(c resource.Call, reason, message string) resource.Event {
	return ofCallPart(SpeechFailed, c, map[string]any{"reason": reason, "message": message})
}

// Verdict tells what answering-machine detection found; times are in
// milliseconds from the answer, -1 where there is none.
func Verdict(c resource.Call, result, cause string, decidedMS, greetingEndMS, beepMS int) resource.Event {
	return ofCallPart(AMDResult, c, map[string]any{
		"result": result, "cause": cause,
		"decided_at_ms": decidedMS, "greeting_end_ms": greetingEndMS, "beep_at_ms": beepMS,
	})
}

// TransferEnded tells that a transfer came to nothing; name says how.
func TransferEnded(name string, t resource.Transfer) resource.Event {
	return With(name, t.CustomerID, t.ID, t.TransfererCallID, map[string]any{
		"id": t.ID, "transfer_id": t.ID, "customer_id": t.CustomerID, "type": t.Type, "status": t.Status,
		"transferer_call_id": t.TransfererCallID, "transferee_call_id": t.TransfereeCallID, "context": t.Context,
	})
}

// TransferCompleted tells that somebody new has taken a conversation over, with
// the context for their screen.
func TransferCompleted(t resource.Transfer, fromAgent, toAgent string) resource.Event {
	given := t.Context
	if given == nil {
		given = map[string]any{}
	}
	return With(Transferred, t.CustomerID, t.ID, t.TransfererCallID, map[string]any{
		"id": t.ID, "transfer_id": t.ID, "customer_id": t.CustomerID, "type": t.Type,
		"transferer_call_id": t.TransfererCallID, "transferee_call_id": t.TransfereeCallID,
		"from_agent": fromAgent, "to_agent": toAgent, "context": given,
	})
}

// OfTranscribe makes an event of a transcription. The data of TranscribeFailed
// also has the reason and a message that says what to mend.
func OfTranscribe(name string, t resource.Transcribe) resource.Event {
	order := orderOf(t.ReferenceType, t.ReferenceID, t.ID)
	if name != TranscribeFailed {
		return Of(name, &t, order)
	}
	return With(name, t.CustomerID, t.ID, order, struct {
		resource.Transcribe
		failure
	}{t, failure{t.EndReason, t.EndMessage}})
}

// OfTranscript tells what somebody said, in order with what it was said on.
func OfTranscript(t resource.Transcript) resource.Event {
	return Of(TranscriptCreated, &t, t.ReferenceID)
}

// OfAicall makes an event of a conversation with an assistant. The data of
// AicallFailed also has the reason and a message that says what to mend.
func OfAicall(name string, a resource.Aicall) resource.Event {
	order := orderOf(a.ReferenceType, a.ReferenceID, a.ID)
	if name != AicallFailed {
		return Of(name, &a, order)
	}
	return With(name, a.CustomerID, a.ID, order, struct {
		resource.Aicall
		failure
	}{a, failure{a.EndReason, a.EndMessage}})
}

// OfAimessage makes an event of a message of a conversation; its topic is the
// conversation's.
func OfAimessage(name string, m resource.Aimessage, a resource.Aicall) resource.Event {
	e := Of(name, &m, orderOf(a.ReferenceType, a.ReferenceID, a.ID))
	e.Resource, e.ResourceID = "aicall", a.ID
	return e
}

// OfConferencecall tells that a call comes to a conference or leaves it; count
// is how many are in it now. Its topic is the conference's.
func OfConferencecall(name string, c resource.Conferencecall, count int) resource.Event {
	e := With(name, c.CustomerID, c.ConferenceID, c.ConferenceID, struct {
		resource.Conferencecall
		ConferencecallID string `json:"conferencecall_id"`
		CallID           string `json:"call_id"`
		ParticipantCount int    `json:"participant_count"`
	}{c, c.ID, c.ReferenceID, count})
	e.Resource = "conference"
	return e
}
