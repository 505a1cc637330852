package api

import (
	"net/http"
	"strings"
	"testing"
)

func TestErrorsHaveOneEnvelope(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/tags", `{"id":"taken","name":"x"}`).ok()
	for _, c := range []struct {
		name, method, path, body string
		status                   int
		reason                   string
	}{
		{"unknown route", "GET", "/v1.0/nothing", "", 404, "ROUTE_NOT_FOUND"},
		{"unknown root", "GET", "/nothing", "", 404, "ROUTE_NOT_FOUND"},
		{"method", "PATCH", "/v1.0/flows", "", 405, "METHOD_NOT_ALLOWED"},
		{"unknown object", "GET", "/v1.0/flows/none", "", 404, "FLOW_NOT_FOUND"},
		{"delete unknown", "DELETE", "/v1.0/routes/none", "", 404, "ROUTE_NOT_FOUND"},
		{"put unknown", "PUT", "/v1.0/numbers/none", "{}", 404, "NUMBER_NOT_FOUND"},
		{"not JSON", "POST", "/v1.0/flows", "{\n  \"name\": x}", 400, "INVALID_JSON_BODY"},
		{"cut off", "POST", "/v1.0/flows", `{"name": "x"`, 400, "INVALID_JSON_BODY"},
		{"two values", "POST", "/v1.0/flows", `{} {}`, 400, "INVALID_JSON_BODY"},
		{"a list", "POST", "/v1.0/flows", `[]`, 400, "INVALID_JSON_BODY"},
		{"null", "POST", "/v1.0/flows", `null`, 400, "INVALID_JSON_BODY"},
		{"unknown field", "POST", "/v1.0/flows", `{"nam": "x"}`, 400, "UNKNOWN_FIELD"},
		{"other case", "POST", "/v1.0/tags", `{"NAME": "x", "name":"y"}`, 400, "UNKNOWN_FIELD"},
		{"wrong type", "POST", "/v1.0/tags", `{"name": 7}`, 400, "WRONG_TYPE"},
		{"missing", "POST", "/v1.0/tags", `{}`, 400, "MISSING_FIELD"},
		{"read-only", "POST", "/v1.0/extensions", `{"extension":"1","password":"p","domain_name":"x"}`, 400, "READ_ONLY"},
		{"bad id", "POST", "/v1.0/tags", `{"id":"a b","name":"x"}`, 400, "INVALID_ID"},
		{"long id", "POST", "/v1.0/tags", `{"id":"` + strings.Repeat("x", 65) + `","name":"x"}`, 400, "INVALID_ID"},
		{"taken id", "POST", "/v1.0/tags", `{"id":"taken","name":"x"}`, 409, "ALREADY_EXISTS"},
		{"page size", "GET", "/v1.0/tags?page_size=101", "", 400, "INVALID_REQUEST_PARAMETER"},
		{"page token", "GET", "/v1.0/tags?page_token=nonsense", "", 400, "INVALID_REQUEST_PARAMETER"},
		{"too large", "POST", "/v1.0/tags", `{"name":"` + strings.Repeat("x", maxBody) + `"}`, 413, "BODY_TOO_LARGE"},
		{"not configured", "GET", "/v1.0/ws", "", 503, "NOT_CONFIGURED"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.in(t).do(c.method, c.path, c.body).refused(c.status, c.reason)
		})
	}
	if allow := b.do("PATCH", "/v1.0/flows", "").header.Get("Allow"); !strings.Contains(allow, "POST") {
		t.Errorf("Allow is %q", allow)
	}
}

func TestEveryFaultAtOnce(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/trunks", `{"nam":"x","auth_types":["ip"],"allowed_ips":7}`).refused(400, "INVALID_ARGUMENT").
		fault("nam", "UNKNOWN_FIELD").fault("allowed_ips", "WRONG_TYPE")
	b.post("/v1.0/trunks", `{"auth_types":["ip","basic","magic"],"allowed_ips":["127.0.0.1","nonsense"]}`).refused(400, "INVALID_ARGUMENT").
		fault("auth_types[2]", "INVALID_VALUE").fault("allowed_ips[1]", "INVALID_VALUE").fault("username", "MISSING_FIELD").fault("password", "MISSING_FIELD")
	a := b.post("/v1.0/extensions", `{"extention":"1001"}`).refused(400, "INVALID_ARGUMENT").
		fault("extention", "UNKNOWN_FIELD").fault("extension", "MISSING_FIELD").fault("password", "MISSING_FIELD")
	if !strings.Contains(string(a.raw), `did you mean \"extension\"`) {
		t.Errorf("no hint: %s", a.raw)
	}
}

func TestRequestIDIsEchoed(t *testing.T) {
	b := newBench(t)
	a := b.do("GET", "/v1.0/nothing", "", "X-Request-Id", "abc-1")
	if a.envelope().RequestID != "abc-1" || a.header.Get("X-Request-Id") != "abc-1" {
		t.Errorf("not echoed: %v %s", a.header, a.raw)
	}
	if id := b.do("GET", "/ping", "", "X-Request-Id", "bad id\t").header.Get("X-Request-Id"); !strings.HasPrefix(id, "req_") {
		t.Errorf("id %q", id)
	}
}

func TestPanicIsAnswered(t *testing.T) {
	b := newBench(t, func(c *Config) { c.Changed = func(string, string, any) { panic("bug") } })
	b.post("/v1.0/tags", `{"name":"x"}`).refused(500, "INTERNAL")
	b.get("/v1.0/tags").ok()
}

