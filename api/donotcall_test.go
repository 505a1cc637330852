package api

import "testing"

func TestDoNotCalls(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/donotcalls", `{"id":"a","number":"+1 (555) 010-0009","detail":"asked"}`).ok().has(`{"id":"a","number":"+15550100009","detail":"asked"}`)
	b.post("/v1.0/donotcalls", `{"number":"+1-555-010-0009"}`).refused(409, "ALREADY_EXISTS")
	b.post("/v1.0/donotcalls", `{"number":" - "}`).refused(400, "MISSING_FIELD")
	if ids, _ := b.get("/v1.0/donotcalls?number=%2B15550100009").list(); len(ids) != 1 || ids[0] != "a" {
		t.Errorf("found %v", ids)
	}
	b.delete("/v1.0/donotcalls/a").ok()
	b.get("/v1.0/donotcalls/a").refused(404, "DONOTCALL_NOT_FOUND")
}

func TestCampaignRules(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/outplans", `{"id":"p","result_rules":{"busy":{"retry":true,"interval":5000},"failed":{}}}`).ok()
	b.post("/v1.0/outplans", `{"result_rules":{"normal":{"retry":true}}}`).refused(400, "INVALID_VALUE")
	b.post("/v1.0/outplans", `{"result_rules":{"busy":{"interval":-1}}}`).refused(400, "INVALID_VALUE")
	b.post("/v1.0/campaigns", `{"calling_hours":{"start_time":"08:00","end_time":"21:00"},"max_attempts_per_day":3}`).ok()
	b.post("/v1.0/campaigns", `{"calling_hours":{"start_time":"8","end_time":"21:00"}}`).refused(400, "INVALID_VALUE")
	b.post("/v1.0/campaigns", `{"calling_hours":{"start_time":"08:00","end_time":"08:00"}}`).refused(400, "INVALID_VALUE")
	b.post("/v1.0/campaigns", `{"max_attempts_per_day":-1}`).refused(400, "INVALID_VALUE")
}
