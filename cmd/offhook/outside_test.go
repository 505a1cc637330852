package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hajimehoshi/go-mp3"

	"offhook/media/tone"
	"offhook/media/wav"
	"offhook/resource"
	"offhook/speech"
)

// The scenarios of testdata/flows and testdata/requests as printed, with programs of others in every
// role: baresip talks, presses keys by RFC 4733 and writes down what it hears;
// sipp sends what it hears back, so that who hears itself has been heard, or
// plays a tone, and presses keys by INFO.

// softphoneAt has a softphone behind the carrier, at a number.
func (w *world) softphoneAt(t *testing.T, number string, l line) *softphone {
	t.Helper()
	l.user = number
	p := newSoftphone(t, l)
	w.route(t, number, 1, p.port, "", nil)
	return p
}

// sippAt has a sipp behind the carrier, at a number.
func (w *world) sippAt(t *testing.T, number string, r sippRun) {
	t.Helper()
	r.times = 100 // it stays until the test is over
	w.route(t, number, 1, r.start(t).port, "", nil)
}

// outsider is a softphone that calls from outside, by the carrier's trunk.
func outsider(t *testing.T, hz int) *softphone {
	t.Helper()
	return newSoftphone(t, line{user: "+15557654321", hz: hz})
}

// calls dials a number from outside.
func (p *softphone) calls(w *world, number string) {
	p.t.Helper()
	p.do("dial", fmt.Sprintf("sip:%s@%s", number, w.sip))
}

// dialIn makes a number that runs a flow.
func (w *world) dialIn(t *testing.T, number, flow string) {
	t.Helper()
	var f resource.Flow
	w.api("POST", "/v1/flows", flow, &f)
	w.api("POST", "/v1/numbers", map[string]any{"number": number, "call_flow_id": f.ID}, nil)
}

// A visitor asks for a call; an agent is rung when it has heard the greeting;
// they hear each other, and it is all in the recording.
func TestOutsideClickToCall(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWorld(t, "")
	const hz = 1110
	visitor := w.softphoneAt(t, "+15559876543", line{hz: hz})
	w.sippAt(t, "+15552222222", sippRun{scenario: "uas_party", echo: true})
	var placed struct{ Calls []resource.Call }
	w.api("POST", "/v1/calls", document(t, "flows/click-to-call"), &placed)
	visitor.hears(hz) // the agent hears it and sends it back
	visitor.do("hangup", "")
	var hungup struct {
		RecordingIDs []string `json:"recording_ids"`
	}
	if err := json.Unmarshal(told(t, w, "call_hungup", fmt.Sprintf("%q:%q", "id", placed.Calls[0].ID)), &hungup); err != nil {
		t.Fatal(err)
	}
	if len(hungup.RecordingIDs) != 1 {
		t.Fatalf("recordings %q", hungup.RecordingIDs)
	}
	status, file := w.request("GET", "/v1.0/recordingfiles/"+hungup.RecordingIDs[0], nil)
	if status != 200 {
		t.Fatalf("recording: %d %s", status, file)
	}
	left, right, rate := stereo(t, file)
	for side, pcm := range map[string][]int16{"said": left, "heard": right} {
		if len(pcm) < rate/2 || level(pcm[len(pcm)-rate/2:], hz, float64(rate)) < audible {
			t.Errorf("what the visitor %s is not at the end of the recording", side)
		}
	}
}

