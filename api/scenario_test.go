package api

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"offhook/resource"
)

// TestScenarioBodies sends the bodies of the documented call scenarios as they
// are printed.
func TestScenarioBodies(t *testing.T) {
	b := newBench(t)
	files, err := filepath.Glob("../testdata/flows/*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b := b.in(t)
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var body map[string]json.RawMessage
			if err := json.Unmarshal(raw, &body); err != nil {
				t.Fatal(err)
			}
			if _, isCall := body["destinations"]; isCall {
				b.post("/v1/calls", string(raw)).ok()
				return
			}
			b.post("/v1/flows", string(raw)).ok()
		})
	}
}

func TestScenarioCampaign(t *testing.T) {
	b := newBench(t)
	flow, err := os.ReadFile("../testdata/flows/campaign-amd.json")
	if err != nil {
		t.Fatal(err)
	}
	id := b.post("/v1/flows", string(flow)).ok().text("id")
	b.put("/v1/flows/"+id, `{"name":"reminder"}`).ok()
	b.post("/v1/flows", `{"id":"campaign-flow-uuid","on_complete_flow_id":"`+id+`"}`).ok()
	b.post("/v1/outplans", `{"id":"outplan-uuid","name":"plan"}`).ok()
	b.post("/v1/campaigns", `{
		"name": "Customer Reminder Campaign",
		"outplan_id": "outplan-uuid",
		"flow_id": "campaign-flow-uuid",
		"dial_timeout": 30000,
		"max_concurrent_calls": 10,
		"schedule": {
			"timezone": "America/New_York",
			"start_time": "09:00",
			"end_time": "17:00",
			"days": ["mon", "tue", "wed", "thu", "fri"]
		}
	}`).ok().has(`{"status":"stop","service_level":100}`)
}

func TestScenarioConferenceAndTransfers(t *testing.T) {
	b := newBench(t)
	b.post("/v1/conferences", `{"name": "Weekly Team Sync", "customer_id": "customer-uuid"}`).ok().
		has(`{"name":"Weekly Team Sync","status":"active","participant_count":0}`)
	b.live.place(AdminCustomerID, "call-uuid-of-agent-a", resource.StatusProgressing, resource.DirectionIncoming)
	b.post("/v1/transfers", `{
		"transfer_type": "attended",
		"transferer_call_id": "call-uuid-of-agent-a",
		"transferee_addresses": [{"type": "tel", "target": "+15553333333"}]
	}`).ok().has(`{"type":"attended","transferer_call_id":"call-uuid-of-agent-a"}`)
	b.do(http.MethodPost, "/v1/calls/call-uuid-of-agent-a/transfer", `{
		"type": "attended",
		"destination": {"type": "tel", "target": "+15553333333"},
		"context": {
			"customer_id": "cust-123",
			"issue": "billing dispute",
			"notes": "Customer called about incorrect charge on invoice #456"
		}
	}`, "Content-Type", "application/x-www-form-urlencoded").ok() // as curl -d sends it
}
