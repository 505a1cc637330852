package api

import (
	"strings"
	"testing"
	"time"

	"offhook/resource"
	"offhook/store/rows"
)

// TestPlainResources takes every plain resource through its life: created with
// a chosen id, read, listed, changed in one field, deleted.
func TestPlainResources(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/providers", `{"id":"prov","hostname":"127.0.0.1:5090"}`).ok()
	b.post("/v1.0/flows", `{"id":"flow","name":"f"}`).ok()
	for _, c := range []struct{ path, create, shows, change, changed string }{
		{"tags", `{"id":"x","name":"vip"}`, `{"name":"vip","detail":""}`, `{"detail":"d"}`, `{"name":"vip","detail":"d"}`},
		{
			"numbers", `{"id":"x","number":"+15550000000","call_flow_id":"flow"}`, `{"type":"normal","status":"active","call_flow_id":"flow"}`,
			`{"call_flow_id":""}`, `{"number":"+15550000000","call_flow_id":""}`,
		},
		{"extensions", `{"id":"x","extension":"1001","password":"secret"}`, `{"extension":"1001","username":"1001","registered":[]}`, `{"name":"Alice"}`, `{"name":"Alice","extension":"1001"}`},
		{"trunks", `{"id":"x","name":"carrier","allowed_ips":["127.0.0.1","10.0.0.0/8"]}`, `{"auth_types":["ip"]}`, `{"allowed_ips":["127.0.0.2"]}`, `{"allowed_ips":["127.0.0.2"],"name":"carrier"}`},
		{"providers", `{"id":"x","hostname":"sip.example.com:5061;transport=tls","tech_headers":{"X-A":"b"}}`, `{"type":"sip","health_status":"unknown"}`, `{"tech_prefix":"9"}`, `{"tech_prefix":"9"}`},
		{"routes", `{"id":"x","provider_id":"prov","priority":1}`, `{"target":"all"}`, `{"target":"+49"}`, `{"target":"+49","priority":1}`},
		{"flows", `{"id":"x","name":"n"}`, `{"type":"flow","actions":[]}`, `{"detail":"d"}`, `{"name":"n","detail":"d"}`},
		{"conferences", `{"id":"x","name":"Weekly Team Sync","customer_id":"customer-uuid"}`, `{"name":"Weekly Team Sync","status":"active","participant_count":0,"conferencecall_ids":[]}`, `{"pin":"12"}`, `{"pin":"12"}`},
		{"queues", `{"id":"x","name":"q"}`, `{"routing_method":"random","tag_ids":[],"total_incoming_count":0}`, `{"exit_key":"*","record":"mp3"}`, `{"exit_key":"*","record":"mp3","name":"q"}`},
		{"agents", `{"id":"x","username":"a","password":"p","addresses":[{"type":"extension","target":"1001"}]}`, `{"status":"offline","ring_method":"ringall","tag_ids":[]}`, `{"name":"A"}`, `{"name":"A","username":"a"}`},
		{"outplans", `{"id":"x","name":"o","source":{"type":"tel","target":"+1"},"max_try_count_0":3}`, `{"max_try_count_0":3,"max_try_count_1":0}`, `{"dial_timeout":5}`, `{"dial_timeout":5,"max_try_count_0":3}`},
		{"outdials", `{"id":"x","name":"o"}`, `{"campaign_id":""}`, `{"data":"d"}`, `{"data":"d"}`},
		{"campaigns", `{"id":"x","name":"c","flow_id":"flow"}`, `{"status":"stop","type":"call","end_handle":"stop","service_level":100}`, `{"max_concurrent_calls":10}`, `{"max_concurrent_calls":10,"flow_id":"flow"}`},
		{"ais", `{"id":"x","name":"ai","init_prompt":"be nice","engine_key":"secret"}`, `{"type":"normal","tool_names":[]}`, `{"init_prompt":"be brief"}`, `{"init_prompt":"be brief"}`},
	} {
		t.Run(c.path, func(t *testing.T) {
			b := b.in(t)
			one := "/v1.0/" + c.path + "/x"
			made := b.post("/v1.0/"+c.path, c.create).ok().has(`{"id":"x","customer_id":"` + AdminCustomerID + `","tm_delete":null}`).has(c.shows)
			if _, err := time.Parse(time.RFC3339Nano, made.text("tm_create")); err != nil {
				t.Error(err)
			}
			b.post("/v1.0/"+c.path, c.create).refused(409, "ALREADY_EXISTS")
			b.get(one).ok().has(c.shows)
			if ids, _ := b.get("/v1.0/" + c.path).list(); ids[0] != "x" {
				t.Errorf("list %v", ids)
			}
			b.put(one, c.change).ok().has(c.changed)
			whole := b.get(one).ok().has(c.changed)
			b.put(one, string(whole.raw)).ok().has(c.changed)
			if strings.Contains(string(whole.raw)+string(made.raw), "secret") || strings.Contains(string(whole.raw), "pbkdf2") {
				t.Errorf("a secret is shown: %s", whole.raw)
			}
			gone := b.delete(one).ok()
			if gone.body["tm_delete"] == nil {
				t.Errorf("no tm_delete: %s", gone.raw)
			}
			b.get(one).refused(404, strings.ToUpper(strings.TrimSuffix(c.path, "s"))+"_NOT_FOUND")
		})
	}
	if got := strings.Join(b.told("x"), " "); !strings.Contains(got, "agent_created agent_updated agent_deleted") || !strings.Contains(got, "outdial_created") {
		t.Errorf("events %s", got)
	}
}

