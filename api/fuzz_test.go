package api

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzBodies sends anything as a body: it is taken or refused in the API's own
// form, and nothing fails.
func FuzzBodies(f *testing.F) {
	b := newBench(f)
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"name":1}`, `{"actions":[{"type":"talk","option":{"text":"x"}}]}`, `{"actions":[null,1,{"id":7}]}`,
		`{"number":"+1*","call_flow_id":{}}`, `{"schedule":{"timezone":"UTC","days":[null]}}`, `{"tags":[{"id":"x"}],"flows":[[]]}`,
		`{"destination_0":{"type":"tel"}}`, "{\"a\":\xff}", `{"id":"` + strings.Repeat("x", 70) + `"}`, `{"wait_timeout":1e300}`, `{"skills":{"a":1.5}}`,
	} {
		for path := range uint8(6) {
			f.Add(path, seed)
		}
	}
	paths := []string{"flows", "campaigns", "calls", "agents", "provision", "queues"}
	f.Fuzz(func(t *testing.T, path uint8, body string) {
		r := httptest.NewRequest(http.MethodPost, "/v1.0/"+paths[int(path)%len(paths)], strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+adminKey)
		w := httptest.NewRecorder()
		b.server.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 400 && w.Code != 409 {
			t.Errorf("%s answered %d %s to %q", r.URL, w.Code, w.Body, body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("not JSON: %s", w.Body)
		}
	})
}
