package client

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func serve(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	web := httptest.NewServer(h)
	t.Cleanup(web.Close)
	return &Client{URL: web.URL + "/", Accesskey: "key"}
}

func TestApplySendsTheFileAndReadsTheResult(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		if r.URL.Path != "/v1.0/provision" || r.Header.Get("Authorization") != "Bearer key" || string(raw) != `{"tags":[{"id":"a"}]}` {
			t.Errorf("%s %v %s", r.URL.Path, r.Header, raw)
		}
		io.WriteString(w, `{"result":[{"collection":"tags","id":"a","action":"created"}]}`)
	})
	got, err := c.Apply(t.Context(), map[string][]json.RawMessage{"tags": {json.RawMessage(`{"id":"a"}`)}})
	if err != nil || len(got) != 1 || got[0] != (Applied{"tags", "a", "created"}) {
		t.Errorf("%v %v", got, err)
	}
}

func TestErrorsAreReadable(t *testing.T) {
	for _, c := range []struct{ name, body, want string }{
		{
			"one", `{"error":{"reason":"FLOW_NOT_FOUND","message":"there is no flow \"x\"","request_id":"req_1","details":[]}}`,
			`there is no flow "x" (FLOW_NOT_FOUND, request req_1)`,
		},
		{
			"many", `{"error":{"request_id":"req_1","details":[{"path":"a","message":"wrong"},{"path":"b","message":"missing"}]}}`,
			"2 faults (request req_1):\n  a: wrong\n  b: missing",
		},
		{"not ours", "<html>hello</html>", "does not look like offhook"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, c.body)
			})
			err := client.Do(t.Context(), http.MethodGet, "/x", nil, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v", err)
			}
			var e *Error
			if errors.As(err, &e) && e.Code != http.StatusBadRequest {
				t.Errorf("code %d", e.Code)
			}
		})
	}
}

func TestNoServer(t *testing.T) {
	web := httptest.NewServer(nil)
	web.Close()
	err := (&Client{URL: web.URL, Accesskey: "secret"}).Do(t.Context(), http.MethodGet, "/x?accesskey=secret", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "is the server running") || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}
