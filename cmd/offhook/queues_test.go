package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/media/tone"
	"offhook/resource"
)

// pitchEar hears one pitch and nothing else, so that a voice of ours is told
// from music and speech. It implements media.Sink.
type pitchEar struct {
	hz    float64
	rate  float64
	share float64      // of the energy that the pitch has at least
	run   atomic.Int64 // frames of it in a row
	all   atomic.Int64
	heard chan struct{} // closed after 200 ms of it
	long  chan struct{} // closed after a second of whatever
}

// pitches of people who talk in tests; music has neither alone.
const (
	callerPitch = 1500.0
	agentPitch  = 1900.0
)

// WriteFrame implements media.Sink with Goertzel's algorithm.
func (e *pitchEar) WriteFrame(said, _ []int16) {
	var s1, s2, energy float64
	if e.all.Add(1) == 50 {
		close(e.long)
	}
	k := 2 * math.Cos(2*math.Pi*e.hz/e.rate)
	for _, v := range said {
		x := float64(v)
		energy += x * x
		s1, s2 = x+k*s1-s2, s1
	}
	n := float64(len(said))
	part := 2 * (s1*s1 + s2*s2 - k*s1*s2) / n // of the energy, at that pitch
	if energy/n < loudness || part < e.share*energy {
		e.run.Store(0)
		return
	}
	if e.run.Add(1) == 10 {
		select {
		case <-e.heard:
		default:
			close(e.heard)
		}
	}
}

func newPitchEar(c *phone.Call, hz float64) *pitchEar { return newShareEar(c, hz, 0.8) }

// newShareEar hears a pitch that is a share of what is heard: a half, of a tone of
// two pitches.
func newShareEar(c *phone.Call, hz, share float64) *pitchEar {
	e := &pitchEar{hz: hz, rate: 8000, share: share, heard: make(chan struct{}), long: make(chan struct{})}
	c.Port().Attach(e, 8000)
	return e
}

// hears returns a channel that closes when a call hears a pitch.
func hears(c *phone.Call, hz float64) <-chan struct{} { return newPitchEar(c, hz).heard }

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
	b.WriteString("flows: [{id: wait, actions: [{type: variable_set, option: {key: announced, value: \"${queuecall.position}\"}}, {type: talk, option: {text: \"You are number one of all who wait for support.\"}}]}]\n")
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
	var f resource.Flow
	c.api("POST", "/v1/flows", document(t, "flows/ivr-queue"), &f)
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

// comesTo waits until an agent's row has a status: it looks whenever something
// is told.
func (c *centre) comesTo(id, status string) resource.Agent {
	c.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		c.mu.Lock()
		changed := c.told
		c.mu.Unlock()
		var a resource.Agent
		c.api("GET", "/v1/agents/"+id, nil, &a)
		if a.Status == status {
			return a
		}
		select {
		case <-changed:
		case <-deadline:
			c.t.Fatalf("agent %s is %s, not %s", id, a.Status, status)
		}
	}
}

