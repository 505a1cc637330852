package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"offhook/resource"
)

func TestTargets(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/outdials", `{"id":"list","name":"l"}`).ok()
	b.post("/v1.0/outdials/list/targets", `{"id":"one","name":"Ann","destination_0":{"type":"tel","target":"+1"}}`).ok().
		has(`{"outdial_id":"list","status":"idle","destination_1":null}`)
	b.post("/v1.0/outdials/list/targets", `{"name":"Ann"}`).refused(400, "MISSING_FIELD")
	b.post("/v1.0/outdials/list/targets", `{"destination_0":{"type":"tel"}}`).refused(400, "MISSING_FIELD").fault("destination_0.target", "MISSING_FIELD")
	b.post("/v1.0/outdials/none/targets", `{}`).refused(404, "OUTDIAL_NOT_FOUND")
	b.get("/v1.0/outdials/list/targets/one").ok()
	b.post("/v1.0/outdials", `{"id":"other","name":"o"}`).ok()
	b.get("/v1.0/outdials/other/targets/one").refused(404, "OUTDIAL_TARGET_NOT_FOUND")
	b.delete("/v1.0/outdials/list/targets/one").ok()
	if ids, _ := b.get("/v1.0/outdials/list/targets").list(); len(ids) != 0 {
		t.Errorf("targets %v", ids)
	}
}

func TestImport(t *testing.T) {
	const good = `{"id":"a%d","destination_0":{"type":"tel","target":"+1"}}`
	for _, c := range []struct{ name, kind, query, body, faults string }{
		{"list", "application/json", "", `[` + fmt.Sprintf(good, 1) + `,` + fmt.Sprintf(good, 2) + `]`, ""},
		{"NDJSON", "application/x-ndjson", "", fmt.Sprintf(good, 1) + "\n\n" + fmt.Sprintf(good, 2) + "\n", ""},
		{"CSV", "text/csv", "", "\ufeffid,name,destination,destination_1\na1,Ann,+1,\na2,Bob,sip:bob@127.0.0.1,tel:+2\n", ""},
		{
			"bad list", "application/json", "", `[` + fmt.Sprintf(good, 1) + `,{"id":"a2"},7,{"nam":"x","destination_0":{"type":"tel","target":"+1"}}]`,
			"[1].destination_0 [2] [3].nam",
		},
		{"bad NDJSON", "application/x-ndjson", "", fmt.Sprintf(good, 1) + "\nnonsense\n{}\n", "[2] [3].destination_0"},
		{"bad CSV", "text/csv", "", "id,destination\na1,+1\na2\na3,+1\nb 4,+1\n", "[3] [5].id"},
		{"twice", "application/x-ndjson", "", fmt.Sprintf(good, 1) + "\n" + fmt.Sprintf(good, 1), "[2]"},
		{"skipping", "text/csv", "?skip_bad=true", "id,destination\na1,+1\nbad\na2,+1\n", "[3]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			b.post("/v1.0/outdials", `{"id":"list","name":"l"}`).ok()
			a := b.do(http.MethodPost, "/v1.0/outdials/list/targets"+c.query, c.body, "Content-Type", c.kind)
			ids, _ := b.get("/v1.0/outdials/list/targets").list()
			if c.faults == "" || c.query != "" {
				a.ok().has(`{"imported":2}`)
				if strings.Join(ids, " ") != "a2 a1" {
					t.Errorf("stored %v", ids)
				}
				return
			}
			if a.status != 400 || len(ids) != 0 {
				t.Fatalf("answered %d %s, stored %v", a.status, a.raw, ids)
			}
			var paths []string
			for _, d := range a.envelope().Details {
				paths = append(paths, d.Path)
			}
			if got := strings.Join(paths, " "); got != c.faults {
				t.Errorf("faults at %s, want %s: %s", got, c.faults, a.raw)
			}
		})
	}
}

// TestImportIsWhole adds more than one chunk, the last row of which is taken:
// nothing of it stays.
func TestImportIsWhole(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/outdials", `{"id":"list","name":"l"}`).ok()
	b.post("/v1.0/outdials/list/targets", `{"id":"taken","destination_0":{"type":"tel","target":"+1"}}`).ok()
	var lines strings.Builder
	for i := range importChunk + 10 {
		fmt.Fprintf(&lines, "{\"id\":\"n%d\",\"destination_0\":{\"type\":\"tel\",\"target\":\"+1\"}}\n", i)
	}
	many := lines.String()
	b.do(http.MethodPost, "/v1.0/outdials/list/targets", many+`{"id":"taken","destination_0":{"type":"tel","target":"+1"}}`, "Content-Type", "application/x-ndjson").
		refused(409, "ALREADY_EXISTS")
	if ids, _ := b.get("/v1.0/outdials/list/targets").list(); len(ids) != 1 {
		t.Errorf("%d rows stayed", len(ids))
	}
	b.do(http.MethodPost, "/v1.0/outdials/list/targets", many, "Content-Type", "application/x-ndjson").ok().has(fmt.Sprintf(`{"imported":%d}`, importChunk+10))
}

