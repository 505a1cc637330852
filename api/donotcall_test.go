package api

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"offhook/resource"
)

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

func TestImportOfNumbers(t *testing.T) {
	for _, c := range []struct{ name, kind, query, body, answer, faults, listed string }{
		{"CSV", "text/csv", "", "number,detail\n+1 555 010-0001,letter\n+15550100000,known\n+15550100002,\n", `{"imported":2,"known":1,"skipped":0}`, "", "+15550100002 +15550100001 +15550100000"},
		{"NDJSON", "application/x-ndjson", "", "{\"number\":\"+1\"}\n\n{\"number\":\"+2\"}\n{\"number\":\"(+1)\"}\n", `{"imported":2,"known":1}`, "", "+2 +1 +15550100000"},
		{"list", "application/json", "", `[{"number":"+1"}]`, `{"imported":1}`, "", "+1 +15550100000"},
		{"bad lines", "text/csv", "", "number,detail\n+1,x\n -,y\n+3\n", "", "[3].number [4]", "+15550100000"},
		{"skipped", "text/csv", "?skip_bad=true", "number,detail\n+1,x\n -,y\n+3\n", `{"imported":1,"skipped":2}`, "[3].number [4]", "+1 +15550100000"},
		{"other columns", "text/csv", "", "phone\n+1\n", "", "[2].number [2].phone", "+15550100000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.post("/v1.0/donotcalls", `{"number":"+15550100000"}`).ok()
			a := b.do(http.MethodPost, "/v1.0/donotcalls"+c.query, c.body, "Content-Type", c.kind)
			var details []Detail
			if c.answer != "" {
				a.ok().has(c.answer)
				var report struct{ Faults []Detail }
				if err := json.Unmarshal(a.raw, &report); err != nil {
					t.Fatal(err)
				}
				details = report.Faults
			} else if a.status != 400 {
				t.Fatalf("answered %d %s", a.status, a.raw)
			} else {
				details = a.envelope().Details
			}
			var paths, numbers []string
			for _, d := range details {
				paths = append(paths, d.Path)
			}
			slices.Sort(paths)
			if got := strings.Join(paths, " "); got != c.faults {
				t.Errorf("faults at %s, want %s: %s", got, c.faults, a.raw)
			}
			var page struct{ Result []resource.DoNotCall }
			if err := json.Unmarshal(b.get("/v1.0/donotcalls").raw, &page); err != nil {
				t.Fatal(err)
			}
			for _, d := range page.Result {
				numbers = append(numbers, d.Number)
			}
			if got := strings.Join(numbers, " "); got != c.listed {
				t.Errorf("listed %s, want %s", got, c.listed)
			}
		})
	}
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