func TestRulesOfResources(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/queues", `{"id":"self","name":"q"}`).ok()
	for _, c := range []struct{ path, body, at, reason string }{
		{"numbers", `{"number":"+1*5"}`, "number", "INVALID_VALUE"},
		{"numbers", `{"number":"+15","type":"magic"}`, "type", "INVALID_VALUE"},
		{"extensions", `{"extension":"a b","password":"x"}`, "extension", "INVALID_VALUE"},
		{"trunks", `{"name":"t"}`, "auth_types", "MISSING_FIELD"},
		{"providers", `{"hostname":"sip:host"}`, "hostname", "INVALID_VALUE"},
		{"providers", `{"hostname":"host;transport=ws"}`, "hostname", "INVALID_VALUE"},
		{"providers", `{"hostname":"host","register":true}`, "username", "MISSING_FIELD"},
		{"providers", `{"hostname":"host","codecs":["GSM"]}`, "codecs[0]", "INVALID_VALUE"},
		{"providers", `{"hostname":"host","tech_headers":{"X-A":"a\r\nb"}}`, "tech_headers.X-A", "INVALID_VALUE"},
		{"routes", `{"provider_id":"none"}`, "provider_id", "PROVIDER_NOT_FOUND"},
		{"conferences", `{"pin":"12a"}`, "pin", "INVALID_VALUE"},
		{"queues", `{"routing_method":"magic"}`, "routing_method", "INVALID_ROUTING_METHOD"},
		{"queues", `{"id":"me","overflow_queue_id":"me"}`, "overflow_queue_id", "INVALID_VALUE"},
		{"queues", `{"tag_ids":["none"]}`, "tag_ids[0]", "TAG_NOT_FOUND"},
		{"queues", `{"exit_key":"12"}`, "exit_key", "INVALID_VALUE"},
		{"queues", `{"wait_timeout":-1}`, "wait_timeout", "INVALID_VALUE"},
		{"agents", `{"addresses":[{"type":"queue","target":"q"}]}`, "addresses[0].type", "INVALID_VALUE"},
		{"agents", `{"ring_method":"magic"}`, "ring_method", "INVALID_VALUE"},
		{"campaigns", `{"outplan_id":"none"}`, "outplan_id", "OUTPLAN_NOT_FOUND"},
		{"campaigns", `{"schedule":{"timezone":"Mars","start_time":"09:00","end_time":"17:00"}}`, "schedule.timezone", "INVALID_VALUE"},
		{"campaigns", `{"schedule":{"timezone":"UTC","start_time":"9:00","end_time":"24:00"}}`, "schedule.end_time", "INVALID_VALUE"},
		{"campaigns", `{"schedule":{"timezone":"UTC","start_time":"09:00","end_time":"10:00","days":["monday"]}}`, "schedule.days[0]", "INVALID_VALUE"},
		{"ais", `{"tools":[{"name":"t"}]}`, "tools[0]", "INVALID_VALUE"},
		{"ais", `{"tools":[{"name":"t","action":"transfer","destination":"nowhere"}]}`, "tools[0].destination", "INVALID_VALUE"},
	} {
		a := b.post("/v1.0/"+c.path, c.body)
		if a.status != 400 {
			t.Errorf("%s %s answered %d %s", c.path, c.body, a.status, a.raw)
			continue
		}
		a.fault(c.at, c.reason)
	}
}

