package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"offhook/api/client"
)

// contractFile is the provisioning file that the documentation shows.
const contractFile = `{"extensions": [{"id": "alice", "extension": "1001", "password": "secret"}],
	"trunks": [{"id": "carrier", "name": "carrier", "auth_types": ["ip"], "allowed_ips": ["127.0.0.1"]}],
	"routes": [{"id": "all", "provider_id": "out", "target": "all", "priority": 1}],
	"providers": [{"id": "out", "hostname": "127.0.0.1:5090"}],
	"numbers": [{"id": "main", "number": "+15550000000", "call_flow_id": "support"}],
	"flows": [{"id": "support", "actions": [{"type": "talk", "option": {"text": "hi"}}]}]}`

func fileOf(t *testing.T, text string) map[string][]json.RawMessage {
	t.Helper()
	var file map[string][]json.RawMessage
	if err := json.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestProvisionIsIdempotent(t *testing.T) {
	b := newBench(t)
	for _, want := range []string{"created", "unchanged"} {
		got, err := b.server.Provision(t.Context(), fileOf(t, contractFile))
		if err != nil || len(got) != 6 {
			t.Fatalf("%v %v", got, err)
		}
		for _, a := range got {
			if a.Action != want {
				t.Errorf("%+v, want %s", a, want)
			}
		}
	}
	got, err := b.server.Provision(t.Context(), fileOf(t, strings.Replace(contractFile, "5090", "5091", 1)))
	if err != nil || got[2].Action != "updated" {
		t.Errorf("%v %v", got, err)
	}
	b.get("/v1.0/providers/out").ok().has(`{"hostname":"127.0.0.1:5091"}`)
	b.get("/v1.0/numbers/main").ok().has(`{"call_flow_id":"support"}`)
}

func TestProvisionTellsEveryFault(t *testing.T) {
	b := newBench(t)
	got, err := b.server.Provision(t.Context(), fileOf(t, `{"flow":[], "tags":[{"id":"ok","name":"x"},{"name":"no id"}],
		"flows":[{"id":"f","actions":[{"type":"tlak"}]}], "routes":[{"id":"r","provider_id":"none"}], "numbers":[{"id":"n","numer":"1"}]}`))
	var e *Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	want := []string{"flow", "flows[0].actions[0].type", "numbers[0].number", "numbers[0].numer", "routes[0].provider_id", "tags[1].id"}
	var paths []string
	for _, d := range e.Details {
		paths = append(paths, d.Path)
	}
	if strings.Join(paths, " ") != strings.Join(want, " ") || len(got) != 0 {
		t.Errorf("faults %v, applied %v", paths, got)
	}
	b.get("/v1.0/tags/ok").refused(404, "TAG_NOT_FOUND")
}

func TestProvisionThroughTheClient(t *testing.T) {
	b := newBench(t)
	c := &client.Client{URL: b.url, Accesskey: adminKey}
	got, err := c.Apply(t.Context(), fileOf(t, contractFile))
	if err != nil || len(got) != 6 || got[0].Action != "created" {
		t.Fatalf("%v %v", got, err)
	}
	_, err = c.Apply(t.Context(), fileOf(t, `{"tags":[{"id":"a"},{"id":"b","nam":"x"}]}`))
	if err == nil || !strings.Contains(err.Error(), "tags[0].name: name is required") {
		t.Errorf("error %v", err)
	}
	b.post("/v1.0/provision", `{"tags":7}`).refused(400, "WRONG_TYPE")
}

func TestProvisionedPasswordsStay(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct{ password, want string }{{"a", "created"}, {"a", "unchanged"}, {"b", "updated"}, {"b", "unchanged"}} {
		got, err := b.server.Provision(t.Context(), fileOf(t, `{"agents":[{"id":"x","username":"x","password":"`+c.password+`"}]}`))
		if err != nil || got[0].Action != c.want {
			t.Errorf("password %s: %v %v, want %s", c.password, got, err, c.want)
		}
	}
}

func TestProvisionInAnyOrder(t *testing.T) {
	b := newBench(t)
	got, err := b.server.Provision(t.Context(), fileOf(t, `{"flows": [
		{"id": "first", "actions": [{"type": "answer"}], "on_complete_flow_id": "second"},
		{"id": "second", "actions": [{"type": "answer"}], "on_complete_flow_id": "third"},
		{"id": "third", "actions": [{"type": "answer"}]}]}`))
	if err != nil || len(got) != 3 {
		t.Fatalf("%v %v", got, err)
	}
	_, err = b.server.Provision(t.Context(), fileOf(t, `{"flows": [
		{"id": "fourth", "actions": [{"type": "answer"}], "on_complete_flow_id": "nowhere"}, {"id": "fifth", "actions": []}]}`))
	var refused *Error
	if !errors.As(err, &refused) || len(refused.Details) != 1 || refused.Details[0].Path != "flows[0].on_complete_flow_id" {
		t.Errorf("%v", err)
	}
}

// Objects that name each other in a circle are there together, or not at all.
func TestProvisionInACircle(t *testing.T) {
	const file = `{
		"flows": [
			{"id": "one", "actions": [{"type": "fetch_flow", "option": {"flow_id": "two"}}], "on_complete_flow_id": "two"},
			{"id": "two", "actions": [{"type": "fetch_flow", "option": {"flow_id": "one"}}], "on_complete_flow_id": "one"}],
		"queues": [{"id": "day", "overflow_queue_id": "night"}, {"id": "night", "overflow_queue_id": "day"}],
		"outdials": [{"id": "list", "campaign_id": "survey"}],
		"outplans": [{"id": "often"}],
		"campaigns": [{"id": "survey", "outdial_id": "list", "outplan_id": "often", "flow_id": "one"}]}`
	b := newBench(t)
	_, err := b.server.Provision(t.Context(), fileOf(t, strings.Replace(file, `"flow_id": "one"}]`, `"flow_id": "three"}]`, 1)))
	var refused *Error
	if !errors.As(err, &refused) || len(refused.Details) != 1 || refused.Details[0].Path != "campaigns[0].flow_id" {
		t.Fatalf("%v", err)
	}
	b.get("/v1.0/flows/one").refused(404, "FLOW_NOT_FOUND")
	for _, want := range []string{"created", "unchanged"} {
		got, err := b.server.Provision(t.Context(), fileOf(t, file))
		if err != nil || len(got) != 7 {
			t.Fatalf("%v %v", got, err)
		}
		for _, a := range got {
			if a.Action != want {
				t.Errorf("%+v, want %s", a, want)
			}
		}
	}
	b.get("/v1.0/flows/two").ok().has(`{"on_complete_flow_id":"one"}`)
	b.get("/v1.0/outdials/list").ok().has(`{"campaign_id":"survey"}`)
}

// What one object of a file makes of another does not undo, and is not undone
// by, what the file says of that other.
func TestProvisionedObjectsThatChangeEachOther(t *testing.T) {
	b := newBench(t)
	for _, file := range []string{
		`{"outdials": [{"id": "list"}], "outplans": [{"id": "often"}], "flows": [{"id": "f", "actions": []}],
			"campaigns": [{"id": "survey", "name": "a", "outplan_id": "often", "flow_id": "f"}]}`,
		`{"outdials": [{"id": "list", "campaign_id": "survey"}], "campaigns": [{"id": "survey", "name": "b"}]}`,
	} {
		if _, err := b.server.Provision(t.Context(), fileOf(t, file)); err != nil {
			t.Fatal(err)
		}
	}
	b.get("/v1.0/campaigns/survey").ok().has(`{"name":"b","outdial_id":"list"}`)
	b.get("/v1.0/outdials/list").ok().has(`{"campaign_id":"survey"}`)
}

// An id, or a number, that stands twice in a file is a fault of the second.
func TestProvisionedTwice(t *testing.T) {
	b := newBench(t)
	for file, path := range map[string]string{
		`{"tags":[{"id":"a","name":"x"},{"id":"a","name":"y"}]}`:                              "tags[1]",
		`{"numbers":[{"id":"a","number":"+15550000000"},{"id":"b","number":"+15550000000"}]}`: "numbers[1]",
	} {
		_, err := b.server.Provision(t.Context(), fileOf(t, file))
		var refused *Error
		if !errors.As(err, &refused) || len(refused.Details) != 1 || refused.Details[0].Path != path || refused.Details[0].Reason != "ALREADY_EXISTS" {
			t.Errorf("%s: %v", file, err)
		}
	}
	b.get("/v1.0/tags/a").refused(404, "TAG_NOT_FOUND")
}
