package main

import (
	"fmt"
	"strings"
	"testing"

	"offhook/call/phone"
	"offhook/resource"
)

// TestSeedConference runs the scenario as printed, then has a participant dial
// in, and controls the conference through the API.
func TestSeedConference(t *testing.T) {
	w := newWorld(t, `
flows: [{id: dial-in, actions: [{type: conference_join, option: {conference_id: conf-uuid}}]}]
numbers: [{id: dial-in, number: "+15554444444", call_flow_id: dial-in}]
`)
	var room resource.Conference
	w.api("POST", "/v1/conferences", document(t, "requests/conference"), &room)
	if room.ID == "" || room.Status != "active" || room.ParticipantCount != 0 {
		t.Fatalf("created %+v", room)
	}
	w.api("POST", "/v1/conferences", strings.Replace(document(t, "requests/conference"), "{", `{"id": "conf-uuid",`, 1), nil)

	organizer := w.next(w.pickUp)
	w.api("POST", "/v1/calls", document(t, "flows/conference-organizer"), nil)
	o := receiveOr(t, "the organizer is called", organizer)
	w.hook("conference_participant_joined", `"participant_count":1`)
	participant := w.next(w.pickUp)
	w.api("POST", "/v1/calls", document(t, "flows/conference-participant"), nil)
	a := receiveOr(t, "participant A is called", participant)
	w.hook("conference_participant_joined", `"participant_count":2`)
	receiveOr(t, "A hears the organizer", talk(o, a))
	b := w.dial("+15554444444")
	w.hook("conference_participant_joined", `"participant_count":3`)
	receiveOr(t, "B hears the organizer", talk(o, b))

	stays := w.stays()
	if len(stays) != 3 || stays[2].Role != "moderator" || !stays[2].Talking || stays[0].Talking {
		t.Fatalf("conferencecalls %+v", stays)
	}
	w.api("GET", "/v1/conferences/conf-uuid", nil, &room)
	if room.ParticipantCount != 3 || len(room.ConferencecallIDs) != 3 {
		t.Errorf("conference %+v", room)
	}
	w.mutes(stays[2], stays[1])
	w.api("POST", "/v1/conferences/conf-uuid/recording_start", `{"format": "mp3"}`, &room)
	if room.RecordingID == "" {
		t.Errorf("recorded %+v", room)
	}
	var stay resource.Conferencecall
	w.api("POST", fmt.Sprintf("/v1/conferencecalls/%s/kick", stays[0].ID), nil, &stay)
	if stay.Status != "leaved" {
		t.Errorf("kicked %+v", stay)
	}
	receiveOr(t, "B's flow ends", b.Done())
	w.api("POST", "/v1/conferences/conf-uuid/talk", `{"text": "One minute left."}`, nil)
	w.api("POST", "/v1/conferences/conf-uuid/recording_stop", nil, &room)
	if room.RecordingID != "" || len(room.RecordingIDs) != 1 {
		t.Errorf("after recording %+v", room)
	}
	w.api("DELETE", "/v1/conferences/conf-uuid", nil, nil)
	receiveOr(t, "A's flow ends", a.Done())
	receiveOr(t, "the organizer's flow ends", o.Done())
	w.hook("conference_participant_left", `"participant_count":0`)
	w.hook("conference_deleted", "conf-uuid")
	if status, _ := w.request("GET", "/v1/conferences/conf-uuid", nil); status != 404 {
		t.Errorf("the deleted conference: %d", status)
	}
	if status, raw := w.request("POST", "/v1/conferences/none/recording_start", `{}`); status != 404 {
		t.Errorf("recording of no conference: %d %s", status, raw)
	}
}

// TestConferenceTranscription writes down what is said in a conference.
func TestConferenceTranscription(t *testing.T) {
	w := newWorld(t, `
conferences: [{id: board, name: Board}]
flows: [{id: dial-in, actions: [{type: conference_join, option: {conference_id: board}}]}]
numbers: [{id: dial-in, number: "+15554444444", call_flow_id: dial-in}]
`, withVosk(newFakeVosk(t)))
	if status, raw := w.request("POST", "/v1/conferences/board/transcribe_start", `{}`); status != 409 || !strings.Contains(string(raw), "CONFERENCE_EMPTY") {
		t.Errorf("transcription of an empty conference: %d %s", status, raw)
	}
	events := w.watch("customer_id:<your-id>:transcript:*")
	a, b := w.dial("+15554444444"), w.dial("+15554444444")
	w.hook("conference_participant_joined", `"participant_count":2`)
	receiveOr(t, "the second hears the first", talk(a, b))
	a.Play(nil)
	var room resource.Conference
	w.api("POST", "/v1/conferences/board/transcribe_start", `{"language": "en-US"}`, &room)
	if room.TranscribeID == "" {
		t.Errorf("while it is transcribed: %+v", room)
	}
	for _, c := range []*phone.Call{a, b} {
		say(t, c, "how can I help you")
		if r := words(t, events); r.Message != "how can I help you" || r.TranscribeID != room.TranscribeID || r.ReferenceID != "board" {
			t.Errorf("transcript %+v", r)
		}
	}
	w.api("POST", "/v1/conferences/board/transcribe_stop", `{}`, &room)
	if room.TranscribeID != "" || len(room.TranscribeIDs) != 1 {
		t.Errorf("after that: %+v", room)
	}
}

// mutes has a moderator act on a participant, and the other way round.
func (w *world) mutes(moderator, participant resource.Conferencecall) {
	t := w.t
	t.Helper()
	refused := fmt.Sprintf("/v1/conferencecalls/%s/mute?by=%s", moderator.ID, participant.ID)
	if status, raw := w.request("POST", refused, nil); status != 403 || !strings.Contains(string(raw), "NOT_A_MODERATOR") {
		t.Errorf("a participant mutes the moderator: %d %s", status, raw)
	}
	var stay resource.Conferencecall
	w.api("POST", fmt.Sprintf("/v1/conferencecalls/%s/mute?by=%s", participant.ID, moderator.ID), nil, &stay)
	if !stay.Mute {
		t.Errorf("muted %+v", stay)
	}
	w.api("DELETE", fmt.Sprintf("/v1/conferencecalls/%s/mute", participant.ID), nil, &stay)
	if stay.Mute {
		t.Errorf("unmuted %+v", stay)
	}
}

// stays are the conferencecalls as the API lists them, newest first.
func (w *world) stays() []resource.Conferencecall {
	w.t.Helper()
	var list struct{ Result []resource.Conferencecall }
	w.api("GET", "/v1/conferencecalls?conference_id=conf-uuid", nil, &list)
	return list.Result
}
