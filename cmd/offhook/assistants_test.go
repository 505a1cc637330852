package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"offhook/call/phone"
	"offhook/resource"
)

// customerService is the body of the scenario "AI-Assisted Customer Service";
// the tool's server is set by the tests.
const customerService = `{
"source": {"type": "tel", "target": "+15551234567"},
"destinations": [{"type": "tel", "target": "+15559876543"}],
"actions": [
{
"type": "ai_talk",
"option": {
"ai_id": "customer-service-ai-uuid",
"prompt": "You are a helpful customer service agent for Acme Corp. You can look up orders, check account balances, and answer questions about products. If the customer asks to speak to a human, transfer them to the support queue.",
"tools": [
{
"name": "lookup_order",
"description": "Look up order status by order ID or customer phone",
"webhook_url": "https://your-server.com/api/orders"
},
{
"name": "transfer_to_agent",
"description": "Transfer the call to a human agent",
"action": "transfer",
"destination": "queue:support-queue-uuid"
}
],
"end_call_phrases": ["goodbye", "bye", "that's all"]
}
}
]
}`

// withAssistant lets a world listen and think.
func withAssistant(ears *fakeVosk, brain *fakeLLM) func(*Config) {
	return func(c *Config) {
		withVosk(ears)(c)
		c.LLM = LLMConfig{URL: brain.url, Model: "test-model"}
	}
}

// clerk is a model that behaves as the scenario draws it.
func clerk(history []llmMessage) llmReply {
	switch said := last(history); {
	case history[len(history)-1].Role == "tool":
		return llmReply{words: "It " + said + "."}
	case strings.Contains(said, "order status"):
		return llmReply{words: "Let me check.", tool: "lookup_order", arguments: `{"order_id": "12345"}`}
	case strings.Contains(said, "real person"):
		return llmReply{words: "Let me transfer you to an agent.", tool: "transfer_to_agent", arguments: `{}`}
	case strings.Contains(said, "thank you"):
		return llmReply{words: "You are welcome."}
	}
	return llmReply{words: "Hello."}
}

// assistantSays waits for a message of the assistant.
func assistantSays(w *world, text string) {
	w.t.Helper()
	w.hook("aimessage_created", fmt.Sprintf(`"role":"assistant","content":%q`, text))
}

// orders is the server of the scenario's tool; what it was asked comes out.
func orders(t *testing.T) (url string, asked <-chan []byte) {
	c := make(chan []byte, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("webhook-signature") == "" {
			t.Error("the tool's request is not signed")
		}
		c <- body
		_, _ = io.WriteString(w, "shipped yesterday")
	}))
	t.Cleanup(s.Close)
	return s.URL + "/api/orders", c
}

// serviceCall places the scenario's call; the customer answers.
func serviceCall(w *world, url string) *phone.Call {
	w.t.Helper()
	customer := w.next(w.pickUp)
	body := strings.ReplaceAll(customerService, "https://your-server.com/api/orders", url)
	w.api("POST", "/v1/ais", map[string]any{"id": "customer-service-ai-uuid", "name": "clerk"}, nil)
	w.api("POST", "/v1/calls", body, nil)
	return receiveOr(w.t, "the customer is called", customer)
}

func TestSeedAssistant(t *testing.T) {
	brain := newFakeLLM(t, clerk)
	w := newWorld(t, "", withAssistant(newFakeVosk(t), brain))
	url, asked := orders(t)
	c := serviceCall(w, url)
	assistantSays(w, "Hello.")
	say(t, c, "I need to check my order status")
	var request struct {
		ToolName  string            `json:"tool_name"`
		Arguments map[string]string `json:"arguments"`
		Variables map[string]string `json:"variables"`
		Caller    resource.Address  `json:"caller"`
	}
	if err := json.Unmarshal(receiveOr(t, "the tool is used", asked), &request); err != nil {
		t.Fatal(err)
	}
	if request.ToolName != "lookup_order" || request.Arguments["order_id"] != "12345" || request.Caller.Target != "+15559876543" ||
		request.Variables["voipbin.call.source.target"] != "+15551234567" {
		t.Errorf("tool asked with %+v", request)
	}
	assistantSays(w, "It shipped yesterday.")
	say(t, c, "goodbye")
	receiveOr(t, "the call ends", c.Done())
	var ended resource.Aicall
	if err := json.Unmarshal(w.hook("aicall_status_terminated", ""), &ended); err != nil {
		t.Fatal(err)
	}
	if ended.EndReason != "phrase" || len(ended.Turns) != 1 {
		t.Errorf("aicall %+v", ended)
	}
	for _, turn := range ended.Turns {
		if turn.TranscriptMS < 0 || turn.FirstTokenMS < turn.TranscriptMS || turn.FirstAudioMS < turn.FirstTokenMS || turn.OnWireMS < turn.FirstAudioMS {
			t.Errorf("turn %+v", turn)
		}
		t.Logf("turn %+v", turn)
	}
	w.hook("activeflow_ended", `"voipbin.ai.result":"phrase"`)
}

