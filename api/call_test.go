package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func TestPlacingCalls(t *testing.T) {
	b := newBench(t)
	a := b.post("/v1/calls", `{"id":"c1","customer_id":"any","source":{"type":"tel","target":"+1","name":"Acme"},
		"destinations":[{"type":"tel","target":"+2"}],"early_execution":true,"anonymous":"auto","variables":{"k":"v"},
		"actions":[{"type":"talk","option":{"text":"hi"}}]}`).ok()
	if calls := a.body["calls"].([]any); len(calls) != 1 || calls[0].(map[string]any)["id"] != "c1" || a.body["groupcalls"] == nil {
		t.Fatalf("answer %s", a.raw)
	}
	got := b.live.dialled[0]
	if got.CustomerID != AdminCustomerID || !got.EarlyExecution || got.Variables["k"] != "v" || len(got.Actions) != 1 || got.Source.Name != "Acme" {
		t.Errorf("dialled %+v", got)
	}
	b.post("/v1/calls", `{"id":"c1","destinations":[{"type":"tel","target":"+2"}]}`).refused(409, "ALREADY_EXISTS")
	b.get("/v1.0/calls/c1").ok().has(`{"status":"dialing"}`)
	b.post("/v1.0/calls", `{"destinations":[]}`).refused(400, "MISSING_FIELD")
	b.post("/v1.0/calls", `{"id":"x","source":{"target":"+1"},"destinations":[{"type":"tel"},{"type":"carrier","target":"x"}],"anonymous":"maybe"}`).refused(400, "INVALID_ARGUMENT").
		fault("destinations[1].type", "INVALID_VALUE").fault("anonymous", "INVALID_VALUE")
	b.post("/v1.0/calls", `{"id":"x","source":{"target":"+1"},"destinations":[{"type":"tel"},{"target":"x"}],"flow_id":"none"}`).refused(400, "INVALID_ARGUMENT").
		fault("id", "INVALID_ID").fault("source.type", "MISSING_FIELD").fault("destinations[0].target", "MISSING_FIELD").
		fault("destinations[1].type", "MISSING_FIELD").fault("flow_id", "FLOW_NOT_FOUND")
}

func TestWhoMayBeCalledAndShown(t *testing.T) {
	b := newBench(t, func(c *Config) { c.RequireOwnedSource = true })
	b.post("/v1.0/numbers", `{"number":"+1555*"}`).ok()
	to := `"destinations":[{"type":"sip","target":"sip:a@127.0.0.1"}]`
	b.post("/v1.0/calls", `{"source":{"type":"tel","target":"+15551"},`+to+`}`).ok()
	b.post("/v1.0/calls", `{"source":{"type":"tel","target":"+16661"},`+to+`}`).refused(400, "NUMBER_NOT_FOUND")
	one := b.customer("one")
	one.post("/v1.0/calls", `{`+to+`}`).refused(400, "SIP_TARGET_NOT_ALLOWED")
	b.put("/v1.0/customers/one", `{"allow_sip_targets":true}`).ok()
	one.post("/v1.0/calls", `{`+to+`}`).ok()
}

