// Package event names everything that offhook tells its users, and brings it to
// them: by webhook from the store's outbox, and over WebSocket.
package event

import (
	"encoding/json"
	"fmt"

	"offhook/resource"
)

// Names of events. The part before the first underscore is the resource that
// WebSocket topics name.
const (
	CallCreated     = "call_created"
	CallUpdated     = "call_updated"
	CallDialing     = "call_dialing"
	CallRinging     = "call_ringing"
	CallProgressing = "call_progressing"
	CallTerminating = "call_terminating"
	CallCanceling   = "call_canceling"
	CallHangup      = "call_hangup" // VoIPBIN's name
	CallHungup      = "call_hungup" // the name of VoIPBIN's scenarios

	GroupcallCreated     = "groupcall_created"
	GroupcallProgressing = "groupcall_progressing"
	GroupcallHangup      = "groupcall_hangup"

	ActiveflowCreated = "activeflow_created"
	ActiveflowUpdated = "activeflow_updated"
	ActiveflowEnded   = "activeflow_ended"

	RecordingBegan = "recording_started"
	RecordingEnded = "recording_finished"

	DTMF                = "dtmf_received"
	AMDResult           = "amd_result"
	Transferred         = "transfer_completed"
	SpeechFailed        = "talk_failed"
	TranscribeFailed    = "transcribe_failed"
	AicallFailed        = "aicall_failed"
	ParticipantJoined   = "conference_participant_joined"
	ParticipantLeft     = "conference_participant_left"
	ConferenceCreated   = "conference_created"
	ConferenceUpdated   = "conference_updated"
	ConferenceDeleted   = "conference_deleted"
	QueuecallCreated    = "queuecall_created"
	QueuecallWaiting    = "queuecall_waiting"
	QueuecallConnecting = "queuecall_connecting"
	QueuecallServiced   = "queuecall_serviced"
	QueuecallDone       = "queuecall_done"
	QueuecallAbandoned  = "queuecall_abandoned"
	AgentStatusUpdated  = "agent_status_updated"
	CampaignRun         = "campaign_status_run"
	CampaignStopping    = "campaign_status_stopping"
	CampaignStop        = "campaign_status_stop"
	CampaigncallCreated = "campaigncall_created"
	CampaigncallUpdated = "campaigncall_updated"
	TranscribeCreated   = "transcribe_created"
	TranscribeRunning   = "transcribe_progressing"
	TranscribeDone      = "transcribe_done"
	SpeechInterim       = "transcribe_speech_interim"
	TranscriptCreated   = "transcript_created"
	AimessageCreated    = "aimessage_created"
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
	return resource.Event{CustomerID: customerID, Type: name, Resource: resourceOf(name), ResourceID: resourceID,
		OrderKey: orderKey, Data: body}
}

// resourceOf is the part of a name before the first underscore.
func resourceOf(name string) string {
	for i := range name {
		if name[i] == '_' {
			return name[:i]
		}
	}
	return name
}

// OfCall makes an event of a call.
func OfCall(name string, c resource.Call) resource.Event { return Of(name, &c, c.ID) }

// OfGroupcall makes an event of a groupcall.
func OfGroupcall(name string, g resource.Groupcall) resource.Event { return Of(name, &g, "") }

// OfActiveflow makes an event of a flow's execution, in order with its call's.
func OfActiveflow(name string, a resource.Activeflow) resource.Event {
	e := Of(name, &a, orderOf(a.ReferenceType, a.ReferenceID, a.ID))
	e.WebhookURI, e.Webhook = a.WebhookURI, a.WebhookMethod
	return e
}

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

// ofCallPart makes an event about something of a call; topics find it under
// the call.
func ofCallPart(name string, c resource.Call, data map[string]any) resource.Event {
	data["call_id"], data["customer_id"], data["activeflow_id"] = c.ID, c.CustomerID, c.ActiveflowID
	return With(name, c.CustomerID, c.ID, c.ID, data)
}

// DTMFReceived tells that a party pressed a key; the duration is in
// milliseconds.
func DTMFReceived(c resource.Call, digit string, durationMS int) resource.Event {
	return ofCallPart(DTMF, c, map[string]any{"id": c.ID, "digit": digit, "digits": digit, "duration": durationMS})
}

// TalkFailed tells that something could not be played, and what to mend.
func TalkFailed(c resource.Call, reason, message string) resource.Event {
	return ofCallPart(SpeechFailed, c, map[string]any{"id": c.ID, "reason": reason, "message": message})
}

// Verdict tells what answering-machine detection found; times are in
// milliseconds from the answer, -1 where there is none.
func Verdict(c resource.Call, result, cause string, decidedMS, greetingEndMS, beepMS int) resource.Event {
	return ofCallPart(AMDResult, c, map[string]any{"id": c.ID, "result": result, "cause": cause,
		"decided_at_ms": decidedMS, "greeting_end_ms": greetingEndMS, "beep_at_ms": beepMS})
}

// TransferCompleted tells that somebody new has taken a conversation over, with
// the context for their screen.
func TransferCompleted(t resource.Transfer, fromAgent, toAgent string) resource.Event {
	return With(Transferred, t.CustomerID, t.ID, t.TransfererCallID, map[string]any{
		"id": t.ID, "transfer_id": t.ID, "customer_id": t.CustomerID, "type": t.Type,
		"transferer_call_id": t.TransfererCallID, "transferee_call_id": t.TransfereeCallID,
		"from_agent": fromAgent, "to_agent": toAgent, "context": t.Context,
	})
}