// TestSeedAssistantTransfer asks for a person: the caller joins the queue and
// talks with the agent.
func TestSeedAssistantTransfer(t *testing.T) {
	brain := newFakeLLM(t, clerk)
	w := newWorld(t, `
extensions: [{id: ann, extension: "1001", password: secret}]
tags: [{id: support, name: support}]
agents: [{id: ann, name: Ann, tag_ids: [support], addresses: [{type: extension, target: "1001"}]}]
queues: [{id: support-queue-uuid, name: support, tag_ids: [support]}]
`, withAssistant(newFakeVosk(t), brain))
	rings := make(chan *phone.Call, 1)
	w.phone("1001", "secret", func(c *phone.Call) {
		w.pickUp(c)
		rings <- c
	})
	w.api("PUT", "/v1/agents/ann/status", map[string]string{"status": "available"}, nil)
	url, _ := orders(t)
	c := serviceCall(w, url)
	assistantSays(w, "Hello.")
	say(t, c, "I want to talk to a real person")
	agent := receiveOr(t, "the agent is called", rings)
	assistantSays(w, "Let me transfer you to an agent.")
	converse(t, c, agent)
	agent.Hangup()
	receiveOr(t, "the caller's call ends", c.Done())
	w.hook("aicall_status_terminated", `"end_reason":"transfer"`)
}

// TestAssistantFails lets the flow go on when the model is out of order.
func TestAssistantFails(t *testing.T) {
	brain := newFakeLLM(t, func([]llmMessage) llmReply { return llmReply{status: http.StatusUnauthorized} })
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: ai_talk, option: {prompt: "Help."}}, {type: talk, option: {text: "Sorry."}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, withAssistant(newFakeVosk(t), brain))
	c := w.dial("+15550000000")
	receiveOr(t, "the call ends", c.Done())
	w.hook("aicall_failed", "llm.api_key")
	w.hook("activeflow_ended", `"voipbin.ai.result":"engine_failed"`)
}

