package api

import (
	"strings"
	"testing"
)

func TestFlowsAreCheckedWhenSaved(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/flows", `{"nam":"x","actions":[
		{"type":"tlak","option":{"text":"a"}},
		{"type":"talk","option":{"txt":"a"}},
		{"type":"goto","option":{"loop_count":1,"target_id":"nowhere"},"tm_execute":null},
		{"type":"talk","option":{"text":7}}]}`).refused(400, "INVALID_ARGUMENT").
		fault("nam", "UNKNOWN_FIELD").
		fault("actions[0].type", "INVALID_ACTION_TYPE").
		fault("actions[1].option.txt", "UNKNOWN_FIELD").
		fault("actions[1].option.text", "MISSING_FIELD").
		fault("actions[2].tm_execute", "UNKNOWN_FIELD").
		fault("actions[2].option.target_id", "UNKNOWN_TARGET").
		fault("actions[3].option.text", "WRONG_TYPE")
	b.post("/v1.0/calls", `{"destinations":[{"type":"tel","target":"+1"}],"actions":[{"type":"tlak"}]}`).refused(400, "INVALID_ACTION_TYPE")
}

func TestFlowLife(t *testing.T) {
	b := newBench(t)
	a := b.post("/v1/flows", `{"id":"support","name":"Support","actions":[{"type":"talk","option":{"text":"hi"}},{"id":"bye","type":"talk","option":{"text":"bye"}}]}`).ok().
		has(`{"id":"support","type":"flow","tm_delete":null}`)
	actions := a.body["actions"].([]any)
	if id := actions[0].(map[string]any)["id"]; id == nil || id == "" {
		t.Errorf("no id: %v", actions[0])
	}
	b.put("/v1/flows/support", `{"name":"Other"}`).ok().has(`{"name":"Other","detail":""}`)
	if got := b.get("/v1/flows/support").ok().body["actions"].([]any); len(got) != 2 {
		t.Errorf("PUT lost actions: %v", got)
	}
	b.put("/v1/flows/support", `{"actions":[{"type":"none"}]}`).refused(400, "INVALID_ACTION_TYPE")
	b.put("/v1/flows/support", `{"on_complete_flow_id":"none"}`).refused(400, "FLOW_NOT_FOUND")
	whole := string(b.get("/v1/flows/support").ok().raw)
	b.put("/v1/flows/support", whole).ok() // what was read may be sent back
	if d := b.delete("/v1/flows/support").ok(); d.body["tm_delete"] == nil {
		t.Errorf("no tm_delete: %s", d.raw)
	}
	b.get("/v1/flows/support").refused(404, "FLOW_NOT_FOUND")
	if got := strings.Join(b.told("support"), " "); got != "flow_created flow_updated flow_deleted" {
		t.Errorf("events %s", got)
	}
}

func TestActiveflowLife(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/activeflows", `{}`).refused(400, "MISSING_FIELD")
	b.post("/v1.0/activeflows", `{"flow_id":"none","variables":{"voipbin.x":"1"}}`).refused(400, "INVALID_ARGUMENT").
		fault("flow_id", "FLOW_NOT_FOUND").fault("variables.voipbin.x", "INVALID_VALUE")
	b.post("/v1.0/activeflows", `{"id":"run","actions":[{"type":"talk","option":{"text":"x"}}],"variables":{"a":"b"}}`).ok().has(`{"status":"running"}`)
	b.post("/v1.0/activeflows", `{"id":"run","actions":[]}`).refused(400, "MISSING_FIELD")
	b.post("/v1.0/activeflows", `{"id":"run","actions":[{"type":"talk","option":{"text":"x"}}]}`).refused(409, "ALREADY_EXISTS")
	b.post("/v1.0/activeflows/run/stop", "").ok()
	if len(b.live.stopped) != 1 {
		t.Errorf("stopped %v", b.live.stopped)
	}
	b.delete("/v1.0/activeflows/run").ok()
}
