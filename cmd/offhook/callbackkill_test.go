package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/resource"
)

// TestCallbackSurvivesAKill holds that a person who was promised a call gets it
// from the next process, and that an agent without a phone is logged out there.
func TestCallbackSurvivesAKill(t *testing.T) {
	t.Parallel()
	person := make(chan *phone.Call, 1)
	carrier := telephone(t, phone.Config{User: "+15557654321", Incoming: func(c *phone.Call) {
		_ = c.Ring()
		_ = c.Answer()
		person <- c
	}})
	b := newProcess(t, fmt.Sprintf(`
trunks: [{id: carrier, name: carrier, auth_types: [ip], allowed_ips: [127.0.0.1]}]
providers: [{id: out, hostname: "%s"}]
routes: [{id: all, provider_id: out, target: all, priority: 1}]
extensions: [{id: desk, extension: "1001", password: secret}, {id: empty, extension: "1002", password: secret}]
agents:
- {id: anna, name: Anna, addresses: [{type: extension, target: "1001"}]}
- {id: ben, name: Ben, addresses: [{type: extension, target: "1002"}]}
queues: [{id: support, name: Support, callback_key: "5"}]
flows: [{id: help, actions: [{type: answer}, {type: queue_join, option: {queue_id: support}}]}]
numbers: [{id: main, number: "+15550000000", call_flow_id: help}]
`, carrier.Addr()))
	b.start()
	hooks, uri, _ := newReceiver(t)
	b.do("PUT", "/customer", map[string]any{"webhook_uri": uri}, nil)
	caller, err := carrier.Dial(t.Context(), "sip:+15550000000@"+b.sip, "")
	if err != nil {
		t.Fatal(err)
	}
	told(t, hooks, "queuecall_waiting")
	press(caller, "5")
	receiveOr(t, "the caller is let go", caller.Done())
	told(t, hooks, "queuecall_waiting", `"callback":{`)
	b.do("PUT", "/agents/ben/status", map[string]string{"status": "available"}, nil) // has no phone

	b.signal(syscall.SIGKILL)
	b.start()

	rings := make(chan *phone.Call, 1)
	desk := telephone(t, phone.Config{User: "1001", Password: "secret", Server: b.sip, Incoming: func(c *phone.Call) { rings <- c }})
	if err := desk.Register(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	var ben resource.Agent
	b.do("GET", "/agents/ben", nil, &ben)
	if ben.Status != "offline" || ben.PhoneLost == nil || ben.PhoneLost.Status != "available" {
		t.Errorf("an agent without a phone is %+v", ben)
	}
	b.do("PUT", "/agents/anna/status", map[string]string{"status": "available"}, nil)
	agent := receiveOr(t, "the agent is rung", rings)
	if err := agent.Answer(); err != nil {
		t.Fatal(err)
	}
	converse(t, receiveOr(t, "the person is called", person), agent)
	told(t, hooks, "queuecall_serviced", `"service_agent_id":"anna"`, `"tries":1`)
}