func TestCallControl(t *testing.T) {
	b := newBench(t)
	f := b.live.place(AdminCustomerID, "c", resource.StatusProgressing, resource.DirectionIncoming)
	for _, c := range []struct{ method, path, body, did string }{
		{"POST", "mute", "", "mute:both"},
		{"POST", "mute", `{"direction":"in"}`, "mute:in"},
		{"DELETE", "mute", "", "mute:"},
		{"POST", "mute", `{"direction":"both"}`, "mute:both"},
		{"DELETE", "mute", `{"direction":"in"}`, "mute:out"},
		{"DELETE", "mute", `{"direction":"in"}`, "mute:out"},
		{"DELETE", "mute", `{"direction":"both"}`, "mute:"},
		{"POST", "moh", "", "music:default"},
		{"DELETE", "moh", "", "music:off"},
		{"POST", "talk", `{"text":"hello"}`, "play:hello"},
		{"POST", "play", `{"stream_urls":["http://127.0.0.1/a.wav"]}`, "play:http://127.0.0.1/a.wav"},
		{"POST", "recording_start", `{"format":"mp3","direction":"in"}`, "record:mp3:in"},
		{"POST", "recording_start", ``, "record:wav:both"},
		{"POST", "recording_stop", "", "record:off"},
	} {
		f.done = nil
		b.do(c.method, "/v1.0/calls/c/"+c.path, c.body).ok().has(`{"id":"c","status":"progressing"}`)
		if f.did() != c.did {
			t.Errorf("%s %s did %q, want %q", c.method, c.path, f.did(), c.did)
		}
	}
	b.post("/v1.0/calls/c/hold", "").ok().has(`{"hold":true}`)
	b.delete("/v1.0/calls/c/hold").ok().has(`{"hold":false}`)
	f.done = nil
	b.post("/v1.0/calls/c/digits_send", `{"digits":"12#","duration":100}`).ok()
	b.server.tasks.Wait()
	if f.did() != "digits:12#" {
		t.Errorf("did %q", f.did())
	}
	for path, body := range map[string]string{"digits_send": `{"digits":"x"}`, "talk": `{}`, "play": `{"stream_urls":[]}`, "mute": `{"direction":"up"}`} {
		if a := b.post("/v1.0/calls/c/"+path, body); a.status != 400 {
			t.Errorf("%s %s answered %d", path, body, a.status)
		}
	}
}

func TestCallControlNeedsTheRightState(t *testing.T) {
	b := newBench(t)
	b.live.place(AdminCustomerID, "ringing", resource.StatusRinging, resource.DirectionOutgoing)
	incoming := b.live.place(AdminCustomerID, "incoming", resource.StatusRinging, resource.DirectionIncoming)
	b.live.place(AdminCustomerID, "over", resource.StatusProgressing, resource.DirectionIncoming).Hangup("busy")
	for _, c := range []struct{ method, path, body string }{
		{"POST", "hold", ""},
		{"DELETE", "hold", ""},
		{"POST", "mute", ""},
		{"DELETE", "mute", ""},
		{"POST", "moh", ""},
		{"DELETE", "moh", ""},
		{"POST", "talk", `{"text":"x"}`},
		{"POST", "play", `{"stream_urls":["a.wav"]}`},
		{"POST", "digits_send", `{"digits":"1"}`},
		{"POST", "recording_start", ""},
		{"POST", "transfer", `{"destination":{"type":"tel","target":"+1"}}`},
	} {
		b.do(c.method, "/v1.0/calls/none/"+c.path, c.body).refused(404, "CALL_NOT_FOUND")
		b.do(c.method, "/v1.0/calls/over/"+c.path, c.body).refused(409, "CALL_ALREADY_HANGUP")
		b.do(c.method, "/v1.0/calls/ringing/"+c.path, c.body).refused(409, "CALL_STATE_INVALID")
	}
	b.post("/v1.0/calls/over/hangup", "").ok().has(`{"status":"hangup","hangup_reason":"busy"}`)
	b.post("/v1.0/calls/over/recording_stop", "").ok().has(`{"status":"hangup","hangup_reason":"busy"}`)
	b.post("/v1.0/calls/ringing/recording_stop", "").ok().has(`{"status":"ringing"}`)
	b.post("/v1.0/calls/none/recording_stop", "").refused(404, "CALL_NOT_FOUND")
	b.post("/v1.0/calls/incoming/talk", `{"text":"x"}`).ok().has(`{"status":"progressing"}`) // answered first
	if incoming.Snapshot().Status != resource.StatusProgressing {
		t.Error("talk did not answer")
	}
	b.post("/v1.0/calls/ringing/hangup", "").ok().has(`{"status":"hangup"}`)
}

func TestCallListAndDelete(t *testing.T) {
	b := newBench(t)
	b.live.place(AdminCustomerID, "live", resource.StatusProgressing, resource.DirectionIncoming)
	if a := b.get("/v1.0/calls/live").ok(); a.body["media"].(map[string]any)["codec"] != "PCMU" {
		t.Errorf("no media: %s", a.raw)
	}
	if ids, _ := b.get("/v1.0/calls").list(); len(ids) != 1 {
		t.Errorf("calls %v", ids)
	}
	b.delete("/v1.0/calls/live").ok().has(`{"status":"hangup"}`)
	b.get("/v1.0/calls/live").refused(404, "CALL_NOT_FOUND")
}