// stereo decodes an MP3.
func stereo(t *testing.T, file []byte) (left, right []int16, rate int) {
	t.Helper()
	d, err := mp3.NewDecoder(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(raw) >= 4; raw = raw[4:] {
		left = append(left, int16(uint16(raw[0])|uint16(raw[1])<<8))
		right = append(right, int16(uint16(raw[2])|uint16(raw[3])<<8))
	}
	return left, right, d.SampleRate()
}

// The organizer and two participants are called one after the other, a third
// dials in: everybody hears all others and never itself.
func TestOutsideConference(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWorld(t, `
flows: [{id: dial-in, actions: [{type: conference_join, option: {conference_id: conf-uuid}}]}]
numbers: [{id: dial-in, number: "+15554444444", call_flow_id: dial-in}]
`)
	w.api("POST", "/v1/conferences", strings.Replace(document(t, "requests/conference"), "{", `{"id": "conf-uuid",`, 1), nil)
	const organizerHz, aHz, bHz, cHz = 1110, 1280, 1790, 2640
	organizer := w.softphoneAt(t, "+15550000000", line{hz: organizerHz})
	a := w.softphoneAt(t, "+15552222222", line{hz: aHz})
	c := outsider(t, cHz)
	w.sippAt(t, "+15553333333", sippRun{scenario: "uas_speaks", says: bHz})

	w.api("POST", "/v1/calls", document(t, "flows/conference-organizer"), nil)
	told(t, w, "conference_participant_joined", `"participant_count":1`)
	participant := document(t, "flows/conference-participant")
	w.api("POST", "/v1/calls", participant, nil)
	organizer.hears(aHz)
	a.hears(organizerHz)
	w.api("POST", "/v1/calls", strings.Replace(participant, "+15552222222", "+15553333333", 1), nil)
	organizer.hears(aHz, bHz)
	a.hears(organizerHz, bHz)
	c.calls(w, "+15554444444")
	organizer.hears(aHz, bHz, cHz)
	a.hears(organizerHz, bHz, cHz)
	c.hears(organizerHz, aHz, bHz)
	a.do("hangup", "")
	told(t, w, "conference_participant_left", `"participant_count":3`)
	organizer.hears(bHz, cHz)
	c.hears(organizerHz, bHz)
	organizer.never("the organizer", organizerHz)
	a.never("participant A", aHz)
	c.never("participant C", cHz)
}

// The agent alone hears the caller's name, recorded, and takes the call: the
// caller hears it from then on and not before. The name is told from the caller
// that waits by another tone.
func TestOutsideScreening(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWorld(t, "")
	const nameHz, callerHz, agentHz = 1110, 1280, 1790
	w.dialIn(t, "+15550000000", document(t, "flows/call-screening"))
	agent := w.softphoneAt(t, "+15552222222", line{hz: agentHz})
	caller := outsider(t, nameHz)
	caller.calls(w, "+15550000000")
	told(t, w, "recording_finished", "")
	caller.do("ausrc", fmt.Sprintf("ausine,%d", callerHz))
	agent.hears(nameHz)
	caller.never("the caller that is screened", agentHz)
	agent.never("the agent that is asked", callerHz)
	agent.do("sndcode", "1")
	agent.hears(callerHz)
	caller.hears(agentHz)
	agent.do("hangup", "")
	told(t, w, "activeflow_ended", `"voipbin.connect.result":"answered"`)
	caller.until("CALL_CLOSED", 1)
}

// The agent rejects the call by key: the caller never hears it, nor it the
// caller.
func TestOutsideScreeningRejected(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWorld(t, "")
	w.dialIn(t, "+15550000000", document(t, "flows/call-screening"))
	w.sippAt(t, "+15552222222", sippRun{scenario: "uas_rejects", echo: true})
	caller := outsider(t, 1110)
	caller.calls(w, "+15550000000")
	told(t, w, "activeflow_ended", `"voipbin.connect.result":"whisper_rejected"`)
	caller.until("CALL_CLOSED", 1)
	caller.never("the rejected caller", 1110) // the agent would have sent it back
}

// Agent A talks to B while the caller hears music, and completes by the API: the
// caller and B hear each other.
func TestOutsideTransfer(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWorld(t, "")
	const callerHz, aHz, bHz = 1110, 1280, 1790
	caller, a, call := conversation(t, w, callerHz, aHz)
	b := w.softphoneAt(t, "+15553333333", line{hz: bHz})
	var transfer struct {
		TransferID    string `json:"transfer_id"`
		ConsultCallID string `json:"consult_call_id"`
		Status        string `json:"status"`
	}
	body := document(t, "requests/transfer")
	w.api("POST", "/v1/calls/"+call+"/transfer", body, &transfer)
	if transfer.Status != "consulting" || transfer.ConsultCallID == "" {
		t.Errorf("transfer %+v", transfer)
	}
	a.hears(bHz)
	b.hears(aHz)
	caller.hears()
	caller.never("the caller on hold", bHz)
	b.never("the consulted", callerHz)
	w.api("POST", "/v1/transfers/"+transfer.TransferID+"/complete", nil, nil)
	caller.hears(bHz)
	b.hears(callerHz)
	a.until("CALL_CLOSED", 1)
	var asked, done struct{ Context map[string]string }
	if err := json.Unmarshal([]byte(body), &asked); err != nil {
		t.Fatal(err)
	}
	data := told(t, w, "transfer_completed", transfer.TransferID)
	if err := json.Unmarshal(data, &done); err != nil || fmt.Sprint(done.Context) != fmt.Sprint(asked.Context) {
		t.Errorf("transfer_completed %s", data)
	}
	b.do("hangup", "")
	caller.until("CALL_CLOSED", 1)
	a.never("the one who transferred, after "+summary(a.heard()), aHz)
}

// Agent A completes by hanging up, as the other form of the scenario has it.
func TestOutsideTransferByHangup(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newWorld(t, "")
	const callerHz, aHz = 1110, 1280
	caller, a, call := conversation(t, w, callerHz, aHz)
	w.sippAt(t, "+15553333333", sippRun{scenario: "uas_party", echo: true})
	var transfer resource.Transfer
	w.api("POST", "/v1/transfers", strings.Replace(document(t, "requests/transfers"), "call-uuid-of-agent-a", call, 1), &transfer)
	if transfer.TransfereeCallID == "" {
		t.Errorf("transfer %+v", transfer)
	}
	a.hears(aHz) // B hears it and sends it back
	caller.hears()
	a.do("hangup", "")
	caller.hears(callerHz) // so does the caller now
	told(t, w, "transfer_completed", transfer.ID)
}

// conversation is a caller and an agent who hear each other, and the agent's
// call.
func conversation(t *testing.T, w *world, callerHz, agentHz int) (caller, agent *softphone, call string) {
	t.Helper()
	w.dialIn(t, "+15550000000", `{"name": "desk", "actions": [{"type": "connect", "option": {"destinations": [{"type": "tel", "target": "+15552222222"}]}}]}`)
	agent = w.softphoneAt(t, "+15552222222", line{hz: agentHz})
	caller = outsider(t, callerHz)
	caller.calls(w, "+15550000000")
	caller.hears(agentHz)
	agent.hears(callerHz)
	var c resource.Call
	if err := json.Unmarshal(told(t, w, "call_progressing", `"direction":"outgoing"`), &c); err != nil {
		t.Fatal(err)
	}
	return caller, agent, c.ID
}

// A caller presses 2 in the menu; the agent, registered, is rung out of the
// queue, and they hear each other.
func TestOutsideQueue(t *testing.T) {
	slow(t)
	t.Parallel()
	c := newCentre(t, "", "anna")
	const hz = 1110
	agent := newSoftphone(t, line{user: "1001", server: c.sip.String(), password: "secret", hz: hz})
	registered(t, c.world, "ext-anna", 1)
	c.status("anna", "available")
	sippRun{scenario: "uac_presses", remote: c.sip.String(), user: "+15550000000", echo: true}.start(t)
	agent.hears(hz) // the caller hears it and sends it back
	c.comesTo("anna", "busy")
	agent.do("hangup", "")
	c.comesTo("anna", "available")
	told(t, c.world, "queuecall_done", `"service_agent_id":"anna"`)
}

// A campaign reaches a person, who presses 1 while the reminder is spoken, and an
// answering machine, which records what is said after its beep, whole.
func TestOutsideCampaign(t *testing.T) {
	slow(t)
	t.Parallel()
	w := newReminder(t)
	hello, _ := w.greeting(t, "Hello?", 0)
	greeting, end := w.greeting(t, "Hi, you have reached the Miller family. Please leave a message after the tone.", 300*time.Millisecond)
	person := w.softphoneAt(t, "+15550100001", line{file: hello})
	machine := w.softphoneAt(t, "+15550100002", line{file: greeting})
	w.remind("+15550100001", "+15550100002")
	person.wait("the reminder is heard", func() bool {
		pcm, _ := person.recording()
		return len(pcm) > 8000 && !silent(pcm[len(pcm)-8000:])
	})
	person.do("sndcode", "1")
	person.until("CALL_CLOSED", 1)
	heard, _ := person.recording()
	_, after := w.whole(t, heard, reminderText, 0)
	w.whole(t, heard, confirmedText, after)
	machine.until("CALL_CLOSED", 1)
	recorded, _ := machine.recording()
	from, _ := w.whole(t, recorded, voicemailText, 0)
	// Both tapes end with the call; the one of what it says tells where the beep
	// ended on the other, about, unless the softphone was too busy to write them
	// alike. TestSeedCampaign measures.
	ahead := len(machine.spoken()) - len(recorded)
	if gap := (from - (end - ahead)) / 8; max(ahead, -ahead) < 4000 && (gap < -200 || gap > 3000) {
		t.Errorf("the message began %d ms after the beep", gap)
	}
	for number, result := range map[string]string{"15550100001": "human", "15550100002": "machine"} {
		told(t, w, "campaigncall_updated", fmt.Sprintf("%q:%q", "outdial_target_id", number), fmt.Sprintf("%q:%q", "amd_result", result), `"status":"done"`)
	}
}

// greeting is a file with what somebody says who answers, a beep, and a minute of
// silence; end is the sample at which the beep ends.
func (w *world) greeting(t *testing.T, text string, beep time.Duration) (name string, end int) {
	t.Helper()
	clip, err := w.server.speech.Synthesize(t.Context(), speech.Request{Text: text, Language: "en-GB"})
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 8000/2, 8000*90)
	pcm = append(append(pcm, samples(clip)...), make([]int16, 8000/4)...)
	if beep > 0 {
		end = len(pcm) + int(beep.Seconds()*8000)
		_ = tone.New(8000, tone.Spec{Hz1: 1400, Level: -15}).ReadFrame(pcm[len(pcm):end])
	}
	pcm = append(pcm[:max(end, len(pcm))], make([]int16, 8000*60)...)
	name = filepath.Join(t.TempDir(), "greeting.wav")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out, err := wav.NewWriter(f, 8000, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(out.Write(pcm), out.Close()); err != nil {
		t.Fatal(err)
	}
	return name, end
}

// whole finds a whole text on a tape after a sample and says where it began and
// ended. Of its sound a fifth may differ: what comes late is concealed.
func (w *world) whole(t *testing.T, heard []int16, text string, after int) (from, to int) {
	t.Helper()
	clip, err := w.server.speech.Synthesize(t.Context(), speech.Request{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	want := samples(clip)
	const part = 2400 // 300 ms
	if len(want) < part {
		t.Fatalf("%q is too short", text)
	}
	from = -1
	for skip := 0; from < 0 && skip <= len(want)/5; skip += part { // the first sound may be spoilt
		from = locate(heard, want[skip:][:part], after, len(heard)) - skip
	}
	if from < 0 {
		t.Fatalf("not heard: %q", text)
	}
	to, missed := from, 0
	for piece := range slices.Chunk(want, part) {
		at := locate(heard, piece, to-240, to+480)
		if at < 0 {
			at = to
			if !silent(piece) {
				missed += len(piece)
			}
		}
		to = at + len(piece)
	}
	if missed > len(want)/5 {
		t.Errorf("%d of %d ms differ from %q", missed/8, len(want)/8, text)
	}
	return from, to
}
