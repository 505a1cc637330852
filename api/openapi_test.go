package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// document is the part of OpenAPI 3.1 that the test looks at.
type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Summary     string
		Parameters  []struct {
			Name, In string
			Required bool
		}
		RequestBody *struct{ Content map[string]any }
		Responses   map[string]struct{ Description string }
	}
	Components struct{ Schemas map[string]any }
}

func TestDocumentIsSound(t *testing.T) {
	b := newBench(t)
	raw := b.get("/openapi.json").ok().raw
	var d document
	if err := json.Unmarshal(raw, &d); err != nil || !strings.HasPrefix(d.OpenAPI, "3.1") {
		t.Fatalf("%s: %v", d.OpenAPI, err)
	}
	for _, m := range regexp.MustCompile(`"\$ref":"([^"]+)"`).FindAllStringSubmatch(string(raw), -1) {
		if name, ok := strings.CutPrefix(m[1], "#/components/schemas/"); !ok || d.Components.Schemas[name] == nil {
			t.Errorf("%s leads nowhere", m[1])
		}
	}
	ids := map[string]bool{}
	operations := 0
	for path, methods := range d.Paths {
		for method, op := range methods {
			operations++
			where := method + " " + path
			if op.OperationID == "" || ids[op.OperationID] || op.Summary == "" || op.Responses["200"].Description == "" || op.Responses["default"].Description == "" {
				t.Errorf("%s: incomplete or a second %q", where, op.OperationID)
			}
			ids[op.OperationID] = true
			declared := map[string]bool{}
			for _, p := range op.Parameters {
				declared[p.Name] = p.In == "path" && p.Required
			}
			for _, m := range pathParameter.FindAllStringSubmatch(path, -1) {
				if !declared[m[1]] {
					t.Errorf("%s: %s is not declared", where, m[1])
				}
			}
		}
	}
	if operations < 130 {
		t.Errorf("only %d operations", operations)
	}
	if verbs, _ := d.Components.Schemas["Action"].(map[string]any)["oneOf"].([]any); len(verbs) < 30 {
		t.Errorf("only %d verbs are described", len(verbs))
	}
	if !strings.Contains(string(raw), `"readOnly":true`) || !strings.Contains(string(raw), `"writeOnly":true`) {
		t.Error("nothing is marked")
	}
}

// TestEveryOperationIsServed sends an empty request to everything that is
// documented: all of it answers in the API's own form, and none fails.
func TestEveryOperationIsServed(t *testing.T) {
	b := newBench(t)
	var d document
	if err := json.Unmarshal(b.get("/openapi.json").ok().raw, &d); err != nil {
		t.Fatal(err)
	}
	one := b.customer("one")
	for path, methods := range d.Paths {
		for method := range methods {
			url := "/v1.0" + pathParameter.ReplaceAllString(path, "none")
			method = strings.ToUpper(method)
			a := one.do(method, url, "")
			switch {
			case a.status == http.StatusOK && method != http.MethodGet && strings.Contains(path, "{"):
				t.Errorf("%s %s acts on nothing: %s", method, url, a.raw)
			case a.status != http.StatusOK:
				if e := a.envelope(); a.status == 500 || e.Reason == "ROUTE_NOT_FOUND" && !strings.HasPrefix(path, "/routes") || e.Reason == "METHOD_NOT_ALLOWED" {
					t.Errorf("%s %s answered %d %s", method, url, a.status, e.Reason)
				}
			}
		}
	}
	for _, path := range []string{"/v1.0/ws", "/metrics"} {
		if a := b.get(path); a.status == 200 {
			t.Errorf("%s answered without a source: %s", path, fmt.Sprint(a.status))
		}
	}
}
