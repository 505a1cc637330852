package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"offhook/call/phone"
	"offhook/media/tone"
	"offhook/resource"
)

// pitchEar hears one pitch and nothing else, so that a voice of ours is told
// from music and speech. It implements media.Sink.
type pitchEar struct {
	hz    float64
	rate  float64
	run   atomic.Int64 // frames of it in a row
	heard chan struct{}
}

// pitches of people who talk in tests; music has neither alone.
const (
	callerPitch = 1500.0
	agentPitch  = 1900.0
)

// WriteFrame implements media.Sink with Goertzel's algorithm.
func (e *pitchEar) WriteFrame(said, _ []int16) {
	var s1, s2, energy float64
	k := 2 * math.Cos(2*math.Pi*e.hz/e.rate)
	for _, v := range said {
		x := float64(v)
		energy += x * x
		s1, s2 = x+k*s1-s2, s1
	}
	n := float64(len(said))
	part := 2 * (s1*s1 + s2*s2 - k*s1*s2) / n // of the energy, at that pitch
	if energy/n < loudness || part < 0.8*energy {
		e.run.Store(0)
		return
	}
	if e.run.Add(1) == 10 {
		close(e.heard)
	}
}

// hears returns a channel that closes when a call hears a pitch.
func hears(c *phone.Call, hz float64) <-chan struct{} {
	e := &pitchEar{hz: hz, rate: 8000, heard: make(chan struct{})}
	c.Port().Attach(e, 8000)
	return e.heard
}

// speaks plays a pitch on a call, for ever.
func speaks(c *phone.Call, hz float64) { c.Play(tone.New(8000, tone.Spec{Hz1: hz, Level: -15})) }

// converse lets a caller and an agent speak, and waits until both are heard.
func converse(t *testing.T, caller, agent *phone.Call) {
	t.Helper()
	a, b := hears(caller, agentPitch), hears(agent, callerPitch)
	speaks(caller, callerPitch)
	speaks(agent, agentPitch)
	receiveOr(t, "the caller hears the agent", a)
	receiveOr(t, "the agent hears the caller", b)
}

// centre is a world with the scenario's IVR and the queues that it names.
type centre struct {
	*world
	t *testing.T
}

// newCentre provisions three queues, of which support has the given fields, and
// agents with an extension each.
func newCentre(t *testing.T, support string, agents ...string) *centre {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, `
tags: [{id: sales, name: sales}, {id: support, name: support}]
queues:
- {id: sales-queue-uuid, name: Sales, tag_ids: [sales]}
- {id: support-queue-uuid, name: Support, tag_ids: [support]%s}
- {id: billing-queue-uuid, name: Billing, tag_ids: [sales]}
`, support)
	b.WriteString("extensions:\n- {id: outsider, extension: \"1999\", password: secret}\n")
	for i, a := range agents {
		fmt.Fprintf(&b, "- {id: ext-%s, extension: \"%d\", password: secret}\n", a, 1001+i)
	}
	if len(agents) > 0 {
		b.WriteString("agents:\n")
	}
	for i, a := range agents {
		fmt.Fprintf(&b, "- {id: %s, name: %s, tag_ids: [support], addresses: [{type: extension, target: \"%d\"}]}\n", a, a, 1001+i)
	}
	c := &centre{newWorld(t, b.String()), t}
	ivr, err := os.ReadFile("../../testdata/flows/ivr-queue.json")
	if err != nil {
		t.Fatal(err)
	}
	var f resource.Flow
	c.api("POST", "/v1/flows", string(ivr), &f)
	c.api("POST", "/v1/numbers", map[string]any{"number": "+15550000000", "call_flow_id": f.ID}, nil)
	return c
}

// agent registers the phone of the agent at an extension and makes it
// available; what rings there arrives on the channel.
func (c *centre) agent(id, extension string) <-chan *phone.Call {
	c.t.Helper()
	calls := make(chan *phone.Call, 16)
	c.phone(extension, "secret", func(call *phone.Call) {
		if err := call.Ring(); err == nil {
			calls <- call
		}
	})
	c.status(id, "available")
	return calls
}

// status sets an agent's status.
func (c *centre) status(id, status string) {
	c.t.Helper()
	c.api("PUT", "/v1/agents/"+id+"/status", map[string]string{"status": status}, nil)
}

// comesTo waits until an agent has told a status, last, and holds its row
// against it.
func (c *centre) comesTo(id, status string) resource.Agent {
	c.t.Helper()
	c.hook("agent_status_updated", fmt.Sprintf("%q:%q", "status", status))
	var a resource.Agent
	c.api("GET", "/v1/agents/"+id, nil, &a)
	if a.Status != status {
		c.t.Fatalf("agent %s is %s, not %s", id, a.Status, status)
	}
	return a
}

// visit calls the number, presses 2 when the menu is heard, and returns the
// call.
func (c *centre) visit() *phone.Call {
	c.t.Helper()
	caller := c.dial("+15550000000")
	receiveOr(c.t, "the menu answers", caller.UpSignal())
	if err := caller.SendDigits(c.t.Context(), "2"); err != nil {
		c.t.Fatal(err)
	}
	return caller
}

// take answers what rings.
func take(t *testing.T, calls <-chan *phone.Call) *phone.Call {
	t.Helper()
	call := receiveOr(t, "the agent is rung", calls)
	if err := call.Answer(); err != nil {
		t.Fatal(err)
	}
	return call
}

// ended gives the variables of the flow that ended with a result of the queue.
func (c *centre) ended(result string) map[string]string {
	c.t.Helper()
	var a resource.Activeflow
	data := c.hook("activeflow_ended", fmt.Sprintf("%q:%q", "voipbin.queue.result", result))
	if err := json.Unmarshal(data, &a); err != nil {
		c.t.Fatal(err)
	}
	return a.Variables
}

func TestSeedQueue(t *testing.T) {
	c := newCentre(t, "", "anna")
	calls := c.agent("anna", "1001")
	caller := c.visit()
	agent := take(t, calls)
	converse(t, caller, agent)
	if a := c.comesTo("anna", "busy"); a.CallID == "" || a.CallsTaken != 1 {
		t.Errorf("agent in a call: %+v", a)
	}
	agent.Hangup()
	receiveOr(t, "the caller's flow hangs up", caller.Done())
	if vars := c.ended("answered"); vars["voipbin.queue.agent_id"] != "anna" || vars["voipbin.queue.name"] != "Support" {
		t.Errorf("variables %v", vars)
	}
	for _, name := range []string{"created", "waiting", "connecting", "serviced", "done"} {
		c.hook("queuecall_"+name, "support-queue-uuid")
	}
	c.comesTo("anna", "available")
}
