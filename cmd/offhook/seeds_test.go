package main

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"offhook/call/phone"
	"offhook/media/tone"
	"offhook/resource"
)

// document is a file of testdata: flows/NAME or requests/NAME.
func document(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile("../../testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestSeedClickToCall(t *testing.T) {
	w := newWorld(t, "")
	visitor := w.next(w.pickUp)
	agent := w.next(w.pickUp)
	var placed struct{ Calls []resource.Call }
	w.api("POST", "/v1/calls", document(t, "flows/click-to-call"), &placed)
	if len(placed.Calls) != 1 || placed.Calls[0].Status != "dialing" {
		t.Fatalf("placed %+v", placed)
	}
	v := receiveOr(t, "the visitor is called", visitor)
	a := receiveOr(t, "the agent is called", agent)
	receiveOr(t, "the agent hears the visitor", talk(v, a))
	receiveOr(t, "the visitor hears the agent", talk(a, v))
	a.Hangup()
	receiveOr(t, "the visitor's call ends", v.Done())
	var hungup struct {
		ID           string   `json:"id"`
		Duration     *int     `json:"duration"`
		RecordingIDs []string `json:"recording_ids"`
		HangupBy     string   `json:"hangup_by"`
		HangupReason string   `json:"hangup_reason"`
	}
	data := w.hook("call_hungup", fmt.Sprintf("%q:%q", "id", placed.Calls[0].ID))
	if err := json.Unmarshal(data, &hungup); err != nil {
		t.Fatal(err)
	}
	if len(hungup.RecordingIDs) != 1 || hungup.Duration == nil || hungup.HangupReason != "normal" {
		t.Fatalf("call_hungup %s", data)
	}
	var rec resource.Recording
	w.api("GET", "/v1/recordings/"+hungup.RecordingIDs[0], nil, &rec)
	if rec.Status != "ended" || rec.Format != "mp3" || rec.Duration < 0.5 || rec.URL == "" {
		t.Errorf("recording %+v", rec)
	}
	status, file := w.request("GET", "/v1.0/recordingfiles/"+rec.ID, nil)
	if status != 200 || int64(len(file)) != rec.Size || len(file) < 1000 {
		t.Errorf("file: %d, %d bytes of %d", status, len(file), rec.Size)
	}
}

// talk plays a tone on one phone; the channel closes when the other hears it.
func talk(from, to *phone.Call) <-chan struct{} {
	e := newEar()
	to.Port().Attach(e, 8000)
	from.Play(tone.New(8000, tone.Milliwatt()))
	return e.hears(20)
}

func TestSeedScreening(t *testing.T) {
	for _, key := range []string{"1", "2"} {
		t.Run("key "+key, func(t *testing.T) {
			w := newWorld(t, "")
			var f resource.Flow
			w.api("POST", "/v1/flows", document(t, "flows/call-screening"), &f)
			w.api("POST", "/v1/numbers", map[string]any{"number": "+15550000000", "call_flow_id": f.ID}, nil)
			agent := w.next(w.pickUp)
			caller := w.dial("+15550000000")
			receiveOr(t, "answer", caller.UpSignal())
			caller.Play(tone.New(8000, tone.Milliwatt())) // the caller's "name"; the recording stops after 5 s
			a := receiveOr(t, "the agent is called", agent)
			e := newEar()
			a.Port().Attach(e, 8000)
			receiveOr(t, "the agent hears the whisper", e.hears(30))
			if err := a.SendDigits(t.Context(), key); err != nil && key == "1" {
				t.Fatal(err)
			}
			if key == "1" {
				receiveOr(t, "the caller hears the agent", talk(a, caller))
				a.Hangup()
			} else {
				receiveOr(t, "the agent's call ends", a.Done())
			}
			receiveOr(t, "the caller's call ends", caller.Done())
			want := map[string]string{"1": "answered", "2": "whisper_rejected"}[key]
			data := w.hook("activeflow_ended", fmt.Sprintf("%q:%q", "voipbin.connect.result", want))
			t.Logf("%.200s", data)
		})
	}
}

// outgoing is the one call out that is up.
func (w *world) outgoing() (id string) {
	w.t.Helper()
	var list struct{ Result []resource.Call }
	w.api("GET", "/v1/calls", nil, &list)
	for _, c := range list.Result {
		if c.Direction == resource.DirectionOutgoing && c.Status == resource.StatusProgressing {
			id = c.ID
		}
	}
	return id
}

func TestSeedWarmTransfer(t *testing.T) {
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: connect, option: {destinations: [{type: tel, target: "+15552222222"}]}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`)
	agentA, agentB := w.next(w.pickUp), w.next(w.pickUp)
	caller := w.dial("+15550000000")
	a := receiveOr(t, "agent A is called", agentA)
	receiveOr(t, "A hears the caller", talk(caller, a))
	callOfA := w.outgoing()
	var transfer struct {
		TransferID    string `json:"transfer_id"`
		ConsultCallID string `json:"consult_call_id"`
		Status        string `json:"status"`
	}
	w.api("POST", "/v1/calls/"+callOfA+"/transfer", document(t, "requests/transfer"), &transfer)
	if transfer.Status != "consulting" || transfer.ConsultCallID == "" {
		t.Fatalf("transfer %+v", transfer)
	}
	b := receiveOr(t, "agent B is called", agentB)
	receiveOr(t, "B hears A", talk(a, b))
	w.api("POST", "/v1/transfers/"+transfer.TransferID+"/complete", nil, nil)
	receiveOr(t, "A is disconnected", a.Done())
	receiveOr(t, "the caller hears B", talk(b, caller))
	data := w.hook("transfer_completed", transfer.TransferID)
	var done struct {
		From    string            `json:"from_agent"`
		To      string            `json:"to_agent"`
		Context map[string]string `json:"context"`
	}
	if err := json.Unmarshal(data, &done); err != nil {
		t.Fatal(err)
	}
	if done.Context["issue"] != "billing dispute" || done.From != "+15552222222" || done.To != "+15553333333" {
		t.Errorf("transfer_completed %s", data)
	}
	b.Hangup()
	receiveOr(t, "the caller's call ends", caller.Done())
}