func TestCampaignAndOutdialKnowEachOther(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/outdials", `{"id":"list","name":"l"}`).ok()
	b.post("/v1.0/campaigns", `{"id":"c","name":"c","outdial_id":"list"}`).ok()
	b.get("/v1.0/outdials/list").ok().has(`{"campaign_id":"c"}`)
	b.post("/v1.0/campaigns", `{"name":"d","outdial_id":"list"}`).refused(400, "STATE_INVALID")
	b.put("/v1.0/campaigns/c/status", `{"status":"run"}`).refused(503, "NOT_CONFIGURED")
	b.put("/v1.0/campaigns/c/status", `{"status":"pause"}`).refused(400, "INVALID_VALUE")
	b.delete("/v1.0/campaigns/c").ok()
	b.get("/v1.0/outdials/list").ok().has(`{"campaign_id":""}`)
	b.post("/v1.0/campaigns", `{"id":"e","name":"e"}`).ok()
	b.put("/v1.0/outdials/list/campaign_id", `{"campaign_id":"e"}`).ok()
	b.get("/v1.0/campaigns/e").ok().has(`{"outdial_id":"list"}`)
	b.put("/v1.0/campaigns/e/resource_info", `{"outplan_id":"none"}`).refused(400, "OUTPLAN_NOT_FOUND")
	if ids, _ := b.get("/v1.0/campaigns/e/campaigncalls").list(); len(ids) != 0 {
		t.Errorf("campaigncalls %v", ids)
	}
}

// lastImport is what an outdial shows of its last import.
func (b *bench) lastImport(id string) (i resource.Import) {
	b.Helper()
	row := resource.Outdial{Import: &i}
	if err := json.Unmarshal(b.get("/v1.0/outdials/"+id).ok().raw, &row); err != nil {
		b.Fatal(err)
	}
	i.TMCreate, i.TMUpdate = nil, nil
	return i
}

// TestImportTellsHowFarItIs imports more lines than one step of progress, one of
// them bad.
func TestImportTellsHowFarItIs(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/outdials", `{"id":"list"}`).ok()
	if _, shown := b.get("/v1.0/outdials/list").ok().body["import"]; shown {
		t.Error("there was no import yet")
	}
	const lines = progressSteps + 10
	csv := "destination\n" + strings.Repeat("+1\n", lines-1) + "+1,+2\n"
	a := b.do(http.MethodPost, "/v1.0/outdials/list/targets?skip_bad=true", csv, "Content-Type", "text/csv", "Accept", "application/x-ndjson").ok()
	told := strings.Split(strings.TrimSpace(string(a.raw)), "\n")
	report := told[len(told)-1]
	if !strings.HasPrefix(report, fmt.Sprintf(`{"imported":%d,"known":0,"skipped":1,"faults":[{"path":"[%d]"`, lines-1, lines+1)) {
		t.Errorf("the last line is %.200s", report)
	}
	var steps []resource.Import
	statuses := map[string]bool{}
	for _, line := range told[:len(told)-1] {
		var i resource.Import
		if err := json.Unmarshal([]byte(line), &i); err != nil {
			t.Fatal(err)
		}
		if n := len(steps); n > 0 && (i.Read < steps[n-1].Read || i.Stored < steps[n-1].Stored || i.Read != i.Accepted+i.Bad || i.Stored > i.Accepted) {
			t.Errorf("%+v after %+v", i, steps[n-1])
		}
		i.TMCreate, i.TMUpdate = nil, nil
		steps, statuses[i.Status] = append(steps, i), true
	}
	last := steps[len(steps)-1]
	if len(steps) < 4 || !statuses["checking"] || !statuses["storing"] || last.Status != "done" || last.Lines != lines ||
		last.Read != lines || last.Accepted != lines-1 || last.Bad != 1 || last.Stored != lines-1 {
		t.Errorf("told %+v", steps)
	}
	if got := b.lastImport("list"); got != last {
		t.Errorf("the outdial shows %+v, told was %+v", got, last)
	}
	b.put("/v1.0/outdials/list", string(b.get("/v1.0/outdials/list").raw)).ok()
	events := b.eventsOf("outdial_import_progress")
	if len(events) != len(steps) || events[0].ResourceID != "list" || events[0].Resource != "outdial" {
		t.Errorf("%d events of %d steps", len(events), len(steps))
	}
}

// TestImportThatFails: what was stored while the rest was checked is never seen,
// and whoever follows is told so.
func TestImportThatFails(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/outdials", `{"id":"list"}`).ok()
	csv := "destination\n" + strings.Repeat("+1\n", 2*importChunk) + "+1,+2\n"
	a := b.do(http.MethodPost, "/v1.0/outdials/list/targets", csv, "Content-Type", "text/csv", "Accept", "application/x-ndjson").ok()
	lines := strings.Split(strings.TrimSpace(string(a.raw)), "\n")
	if last := lines[len(lines)-1]; !strings.HasPrefix(last, `{"error":{"status":"INVALID_ARGUMENT"`) || strings.Contains(last, `"request_id":""`) {
		t.Errorf("the last line is %s", last)
	}
	if got := b.lastImport("list"); got.Status != "failed" || got.Bad != 1 {
		t.Errorf("the outdial shows %+v", got)
	}
	if ids, _ := b.get("/v1.0/outdials/list/targets").list(); len(ids) != 0 {
		t.Errorf("%d rows stayed", len(ids))
	}
	b.delete("/v1.0/outdials/list").ok()
	b.post("/v1.0/outdials", `{"id":"list"}`).ok()
	if _, shown := b.get("/v1.0/outdials/list").ok().body["import"]; shown {
		t.Error("another outdial shows the import")
	}
	b.do(http.MethodPost, "/v1.0/donotcalls", "number\n+1\n", "Content-Type", "text/csv").ok()
	if events := b.eventsOf("donotcall_import_progress"); len(events) != 3 || events[0].ResourceID == "" {
		t.Errorf("told %v", events)
	}
}