// press presses a key that may end the call before it is let go.
func press(c *phone.Call, key string) {
	_ = c.SendDigits(context.Background(), key)
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
	t.Parallel()
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

func TestSeedQueueInvalidDigits(t *testing.T) {
	t.Parallel()
	c := newCentre(t, "")
	caller := c.dial("+15550000000")
	receiveOr(t, "the menu answers", caller.UpSignal())
	for range 3 { // the menu is heard three times
		if err := caller.SendDigits(t.Context(), "9"); err != nil {
			t.Fatal(err)
		}
	}
	receiveOr(t, "goodbye", caller.Done())
	var a resource.Activeflow
	if err := json.Unmarshal(c.hook("activeflow_ended", ""), &a); err != nil {
		t.Fatal(err)
	}
	last := a.ExecutedActions[len(a.ExecutedActions)-2]
	if !strings.Contains(string(last.Option), "Goodbye.") {
		t.Errorf("before the end: %s %s", last.Type, last.Option)
	}
}

func TestSeedQueueNobodyFree(t *testing.T) {
	t.Parallel()
	c := newCentre(t, ", wait_timeout: 1500", "anna")
	caller := c.visit()
	receiveOr(t, "the flow goes on and hangs up", caller.Done())
	c.ended("no_agents")
	data := c.hook("queuecall_abandoned", "")
	if !strings.Contains(string(data), `"end_reason":"no_agents"`) {
		t.Errorf("queuecall_abandoned %s", data)
	}
}

func TestSeedQueueNobodyAnswers(t *testing.T) {
	t.Parallel()
	c := newCentre(t, ", wait_timeout: 4000, ring_timeout: 1000", "anna", "ben")
	anna, ben := c.agent("anna", "1001"), c.agent("ben", "1002")
	caller := c.visit()
	for name, calls := range map[string]<-chan *phone.Call{"anna": anna, "ben": ben} {
		receiveOr(t, name+" is not rung any more", receiveOr(t, name+" is rung", calls).Done())
	}
	receiveOr(t, "the flow goes on and hangs up", caller.Done())
	c.ended("timeout")
	c.comesTo("anna", "available")
	c.comesTo("ben", "available")
}

func TestSeedQueueRejected(t *testing.T) {
	t.Parallel()
	c := newCentre(t, ", routing_method: longest_idle", "anna", "ben")
	anna := c.agent("anna", "1001")
	ben := c.agent("ben", "1002")
	caller := c.visit()
	first := receiveOr(t, "anna is rung", anna)
	if err := first.Reject(603); err != nil {
		t.Fatal(err)
	}
	agent := take(t, ben)
	converse(t, caller, agent)
	c.comesTo("anna", "available")
	caller.Hangup()
	receiveOr(t, "ben's call ends", agent.Done())
	c.hook("queuecall_done", `"service_agent_id":"ben"`)
	c.comesTo("ben", "available")
}

// TestQueueWaitFlow holds that the caller hears the wait flow until the agent
// has heard the whisper, with its place in variables, and that the conversation
// is recorded and followed by a wrap-up.
func TestQueueWaitFlow(t *testing.T) {
	t.Parallel()
	c := newCentre(t, ", whisper: true, record: wav, wrap_up: 700, wait_flow_id: wait", "anna")
	calls := c.agent("anna", "1001")
	caller := c.visit()
	agent := take(t, calls)
	e := newEar()
	agent.Port().Attach(e, 8000)
	receiveOr(t, "the agent hears the whisper", e.hears(30))
	converse(t, caller, agent)
	agent.Hangup()
	receiveOr(t, "the caller's flow ends", caller.Done())
	vars := c.ended("answered")
	if vars["announced"] != "1" || vars["voipbin.queuecall.position"] != "1" || vars["voipbin.queuecall.wait_estimate"] != "180" {
		t.Errorf("variables %v", vars)
	}
	c.hook("agent_status_updated", `"status":"wrap_up"`)
	c.hook("recording_finished", `"status":"ended"`)
	c.comesTo("anna", "available")
}

func TestQueueExitAndKick(t *testing.T) {
	t.Parallel()
	c := newCentre(t, `, exit_key: "1"`)
	caller := c.visit()
	c.hook("queuecall_waiting", "support")
	press(caller, "1")
	receiveOr(t, "the flow goes on", caller.Done())
	c.ended("exit")
	second := c.visit()
	var list struct{ Result []resource.Queuecall }
	c.hook("queuecall_waiting", `"position":1`)
	for len(list.Result) != 2 || list.Result[0].Status != "waiting" {
		c.api("GET", "/v1/queuecalls", nil, &list)
	}
	var kicked resource.Queuecall
	c.api("POST", "/v1/queuecalls/"+list.Result[0].ID+"/kick", nil, &kicked)
	if kicked.Status != "abandoned" || kicked.EndReason != "kicked" {
		t.Errorf("kicked: %+v", kicked)
	}
	receiveOr(t, "the flow goes on", second.Done())
	c.ended("kicked")
	var stats struct{ Joined, Abandoned, Waiting int }
	c.api("GET", "/v1/queues/support-queue-uuid/stats", nil, &stats)
	if stats.Joined != 2 || stats.Abandoned != 2 || stats.Waiting != 0 {
		t.Errorf("stats %+v", stats)
	}
	_, metrics := c.request("GET", "/metrics", nil)
	for _, line := range []string{"joined_total 2", "serviced_total 0", "abandoned_total 2", "waiting 0", "serving 0"} {
		if !strings.Contains(string(metrics), "\noffhook_queue_"+line+"\n") {
			t.Errorf("/metrics has no offhook_queue_%s", line)
		}
	}
}

// TestQueueKickInService holds that a conversation ends with a kick, and the
// agent is free.
func TestQueueKickInService(t *testing.T) {
	t.Parallel()
	c := newCentre(t, "", "anna")
	calls := c.agent("anna", "1001")
	caller := c.visit()
	agent := take(t, calls)
	converse(t, caller, agent)
	var q resource.Queuecall
	if err := json.Unmarshal(c.hook("queuecall_serviced", ""), &q); err != nil {
		t.Fatal(err)
	}
	c.api("DELETE", "/v1/queuecalls/"+q.ID, nil, &q)
	if q.Status != "done" || q.EndReason != "kicked" {
		t.Errorf("queuecall %+v", q)
	}
	receiveOr(t, "the agent's call ends", agent.Done())
	receiveOr(t, "the caller's flow ends", caller.Done())
	c.comesTo("anna", "available")
}

// TestQueueCallback holds that a caller who wants so is called back when it is
// its turn, again when the line was busy, and that the conversation can be
// supervised.
func TestQueueCallback(t *testing.T) {
	t.Parallel()
	c := newCentre(t, `, callback_key: "5", callback_interval: 100`, "anna")
	caller, err := c.phone("+15557654321", "", nil).Dial(t.Context(), fmt.Sprintf("sip:+15550000000@%s", c.sip), "")
	if err != nil {
		t.Fatal(err)
	}
	receiveOr(t, "the menu answers", caller.UpSignal())
	press(caller, "2")
	c.hook("queuecall_waiting", "support")
	press(caller, "5")
	receiveOr(t, "the flow goes on", caller.Done())
	c.ended("callback")
	busy := c.next(func(call *phone.Call) { _ = call.Reject(486) })
	person := c.next(c.pickUp)
	calls := c.agent("anna", "1001")
	inVain := take(t, calls)
	receiveOr(t, "the person is called", busy)
	receiveOr(t, "the agent is let go", inVain.Done())
	c.hook("queuecall_callback", `"hangup_reason":"busy"`)
	agent := take(t, calls)
	called := receiveOr(t, "the person is called again", person)
	converse(t, called, agent)
	var q resource.Queuecall
	if err := json.Unmarshal(c.hook("queuecall_serviced", ""), &q); err != nil || q.Callback.Tries != 2 {
		t.Errorf("%+v, %v", q.Callback, err)
	}
	agent.Play(nil) // or two pitches would be heard
	listener := c.next(c.pickUp)
	c.api("POST", "/v1/queuecalls/"+q.ID+"/supervise", `{"destination": {"type": "tel", "target": "+15554444444"}}`, nil)
	boss := receiveOr(t, "the supervisor is called", listener)
	receiveOr(t, "the supervisor hears the person", hears(boss, callerPitch))
	called.Hangup()
	receiveOr(t, "the supervisor's call ends", boss.Done())
	receiveOr(t, "the agent's call ends", agent.Done())
	c.hook("queuecall_done", `"service_agent_id":"anna"`)
}

// TestQueueNextAgent holds that the caller goes to the next agent when one can't
// be had: both addresses of the first are tried, one after the other, and it
// hangs up while it hears the whisper.
func TestQueueNextAgent(t *testing.T) {
	t.Parallel()
	c := newCentre(t, ", routing_method: longest_idle, whisper: true", "anna", "ben")
	c.api("PUT", "/v1/agents/anna", `{"ring_method": "linear", "addresses": [{"type": "extension", "target": "1001"}, {"type": "extension", "target": "1999"}]}`, nil)
	mobile := make(chan *phone.Call, 1)
	c.phone("1999", "secret", func(call *phone.Call) { mobile <- call })
	desk := c.agent("anna", "1001")
	ben := c.agent("ben", "1002")
	caller := c.visit()
	first := receiveOr(t, "the first address is rung", desk)
	select {
	case <-mobile:
		t.Error("both addresses are rung at once")
	default:
	}
	if err := first.Reject(486); err != nil {
		t.Fatal(err)
	}
	second := take(t, mobile)
	e := newEar()
	second.Port().Attach(e, 8000)
	receiveOr(t, "the whisper begins", e.hears(5))
	second.Hangup()
	agent := take(t, ben)
	converse(t, caller, agent)
	c.hook("queuecall_serviced", `"service_agent_id":"ben"`)
	caller.Hangup()
	for _, id := range []string{"anna", "ben"} {
		c.comesTo(id, "available")
	}
}

// TestQueueRingAll holds that all agents are rung at once, and those who come
// later too, and that the first to answer has the caller.
func TestQueueRingAll(t *testing.T) {
	t.Parallel()
	c := newCentre(t, ", routing_method: ring_all", "anna", "ben", "carl")
	anna, ben := c.agent("anna", "1001"), c.agent("ben", "1002")
	caller := c.visit()
	first, second := receiveOr(t, "anna is rung", anna), receiveOr(t, "ben is rung", ben)
	third := receiveOr(t, "carl is rung, who came later", c.agent("carl", "1003"))
	if err := second.Answer(); err != nil {
		t.Fatal(err)
	}
	receiveOr(t, "anna's phone is quiet", first.Done())
	receiveOr(t, "carl's phone is quiet", third.Done())
	converse(t, caller, second)
	c.comesTo("anna", "available")
	c.comesTo("ben", "busy")
}

func TestAgentCodesAndLogout(t *testing.T) {
	t.Parallel()
	c := newCentre(t, "", "anna")
	p := c.phone("1001", "secret", nil)
	for _, step := range []struct{ code, status string }{{"*71", "available"}, {"*72", "away"}} {
		code, status := step.code, step.status
		call, err := p.Dial(t.Context(), fmt.Sprintf("sip:%s@%s", code, c.sip), c.sip.String())
		if err != nil {
			t.Fatal(err)
		}
		receiveOr(t, code+" is answered", call.UpSignal())
		c.hook("agent_status_updated", fmt.Sprintf("%q:%q", "status", status))
		receiveOr(t, "the confirmation ends", call.Done())
	}
	if err := p.Register(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if a := c.comesTo("anna", "offline"); a.PhoneLost == nil || a.PhoneLost.Status != "away" {
		t.Errorf("logged out: %+v", a)
	}
	if err := p.Register(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if a := c.comesTo("anna", "away"); a.PhoneLost != nil {
		t.Errorf("the phone is back: %+v", a)
	}
}

// TestAgentElsewhere holds that an agent who talks to somebody else is not rung,
// and that one who got a caller by a transfer is busy, while the one who gave it
// away is free.
func TestAgentElsewhere(t *testing.T) {
	t.Parallel()
	c := newCentre(t, "", "anna", "ben")
	anna := c.agent("anna", "1001")
	other, err := c.phone("1999", "secret", nil).Dial(t.Context(), fmt.Sprintf("sip:1001@%s", c.sip), c.sip.String())
	if err != nil {
		t.Fatal(err)
	}
	direct := take(t, anna)
	c.comesTo("anna", "busy")
	caller := c.visit()
	c.hook("queuecall_waiting", "support")
	select {
	case <-anna:
		t.Error("an agent who talks is rung")
	default:
	}
	other.Hangup()
	receiveOr(t, "the direct call ends", direct.Done())
	first := take(t, anna)
	converse(t, caller, first)
	ben := c.agent("ben", "1002")
	c.api("POST", "/v1/calls/"+c.comesTo("anna", "busy").CallID+"/transfer",
		map[string]any{"type": "blind", "destination": map[string]string{"type": "agent", "target": "ben"}}, nil)
	second := take(t, ben)
	heard := hears(second, callerPitch)
	receiveOr(t, "anna's call ends", first.Done())
	receiveOr(t, "ben hears the caller", heard)
	c.comesTo("ben", "busy")
	c.comesTo("anna", "available")
	second.Hangup()
	receiveOr(t, "the caller's flow ends", caller.Done())
	c.comesTo("ben", "available")
	c.ended("answered")
}

// TestSupervise holds who hears whom when a supervisor listens, whispers and
// joins.
func TestSupervise(t *testing.T) {
	t.Parallel()
	const bossPitch = 2300.0
	c := newCentre(t, "", "anna")
	anna := c.agent("anna", "1001")
	caller := c.visit()
	agent := take(t, anna)
	converse(t, caller, agent)
	var q resource.Queuecall
	if err := json.Unmarshal(c.hook("queuecall_serviced", ""), &q); err != nil {
		t.Fatal(err)
	}
	agent.Play(nil)
	for mode, heard := range map[string][2]bool{"listen": {false, false}, "whisper": {true, false}, "join": {true, true}} {
		boss := c.next(c.pickUp)
		c.api("POST", "/v1/queuecalls/"+q.ID+"/supervise",
			map[string]any{"mode": mode, "destination": map[string]string{"type": "tel", "target": "+15554444444"}}, nil)
		b := receiveOr(t, "the supervisor is called", boss)
		receiveOr(t, mode+": the supervisor hears the caller", hears(b, callerPitch))
		caller.Play(nil)
		speaks(b, bossPitch)
		for i, ear := range []*pitchEar{newPitchEar(agent, bossPitch), newPitchEar(caller, bossPitch)} {
			who := []string{"the agent", "the caller"}[i]
			if heard[i] {
				receiveOr(t, mode+": the supervisor is heard by "+who, ear.heard)
				continue
			}
			receiveOr(t, mode+": a second passes", ear.long)
			select {
			case <-ear.heard:
				t.Errorf("%s: the supervisor is heard by %s", mode, who)
			default:
			}
		}
		b.Hangup()
		receiveOr(t, "the supervisor's call ends", b.Done())
		again := hears(agent, callerPitch)
		speaks(caller, callerPitch)
		receiveOr(t, "both go on", again)
	}
	caller.Hangup()
	receiveOr(t, "the agent's call ends", agent.Done())
	c.ended("answered")
	if status, _ := c.request("POST", "/v1/queuecalls/"+q.ID+"/supervise", `{"destination": {"type": "tel", "target": "+1555"}}`); status < 400 {
		t.Errorf("supervising what is over: %d", status)
	}
}

// TestTransferToQueue holds that a caller whom an agent transfers to a queue
// stays in its flow, with its variables.
func TestTransferToQueue(t *testing.T) {
	t.Parallel()
	c := newCentre(t, "", "anna", "ben")
	c.api("PUT", "/v1/agents/ben/tag_ids", map[string]any{"tag_ids": []string{"sales"}}, nil)
	anna, ben := c.agent("anna", "1001"), c.agent("ben", "1002")
	caller := c.visit()
	first := take(t, anna)
	converse(t, caller, first)
	c.api("POST", "/v1/calls/"+c.comesTo("anna", "busy").CallID+"/transfer",
		map[string]any{"type": "blind", "destination": map[string]string{"type": "queue", "target": "sales-queue-uuid"}}, nil)
	receiveOr(t, "anna's call ends", first.Done())
	second := take(t, ben)
	converse(t, caller, second)
	c.hook("queuecall_done", `"end_reason":"transferred"`)
	c.hook("transfer_completed", `"to_agent":"sales-queue-uuid"`)
	c.comesTo("anna", "available")
	second.Hangup()
	receiveOr(t, "the caller's flow ends", caller.Done())
	if vars := c.ended("answered"); vars["voipbin.queue.name"] != "Sales" || vars["voipbin.queue.agent_id"] != "ben" {
		t.Errorf("variables %v", vars)
	}
}

// gapEar measures the longest silence, in frames. It implements media.Sink.
type gapEar struct{ run, longest atomic.Int64 }

// WriteFrame implements media.Sink.
func (e *gapEar) WriteFrame(said, _ []int16) {
	for _, v := range said {
		if v > 100 || v < -100 {
			e.run.Store(0)
			return
		}
	}
	if n := e.run.Add(1); n > e.longest.Load() {
		e.longest.Store(n)
	}
}

// TestQueueJoinIsHeardThrough holds that a caller hears music until it hears the
// agent, with less than 200 ms between: no silence and no ringback. It runs alone:
// what other tests take from the machine would count too.
func TestQueueJoinIsHeardThrough(t *testing.T) {
	c := newCentre(t, "", "anna")
	calls := c.agent("anna", "1001")
	caller := c.visit()
	ringing := receiveOr(t, "the agent is rung", calls)
	music := newEar()
	caller.Port().Attach(music, 8000)
	receiveOr(t, "the caller hears music", music.hears(50))
	e, ringback := &gapEar{}, newShareEar(caller, tone.Ringback().Hz1, 0.4)
	caller.Port().Attach(e, 8000)
	heard := hears(caller, agentPitch)
	if err := ringing.Answer(); err != nil {
		t.Fatal(err)
	}
	speaks(ringing, agentPitch)
	receiveOr(t, "the caller hears the agent", heard)
	gap := time.Duration(e.longest.Load()) * 20 * time.Millisecond
	t.Logf("longest silence %v", gap)
	if gap >= 200*time.Millisecond {
		t.Errorf("%v of silence at the join", gap)
	}
	select {
	case <-ringback.heard:
		t.Error("the caller hears ringback")
	default:
	}
}