func TestPartsAreChangedAlone(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/tags", `{"id":"vip","name":"vip"}`).ok()
	b.post("/v1.0/flows", `{"id":"f","name":"f"}`).ok()
	b.post("/v1.0/numbers", `{"id":"n","number":"1"}`).ok()
	b.put("/v1.0/numbers/n/flow_ids", `{"call_flow_id":"f"}`).ok().has(`{"call_flow_id":"f","number":"1"}`)
	b.put("/v1.0/numbers/n/flow_ids", `{"number":"2"}`).refused(400, "UNKNOWN_FIELD")
	b.post("/v1.0/queues", `{"id":"q","name":"q"}`).ok()
	b.put("/v1.0/queues/q/tag_ids", `{"tag_ids":["vip"]}`).ok().has(`{"tag_ids":["vip"],"name":"q"}`)
	b.put("/v1.0/queues/q/routing_method", `{"routing_method":"longest_idle"}`).ok().has(`{"routing_method":"longest_idle"}`)
	b.get("/v1.0/queues/q/stats").refused(503, "NOT_CONFIGURED")
	b.post("/v1.0/agents", `{"id":"a","username":"a"}`).ok()
	b.put("/v1.0/agents/a/addresses", `{"addresses":[{"type":"tel","target":"+1"}]}`).ok()
	b.put("/v1.0/agents/a/password", `{"password":"new"}`).ok()
	row, err := rows.Agents.Load(t.Context(), b.db, AdminCustomerID, "a")
	if err != nil || !strings.HasPrefix(row.Password, sealedPrefix) {
		t.Errorf("stored %q %v", row.Password, err)
	}
	b.put("/v1.0/agents/a", `{"status":"available"}`).refused(400, "READ_ONLY")
	b.put("/v1.0/agents/a/status", `{"status":"available"}`).ok().has(`{"status":"available"}`)
	b.put("/v1.0/agents/a/status", `{"status":"ringing"}`).refused(400, "INVALID_VALUE")
	if got := strings.Join(b.told("a"), " "); !strings.HasSuffix(got, "agent_status_updated") {
		t.Errorf("events %s", got)
	}
}

func TestSecretsStayWhereTheyAre(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/extensions", `{"id":"e","extension":"1001","password":"secret"}`).ok()
	b.put("/v1.0/extensions/e", `{"name":"Alice"}`).ok()
	row, err := rows.Extensions.Load(t.Context(), b.db, AdminCustomerID, "e")
	if err != nil || row.Password != "secret" {
		t.Errorf("stored %q %v", row.Password, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if strings.Contains(string(e.Data), "secret") {
			t.Errorf("told %s", e.Data)
		}
	}
}

// registrations is a registrar with one phone.
type registrations struct{}

func (registrations) Contacts(e resource.Extension) []resource.Contact {
	return []resource.Contact{{URI: "sip:" + e.Extension + "@127.0.0.1:5099", Transport: "udp"}}
}

func (registrations) State(_, id string) (health, register string) { return "healthy", "registered" }

func TestLiveFieldsAreShown(t *testing.T) {
	var changes []string
	b := newBench(t, func(c *Config) {
		c.Registrations, c.Carriers, c.Domain = registrations{}, registrations{}, func() string { return "example.com" }
		c.Changed = func(kind, action string, row any) {
			if e, ok := row.(*resource.Extension); ok && e.Password == "" {
				t.Error("the exchange needs the password")
			}
			changes = append(changes, kind+" "+action)
		}
	})
	b.post("/v1.0/extensions", `{"id":"e","extension":"1001","password":"secret"}`).ok().has(`{"domain_name":"example.com"}`)
	if a := b.get("/v1.0/extensions/e").ok(); !strings.Contains(string(a.raw), "sip:1001@127.0.0.1:5099") {
		t.Errorf("no contact: %s", a.raw)
	}
	b.post("/v1.0/providers", `{"id":"p","hostname":"h"}`).ok().has(`{"health_status":"healthy","register_status":"registered"}`)
	b.put("/v1.0/providers/p", `{"health_status":"healthy"}`)
	b.delete("/v1.0/providers/p").ok()
	if got := strings.Join(changes, ", "); got != "extension created, provider created, provider deleted" {
		t.Errorf("changes %s", got)
	}
}