func TestAuthentication(t *testing.T) {
	b := newBench(t)
	b.as("").get("/ping").ok()
	b.as("").get("/v1.0/ping").ok()
	b.as("").get("/openapi.json").ok()
	b.as("").get("/v1.0/flows").refused(401, "AUTHENTICATION_REQUIRED")
	b.as("wrong").get("/v1.0/flows").refused(401, "INVALID_CREDENTIALS")
	b.as("").get("/v1.0/flows?accesskey=" + adminKey).ok()
	b.as("").get("/v1/flows?token=" + adminKey).ok()
	b.get("/v1/flows").ok()
	first := b.post("/v1.0/accesskeys", `{"name":"web"}`).ok()
	token := first.text("token")
	b.as(token).get("/v1.0/customers").ok() // the administrator's further keys are the administrator's
	shown := b.get("/v1.0/accesskeys/" + first.text("id")).ok()
	if strings.Contains(string(shown.raw), token) || shown.body["token_hash"] != nil {
		t.Errorf("token shown again: %s", shown.raw)
	}
	b.delete("/v1.0/accesskeys/" + first.text("id")).ok()
	b.as(token).get("/v1.0/flows").refused(401, "INVALID_CREDENTIALS")
}

func TestWrongKeysAreSlowedDown(t *testing.T) {
	b := newBench(t)
	b.get("/v1.0/tags").ok()
	other := b.customer("other")
	for range guardBurst {
		b.as("guess").get("/v1.0/tags").refused(401, "INVALID_CREDENTIALS")
	}
	b.as("guess").get("/v1.0/tags").refused(401, "INVALID_CREDENTIALS")
	a := b.as("guess").get("/v1.0/tags").refused(429, "RATE_LIMIT_EXCEEDED")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	b.get("/v1.0/tags").ok()                                    // a key that was right before
	other.get("/v1.0/tags").refused(429, "RATE_LIMIT_EXCEEDED") // a right key, but not yet known
}

func TestIsolation(t *testing.T) {
	b := newBench(t)
	one, two := b.customer("one"), b.customer("two")
	one.post("/v1.0/flows", `{"id":"f","name":"mine","customer_id":"two"}`).ok().has(`{"customer_id":"one"}`)
	two.get("/v1.0/flows/f").refused(404, "FLOW_NOT_FOUND")
	two.put("/v1.0/flows/f", `{"name":"x"}`).refused(404, "FLOW_NOT_FOUND")
	two.delete("/v1.0/flows/f").refused(404, "FLOW_NOT_FOUND")
	two.post("/v1.0/numbers", `{"number":"+1555","call_flow_id":"f"}`).refused(400, "FLOW_NOT_FOUND")
	two.post("/v1.0/flows", `{"id":"f","name":"also mine"}`).ok()
	if ids, _ := two.get("/v1.0/flows").list(); len(ids) != 1 {
		t.Errorf("two sees %v", ids)
	}
	one.live.place("one", "call", "progressing", "incoming")
	two.get("/v1.0/calls/call").refused(404, "CALL_NOT_FOUND")
	two.post("/v1.0/calls/call/hangup", "").refused(404, "CALL_NOT_FOUND")
	two.post("/v1.0/calls/call/hold", "").refused(404, "CALL_NOT_FOUND")
	one.post("/v1.0/numbers", `{"number":"+1555"}`).ok()
	two.post("/v1.0/numbers", `{"number":"+1555"}`).refused(400, "ALREADY_EXISTS")
}

func TestCustomersAreTheAdministrators(t *testing.T) {
	b := newBench(t)
	one := b.customer("one")
	for _, r := range []struct{ method, path string }{{"GET", "/v1.0/customers"}, {"GET", "/v1.0/customers/one"}, {"POST", "/v1.0/customers"}, {"DELETE", "/v1.0/customers/one"}} {
		one.do(r.method, r.path, "{}").refused(404, "RESOURCE_NOT_FOUND")
	}
	own := one.get("/v1.0/customer").ok().has(`{"id":"one"}`)
	secret := own.text("webhook_secret")
	if !strings.HasPrefix(secret, "whsec_") {
		t.Errorf("secret %q", secret)
	}
	one.put("/v1.0/customer", `{"webhook_uri":"http://127.0.0.1:1/hook"}`).ok().has(`{"webhook_uri":"http://127.0.0.1:1/hook","webhook_secret":"` + secret + `"}`)
	if s := one.put("/v1.0/customer", `{"rotate_webhook_secret":true}`).ok().text("webhook_secret"); s == secret {
		t.Error("not rotated")
	}
	one.put("/v1.0/customer", `{"webhook_uri":"ftp://x"}`).refused(400, "INVALID_VALUE")
	b.put("/v1.0/customers/one", `{"status":"frozen"}`).ok()
	one.get("/v1.0/tags").refused(403, "ACCOUNT_FROZEN")
	b.put("/v1.0/customers/one", `{"status":"active"}`).ok()
	one.get("/v1.0/tags").ok()
	b.customer("newer")
	first, next := b.get("/v1.0/customers?page_size=1").list()
	rest, end := b.get("/v1.0/customers?page_token=" + next).list()
	if got := strings.Join(append(first, rest...), " "); got != "newer one "+AdminCustomerID || end != "" {
		t.Errorf("customers %s, then %q", got, end)
	}
	b.delete("/v1.0/customers/"+AdminCustomerID).refused(409, "STATE_INVALID")
	b.delete("/v1.0/customers/one").ok()
	one.get("/v1.0/tags").refused(http.StatusUnauthorized, "INVALID_CREDENTIALS")
}
