package main

import (
	"encoding/json"
	"testing"

	"offhook/call/phone"
	"offhook/resource"
)

// callOrders are the commands of a call, with bodies that are right.
var callOrders = []struct{ method, name, body string }{
	{"POST", "hold", ""},
	{"DELETE", "hold", ""},
	{"POST", "mute", `{"direction": "in"}`},
	{"DELETE", "mute", ""},
	{"POST", "moh", ""},
	{"DELETE", "moh", ""},
	{"POST", "talk", `{"text": "hello"}`},
	{"POST", "play", `{"stream_urls": ["none.wav"]}`},
	{"POST", "digits_send", `{"digits": "1"}`},
	{"POST", "recording_start", ""},
	{"POST", "transfer", `{"type": "blind", "destination": {"type": "tel", "target": "+15553333333"}}`},
}

// refusedAs orders everything of a call and holds that each is refused alike.
func (w *world) refusedAs(id, reason string) {
	w.t.Helper()
	for _, o := range callOrders {
		status, raw := w.request(o.method, "/v1/calls/"+id+"/"+o.name, o.body)
		var answer struct {
			Error struct{ Reason, Message string }
		}
		if err := json.Unmarshal(raw, &answer); err != nil || status != 409 || answer.Error.Reason != reason || answer.Error.Message == "" {
			w.t.Errorf("%s %s answers %d %s, want 409 %s", o.method, o.name, status, raw, reason)
		}
	}
}

// TestCallControl orders a live call about through the API while it rings, while
// it is up and when it is over, and holds each order against what the party
// hears.
func TestCallControl(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "")
	answer := make(chan struct{})
	party := w.next(func(c *phone.Call) {
		_ = c.Ring()
		<-answer
		w.pickUp(c)
	})
	id := w.placed(map[string]any{"actions": []map[string]any{{"type": "sleep", "option": map[string]any{"duration": 120000}}}}).ID
	w.hook("call_ringing", id)
	w.refusedAs(id, "CALL_STATE_INVALID")
	close(answer)
	p := receiveOr(t, "the party is called", party)
	w.hook("call_progressing", id)

	post := func(path, body string) { t.Helper(); w.api("POST", "/v1/calls/"+id+"/"+path, body, nil) }
	drop := func(path string) { t.Helper(); w.api("DELETE", "/v1/calls/"+id+"/"+path, nil, nil) }
	quiet := func(what string) { t.Helper(); w.silent(p, what) }
	quiet("before")
	post("moh", "")
	receiveOr(t, "moh is heard", w.loud(p))
	drop("moh")
	quiet("after moh")
	post("hold", "")
	receiveOr(t, "hold is heard as music", w.loud(p))
	post("talk", `{"text": "This is said over the music on hold, and it is long enough to be heard."}`)
	post("mute", `{"direction": "out"}`)
	quiet("muted out, on hold")
	drop("mute")
	receiveOr(t, "the music goes on", w.loud(p))
	drop("hold")
	post("talk", `{"text": "One two three four five six seven eight nine ten."}`)
	receiveOr(t, "talk is heard", w.loud(p))
	post("digits_send", `{"digits": "42#", "duration": 80}`)
	for _, want := range []byte("42#") {
		if key := receiveOr(t, "a key arrives", p.Keys()); key != want {
			t.Errorf("key %c, want %c", key, want)
		}
	}
	status, raw := w.request("POST", "/v1/calls/"+id+"/transfer", callOrders[len(callOrders)-1].body)
	if status != 409 {
		t.Errorf("transfer of a call that talks to nobody: %d %s", status, raw)
	}
	p.Hangup()
	w.hungup(id)
	w.refusedAs(id, "CALL_ALREADY_HANGUP")
}

// loud is closed when a phone has heard a fifth of a second of something loud
// from now on.
func (w *world) loud(c *phone.Call) <-chan struct{} {
	e := newEar()
	c.Port().Attach(e, 8000)
	return e.hears(10)
}

// silent waits until a phone has heard nothing for three tenths of a second.
func (w *world) silent(c *phone.Call, what string) {
	w.t.Helper()
	e := &hush{still: make(chan struct{})}
	detach := c.Port().Attach(e, 8000)
	defer detach()
	receiveOr(w.t, what+": silence", e.still)
}

// hush waits for fifteen quiet frames. It implements media.Sink.
type hush struct {
	frames int
	still  chan struct{}
}

// WriteFrame implements media.Sink.
func (h *hush) WriteFrame(said, _ []int16) {
	if h.frames == 15 { // told, and not detached yet
		return
	}
	for _, v := range said {
		if v > 300 || v < -300 {
			h.frames = 0
			return
		}
	}
	if h.frames++; h.frames == 15 {
		close(h.still)
	}
}

// TestSeedWarmTransferNewer is the scenario's form of the newer page: POST
// /transfers, completed by hanging up.
func TestSeedWarmTransferNewer(t *testing.T) {
	t.Parallel()
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: connect, option: {destinations: [{type: tel, target: "+15552222222"}]}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`)
	agentA, agentB := w.next(w.pickUp), w.next(w.pickUp)
	caller := w.dial("+15550000000")
	a := receiveOr(t, "agent A is called", agentA)
	receiveOr(t, "A hears the caller", talk(caller, a))
	callOfA := w.outgoing()
	var transfer resource.Transfer
	w.api("POST", "/v1/transfers", `{
"transfer_type": "attended",
"transferer_call_id": "`+callOfA+`",
"transferee_addresses": [
{
"type": "tel",
"target": "+15553333333"
}
]
}`, &transfer)
	if transfer.Type != "attended" || transfer.TransfererCallID != callOfA || transfer.TransfereeCallID == "" || len(transfer.TransfereeAddresses) != 1 {
		t.Fatalf("transfer %+v", transfer)
	}
	b := receiveOr(t, "agent B is called", agentB)
	receiveOr(t, "the caller hears music", w.loud(caller))
	receiveOr(t, "B hears A", talk(a, b))
	a.Hangup()
	w.hook("transfer_completed", transfer.ID)
	receiveOr(t, "the caller hears B", talk(b, caller))
	w.api("GET", "/v1/transfers/"+transfer.ID, nil, &transfer)
	if transfer.Status != "completed" {
		t.Errorf("transfer %+v", transfer)
	}
	b.Hangup()
	receiveOr(t, "the caller's call ends", caller.Done())
}