func TestGroupcalls(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/groupcalls", `{"id":"g","destinations":[{"type":"extension","target":"1001"},{"type":"extension","target":"1002"}],"ring_method":"linear"}`).ok().
		has(`{"id":"g","ring_method":"linear","answer_method":"hangup_others"}`)
	b.post("/v1.0/groupcalls", `{"id":"g","destinations":[{"type":"extension","target":"1001"}]}`).refused(409, "ALREADY_EXISTS")
	b.post("/v1.0/groupcalls/g/hangup", "").ok()
	b.get("/v1.0/groupcalls/g").ok().has(`{"call_ids":[]}`)
	b.delete("/v1.0/groupcalls/g").ok()
	if len(b.live.stopped) != 1 {
		t.Errorf("stopped %v", b.live.stopped)
	}
}

func TestTransfersInBothForms(t *testing.T) {
	b := newBench(t)
	b.live.place(AdminCustomerID, "agent-a", resource.StatusProgressing, resource.DirectionOutgoing)
	newer := b.post("/v1/transfers", `{"transfer_type":"attended","transferer_call_id":"agent-a","transferee_addresses":[{"type":"tel","target":"+15553333333"}]}`).ok().
		has(`{"type":"attended","transferer_call_id":"agent-a","transferee_call_id":"consult"}`)
	b.post("/v1/transfers/"+newer.text("id")+"/cancel", "").ok().has(`{"status":"canceled"}`)
	older := b.post("/v1/calls/agent-a/transfer", `{"type":"attended","destination":{"type":"tel","target":"+15553333333"},
		"context":{"customer_id":"cust-123","issue":"billing dispute"}}`).ok().has(`{"consult_call_id":"consult","status":"consulting"}`)
	if len(older.body) != 3 {
		t.Errorf("answer %s", older.raw)
	}
	if got := b.live.transfer[1].Context["customer_id"]; got != "cust-123" {
		t.Errorf("context %v", b.live.transfer[1])
	}
	b.post("/v1/transfers/"+older.text("transfer_id")+"/complete", "").ok().has(`{"status":"completed"}`)
	b.get("/v1/transfers/" + older.text("transfer_id")).ok().has(`{"status":"completed"}`)
	b.post("/v1/transfers/"+older.text("transfer_id")+"/complete", "").ok().has(`{"status":"completed"}`) // as hangup is, idempotent
	b.post("/v1/transfers/"+newer.text("id")+"/cancel", "").ok().has(`{"status":"canceled"}`)
	b.post("/v1/transfers/"+newer.text("id")+"/complete", "").refused(409, "STATE_INVALID")
	b.post("/v1/transfers/none/complete", "").refused(404, "TRANSFER_NOT_FOUND")
	b.post("/v1/transfers", `{"transfer_type":"warm","transferee_addresses":[]}`).refused(400, "INVALID_VALUE")
	b.post("/v1/transfers", `{"transfer_type":"blind","transferee_addresses":[]}`).refused(400, "INVALID_ARGUMENT").
		fault("transferer_call_id", "MISSING_FIELD").fault("transferee_addresses", "MISSING_FIELD")
}

func TestRefusalsOfTheLiveSide(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Live = full{c.Live} })
	b.post("/v1.0/calls", `{"destinations":[{"type":"tel","target":"+1"}]}`).refused(http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE")
}

// full takes no calls.
type full struct{ Live }

func (full) Dial(context.Context, CallRequest) ([]resource.Call, []resource.Groupcall, error) {
	return nil, nil, Refuse("UNAVAILABLE", "SERVICE_UNAVAILABLE", store.ErrClosed)
}

func TestWithoutLiveParts(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Live = nil })
	b.post("/v1.0/calls", `{"destinations":[{"type":"tel","target":"+1"}]}`).refused(503, "NOT_CONFIGURED")
	err := b.db.Write(t.Context(), func(tx *store.Tx) error {
		return rows.Calls.Insert(tx, &resource.Call{Identity: resource.Identity{ID: "old", CustomerID: AdminCustomerID}, Status: "hangup"})
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := b.get("/v1.0/calls/old").ok(); !strings.Contains(string(a.raw), `"recording_ids":[]`) {
		t.Errorf("null lists: %s", a.raw)
	}
	b.delete("/v1.0/calls/old").ok()
}
