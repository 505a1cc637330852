package main

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/campaign"
	"offhook/resource"
)

// TestCampaignWithAgents runs a campaign for the agents of a queue over real
// phones: a busy line, a machine and three people; one agent answers at once and
// the other lets the phone ring for longer than people may wait.
func TestCampaignWithAgents(t *testing.T) {
	c := newCentre(t, ", routing_method: longest_idle", "anna", "ben")
	c.api("POST", "/v1/flows", `{"id": "people-only", "actions": [{"type": "amd", "option": {"machine_action": "hangup", "timeout": 3000}}]}`, nil)
	c.api("POST", "/v1/outplans", `{"id": "plan", "source": {"type": "tel", "target": "+15550001111"}, "max_try_count_0": 1, "result_rules": {"amd": {}}}`, nil)
	c.api("POST", "/v1/campaigns", `{"id": "sell", "name": "Sell", "outplan_id": "plan", "flow_id": "people-only", "queue_id": "support-queue-uuid",
		"service_level": 300, "calls_per_second": 20}`, nil)
	c.api("POST", "/v1/outdials", `{"id": "leads", "campaign_id": "sell"}`, nil)
	people := make(chan *phone.Call, 3)
	person := func(call *phone.Call) {
		c.pickUp(call)
		people <- call
		<-c.voice(call, "Hello?")
	}
	const busy, machine, first, second, third = "+15550300001", "+15550300002", "+15550300003", "+15550300004", "+15550300005"
	c.answer(crowd{
		first: person, second: person, third: person,
		busy: func(call *phone.Call) { _ = call.Reject(486) },
		machine: func(call *phone.Call) {
			c.pickUp(call)
			<-c.voice(call, "Hi, you have reached the Miller family. We can not come to the phone right now, so please leave a message after the tone, and we will call you back.")
			<-call.Done()
		},
	}, 10)
	for _, n := range []string{busy, machine, first, second, third} {
		c.api("POST", "/v1/outdials/leads/targets", map[string]any{"id": n[1:], "destination_0": map[string]string{"type": "tel", "target": n}}, nil)
	}
	c.api("PUT", "/v1/campaigns/sell/status", map[string]string{"status": "run"}, nil)
	c.hook("campaign_updated", `"waiting_for":"agents"`) // nobody is logged in
	anna, ben := c.agent("anna", "1001"), c.agent("ben", "1002")

	talk := take(t, anna)
	late := receiveOr(t, "ben is rung", ben)
	<-time.After(2500 * time.Millisecond) // longer than the two seconds of the law
	if err := late.Answer(); err != nil {
		t.Fatal(err)
	}
	one, two := receiveOr(t, "a person", people), receiveOr(t, "another", people)
	for _, agent := range []string{"anna", "ben"} {
		c.comesTo(agent, "busy")
	}
	var stats campaign.Stats
	c.api("GET", "/v1/campaigns/sell/stats", nil, &stats)
	if stats.Placed != 4 || stats.Abandoned < 1 {
		t.Errorf("while both agents talk: %+v", stats)
	}
	talk.Hangup()
	third1 := take(t, anna)
	last := receiveOr(t, "the third person", people)
	converse(t, last, third1)
	for _, call := range []*phone.Call{one, two, last} {
		call.Hangup()
	}
	c.hook("campaign_status_stop", `"id":"sell"`)
	checkLeads(t, c, busy[1:], machine[1:])
}

// checkLeads looks at what is stored after the campaign.
func checkLeads(t *testing.T, c *centre, busy, machine string) {
	t.Helper()
	var stats campaign.Stats
	c.api("GET", "/v1/campaigns/sell/stats", nil, &stats)
	var calls struct{ Result []resource.Campaigncall }
	c.api("GET", "/v1/campaigns/sell/campaigncalls", nil, &calls)
	abandoned, results := 0, map[string]string{}
	for _, call := range calls.Result {
		if call.Abandoned {
			abandoned++
		}
		results[call.OutdialTargetID] = call.HangupReason + " " + call.AMDResult
	}
	if results[busy] != "busy " || results[machine] != "amd machine" || len(results) != 5 {
		t.Errorf("results %v", results)
	}
	if stats.Placed != 5 || stats.Answered != 4 || stats.Machine != 1 || stats.Abandoned != abandoned || abandoned < 1 ||
		stats.AbandonRate != float64(abandoned)/3 || stats.Results["busy"] != 1 || stats.Results["amd"] != 1 || stats.Done != 5 {
		t.Errorf("%d abandoned: %+v", abandoned, stats)
	}
	var q struct{ Joined, Answered int }
	c.api("GET", "/v1/queues/support-queue-uuid/stats", nil, &q)
	if q.Joined != 3 || q.Answered != 3 {
		t.Errorf("queue %+v", q)
	}
	var told struct {
		Abandoned int `json:"abandoned"`
	}
	if err := json.Unmarshal(c.hook("campaign_stats", fmt.Sprintf(`"abandoned":%d`, abandoned)), &told); err != nil || told.Abandoned != abandoned {
		t.Errorf("campaign_stats %+v, %v", told, err)
	}
}
