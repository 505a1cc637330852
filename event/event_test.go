package event_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"offhook/event"
	"offhook/resource"
)

func identity(id string) resource.Identity { return resource.Identity{ID: id, CustomerID: "u"} }

// TestEvents holds topic, order and the fields that the contract and the
// scenarios name; other fields may be there.
func TestEvents(t *testing.T) {
	call := resource.Call{Identity: identity("c1"), ActiveflowID: "af1", Duration: 245, RecordingIDs: []string{"r1"}, HangupBy: "remote", HangupReason: "normal"}
	for _, x := range []struct {
		event                    resource.Event
		name, kind, id, orderKey string
		data                     string
	}{
		{
			event.OfCall(event.CallHungup, call), "call_hungup", "call", "c1", "c1",
			`{"id":"c1","duration":245,"recording_ids":["r1"],"hangup_by":"remote","hangup_reason":"normal"}`,
		},
		{
			event.OfCall(event.CallHangup, resource.Call{Identity: identity("c1")}), "call_hangup", "call", "c1", "c1",
			`{"recording_ids":[],"chained_call_ids":[]}`,
		},
		{
			event.OfGroupcall(event.GroupcallCreated, resource.Groupcall{Identity: identity("g")}), "groupcall_created", "groupcall", "g", "g",
			`{"call_ids":[],"destinations":[]}`,
		},
		{
			event.TransferCompleted(resource.Transfer{Identity: identity("t"), TransfererCallID: "c1", Context: map[string]any{"issue": "billing"}}, "a", "b"),
			"transfer_completed", "transfer", "t", "c1", `{"transfer_id":"t","from_agent":"a","to_agent":"b","context":{"issue":"billing"}}`,
		},
		{event.TransferCompleted(resource.Transfer{Identity: identity("t")}, "a", "b"), "transfer_completed", "transfer", "t", "t", `{"context":{}}`},
		{
			event.Verdict(call, "machine", "long_greeting", 2400, 5100, -1), "amd_result", "amd", "c1", "c1",
			`{"call_id":"c1","activeflow_id":"af1","result":"machine","cause":"long_greeting","decided_at_ms":2400,"greeting_end_ms":5100,"beep_at_ms":-1}`,
		},
		{event.DTMFReceived(call, "5", 80), "dtmf_received", "dtmf", "c1", "c1", `{"call_id":"c1","digit":"5","duration":80}`},
		{
			event.OfActiveflow(event.ActiveflowEnded, resource.Activeflow{Identity: identity("af1"), ReferenceType: "call", ReferenceID: "c1", EndReason: "hangup"}),
			"activeflow_ended", "activeflow", "af1", "c1", `{"id":"af1","reason":"hangup","end_reason":"hangup"}`,
		},
		{
			event.OfConferencecall(event.ParticipantJoined, resource.Conferencecall{Identity: identity("cc"), ConferenceID: "room", ReferenceID: "c1", Role: "moderator"}, 3),
			"conference_participant_joined", "conference", "room", "room",
			`{"id":"cc","conference_id":"room","conferencecall_id":"cc","call_id":"c1","role":"moderator","participant_count":3}`,
		},
		{
			event.OfTranscript(resource.Transcript{Identity: identity("ts"), TranscribeID: "tr", ReferenceID: "c1", Direction: "in", Message: "hello", TMTranscript: "0001-01-01 00:00:05.123", OffsetMS: 5123}),
			"transcript_created", "transcript", "ts", "c1",
			`{"transcribe_id":"tr","direction":"in","message":"hello","tm_transcript":"0001-01-01 00:00:05.123","offset_ms":5123}`,
		},
		{
			event.OfTranscribe(event.TranscribeFailed, resource.Transcribe{Identity: identity("tr"), ReferenceType: "call", ReferenceID: "c1", EndReason: "engine_not_configured", EndMessage: "set speech.stt"}),
			"transcribe_failed", "transcribe", "tr", "c1", `{"id":"tr","reference_id":"c1","reason":"engine_not_configured","message":"set speech.stt"}`,
		},
		{
			event.OfAicall(event.AicallFailed, resource.Aicall{Identity: identity("ai"), ReferenceType: "call", ReferenceID: "c1", EndReason: "engine_not_configured", EndMessage: "set llm.url"}),
			"aicall_failed", "aicall", "ai", "c1", `{"id":"ai","reason":"engine_not_configured","message":"set llm.url"}`,
		},
		{
			event.OfAimessage(event.AimessageCreated, resource.Aimessage{Identity: identity("m"), Content: "hi"}, resource.Aicall{Identity: identity("ai"), ReferenceType: "call", ReferenceID: "c1"}),
			"aimessage_created", "aicall", "ai", "c1", `{"id":"m","content":"hi"}`,
		},
		{event.RecordingFinished(resource.Recording{Identity: identity("r"), ReferenceType: "conference", ReferenceID: "room"}), "recording_finished", "recording", "r", "r", `{"id":"r"}`},
	} {
		e := x.event
		got := [...]string{e.CustomerID, e.Type, e.Resource, e.ResourceID, e.OrderKey}
		if want := [...]string{"u", x.name, x.kind, x.id, x.orderKey}; got != want {
			t.Errorf("%s: customer, type, resource, id, order are %q, want %q", x.name, got, want)
		}
		var data, want map[string]any
		if err := json.Unmarshal(e.Data, &data); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		if err := json.Unmarshal([]byte(x.data), &want); err != nil {
			t.Fatalf("%s: %v", x.name, err)
		}
		for field := range want {
			if diff := cmp.Diff(want[field], data[field]); diff != "" {
				t.Errorf("%s: field %s (-want +got):\n%s", x.name, field, diff)
			}
		}
	}
}