// TestAssistantMissing tells which setting is missing, and goes on.
func TestAssistantMissing(t *testing.T) {
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: transcribe_start}, {type: ai_talk, option: {prompt: "Help."}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`)
	c := w.dial("+15550000000")
	receiveOr(t, "the call ends", c.Done())
	w.hook("transcribe_failed", "speech.stt.engine")
	w.hook("aicall_failed", "llm.url")
	w.hook("activeflow_ended", `"voipbin.ai.result":"engine_not_configured"`)
}

// TestTaskAndSummary lets a model work in writing: on what was said, and on a
// question of the flow's.
func TestTaskAndSummary(t *testing.T) {
	brain := newFakeLLM(t, func(h []llmMessage) llmReply {
		if strings.Contains(last(h), "Caller: I need help with my order") {
			return llmReply{words: "The caller needs help."}
		}
		return llmReply{words: "Answer to " + last(h)}
	})
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: transcribe_start, option: {direction: in}}, {type: record_voice, option: {duration: 1500, variable_name: r}},
  {type: transcribe_stop}, {type: sleep, option: {duration: 500}}, {type: ai_summary},
  {type: ai_task, option: {prompt: "File: ${voipbin.ai_summary.content}", variable_name: filed}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, withAssistant(newFakeVosk(t), brain))
	c := w.dial("+15550000000")
	receiveOr(t, "the call is answered", c.UpSignal())
	say(t, c, "I need help with my order")
	receiveOr(t, "the call ends", c.Done())
	w.hook("activeflow_ended", `"filed":"Answer to File: The caller needs help."`)
}

// TestTaskWithoutCall lets a model work for a flow that has no call.
func TestTaskWithoutCall(t *testing.T) {
	brain := newFakeLLM(t, func(h []llmMessage) llmReply { return llmReply{words: "Answer to " + last(h)} })
	w := newWorld(t, `
flows: [{id: clerk, actions: [{type: ai_task, option: {prompt: "File it.", variable_name: filed}}]}]
`, withAssistant(newFakeVosk(t), brain))
	w.api("POST", "/v1/activeflows", map[string]any{"flow_id": "clerk"}, nil)
	w.hook("activeflow_ended", `"filed":"Answer to File it."`)
}

// TestAicallAPI writes with an assistant, and lets one into a live call.
func TestAicallAPI(t *testing.T) {
	brain := newFakeLLM(t, clerk)
	w := newWorld(t, `
ais: [{id: clerk, name: Clerk, greeting: "Good morning."}]
flows: [{id: desk, actions: [{type: answer}, {type: sleep, option: {duration: 60000}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, withAssistant(newFakeVosk(t), brain))
	var chat resource.Aicall
	w.api("POST", "/v1/aicalls", map[string]any{"assistance_id": "clerk"}, &chat)
	var said, stored resource.Aimessage
	w.api("POST", "/v1/aimessages", map[string]any{"aicall_id": chat.ID, "content": "thank you"}, &said)
	w.api("GET", "/v1/aimessages/"+said.ID, nil, &stored)
	if stored.Content != "thank you" {
		t.Errorf("message %+v is stored as %+v", said, stored)
	}
	assistantSays(w, "You are welcome.")
	w.api("POST", "/v1/aicalls/"+chat.ID+"/terminate", nil, &chat)
	if chat.Status != "terminated" || chat.EndReason != "terminated" {
		t.Errorf("chat %+v", chat)
	}
	var list struct{ Result []resource.Aimessage }
	w.api("GET", "/v1/aimessages?aicall_id="+chat.ID, nil, &list)
	if len(list.Result) != 2 {
		t.Errorf("messages %+v", list.Result)
	}

	c := w.dial("+15550000000")
	receiveOr(t, "the call is answered", c.UpSignal())
	var row resource.Call
	if err := json.Unmarshal(w.hook("call_progressing", ""), &row); err != nil {
		t.Fatal(err)
	}
	w.api("POST", "/v1/aicalls", map[string]any{"id": "talk", "assistance_id": "clerk", "reference_type": "call", "reference_id": row.ID}, nil)
	assistantSays(w, "Good morning.")
	say(t, c, "thank you")
	w.hook("aicall_turn", `"aicall_id":"talk"`)
	c.Hangup()
	w.hook("aicall_status_terminated", `"end_reason":"hangup"`)
}

// TestAssistantTransfers lets a model bring callers to every kind of
// destination.
func TestAssistantTransfers(t *testing.T) {
	brain := newFakeLLM(t, func([]llmMessage) llmReply {
		return llmReply{words: "One moment.", tool: "hand_over", arguments: `{}`}
	})
	rings := make(chan *phone.Call, 1)
	pickUp := func(c *phone.Call) {
		if c.Ring() == nil && c.Answer() == nil {
			rings <- c
		}
	}
	w := newWorld(t, `
extensions: [{id: ann, extension: "1001", password: secret}]
agents: [{id: ann, name: Ann, addresses: [{type: extension, target: "1001"}]}]
flows: [{id: desk, actions: [{type: connect, option: {destinations: [{type: extension, target: "1001"}]}}]}]
`, withAssistant(newFakeVosk(t), brain))
	w.phone("1001", "secret", pickUp)
	bob := w.phone("bob", "", pickUp)
	w.api("PUT", "/v1/agents/ann/status", map[string]string{"status": "available"}, nil)
	for i, destination := range []string{"extension:1001", "agent:ann", "sip:bob@" + bob.Addr().String(), "flow:desk"} {
		number, id := fmt.Sprintf("+1555000000%d", i), fmt.Sprintf("ai%d", i)
		w.api("POST", "/v1/flows", fmt.Sprintf(`{"id": %q, "actions": [{"type": "ai_talk", "option": {"prompt": "Help.",
			"tools": [{"name": "hand_over", "action": "transfer", "destination": %q}]}}]}`, id, destination), nil)
		w.api("POST", "/v1/numbers", map[string]string{"number": number, "call_flow_id": id}, nil)
		c := w.dial(number)
		other := receiveOr(t, destination+" is called", rings)
		receiveOr(t, destination+" hears the caller", talk(c, other))
		other.Hangup()
		receiveOr(t, "the caller's call ends", c.Done())
	}
}

// TestAssistantWarmUp connects to model and recogniser while the call rings; its turns
// show in the metrics, and a conversation ends after the time that it was
// given.
func TestAssistantWarmUp(t *testing.T) {
	brain := newFakeLLM(t, func([]llmMessage) llmReply { return llmReply{words: "Yes?"} })
	ears := newFakeVosk(t)
	w := newWorld(t, "", withAssistant(ears, brain))
	customer := w.next(func(c *phone.Call) {
		if err := c.Ring(); err != nil {
			t.Error(err)
		}
		receiveOr(t, "the recogniser is connected while it rings", ears.came)
		receiveOr(t, "the model is connected while it rings", brain.warmed)
		if err := c.Answer(); err != nil {
			t.Error(err)
		}
	})
	body := `{"source": {"type": "tel", "target": "+15551234567"}, "destinations": [{"type": "tel", "target": "+15559876543"}],
		"actions": [{"type": "ai_talk", "option": {"prompt": "Help ${voipbin.call.destination.target}.", "greeting": "Hello.", "duration": %d}}]}`
	w.api("POST", "/v1/calls", fmt.Sprintf(body, 600), nil)
	c := receiveOr(t, "the customer is called", customer)
	assistantSays(w, "Hello.")
	say(t, c, "thank you")
	w.hook("aicall_turn", `"on_wire_ms"`)
	c.Hangup()
	if first := brain.asked[0][0]; !strings.Contains(first.Content, "Help +15559876543.") {
		t.Errorf("the model was told %q", first.Content)
	}
	_, metrics := w.request("GET", "/metrics", nil)
	for _, stage := range []string{"transcript", "first_token", "first_audio", "on_wire"} {
		if want := `offhook_assistant_turn_seconds_count{stage="` + stage + `"} 1`; !strings.Contains(string(metrics), want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	customer = w.next(w.pickUp)
	w.api("POST", "/v1/calls", fmt.Sprintf(body, 1), nil)
	receiveOr(t, "the call ends", receiveOr(t, "the customer is called", customer).Done())
	w.hook("activeflow_ended", `"voipbin.ai.result":"duration"`)
}
