package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"offhook/assistant/realtime/fake"
	"offhook/call/phone"
	"offhook/resource"
)

// realtimeClerk is clerk as a model that hears and speaks itself.
func realtimeClerk(items []fake.Item, instructions string) fake.Reply {
	if instructions != "" {
		return fake.Reply{Words: instructions[strings.LastIndex(instructions, ": ")+2:]}
	}
	last := items[len(items)-1]
	switch {
	case last.Role == "tool":
		return fake.Reply{Words: "It " + last.Text + " and this is a very long answer about it."}
	case last.Text == "I need to check my order status":
		return fake.Reply{Tool: "lookup_order", Arguments: `{"order_id": "12345"}`}
	case last.Text == "I want to talk to a real person":
		return fake.Reply{Words: "One moment.", Tool: "transfer_to_agent", Arguments: `{}`}
	}
	return fake.Reply{Words: "Yes?"}
}

// spoken is the phrase that most of a sound is.
func spoken(pcm []int16) string {
	votes, best := map[string]int{}, ""
	for ; len(pcm) >= 320; pcm = pcm[320:] {
		if text := understand(pcm[:320]); text != "" {
			if votes[text]++; votes[text] > votes[best] {
				best = text
			}
		}
	}
	return best
}

// TestRealtimeAssistant talks with a model that hears and speaks itself: it
// greets, uses a tool, is interrupted, loses its connection, and hands over.
func TestRealtimeAssistant(t *testing.T) {
	model := fake.New(t, spoken, realtimeClerk)
	model.Key = "sk"
	url, asked := orders(t)
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: ai_talk, option: {prompt: "You help.", greeting: "Hello there.", tools: [
  {name: lookup_order, webhook_url: "`+url+`"}, {name: transfer_to_agent, action: transfer, destination: "tel:+15552222222"}]}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, func(c *Config) { c.LLM.Realtime = RealtimeConfig{URL: model.URL, Model: "speaker", APIKey: "sk"} })
	c := w.dial("+15550000000")
	assistantSays(w, "Hello there.")
	w.hook("aimessage_intermediate", `"content":"Hello there."`)
	say(t, c, "I need to check my order status")
	receiveOr(t, "the tool is used", asked)
	meter := newInterruptions()
	c.Port().Attach(meter, 8000)
	receiveOr(t, "the assistant answers", meter.speaking)
	say(t, c, "no wait")
	t.Logf("the caller still hears it for %v", receiveOr(t, "the assistant stops", meter.took))
	var cut resource.Aimessage
	if err := json.Unmarshal(w.hook("aimessage_created", `"interrupted":true`), &cut); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(cut.Content, "It shipped") || strings.HasSuffix(cut.Content, "about it.") {
		t.Errorf("the history keeps %q", cut.Content)
	}
	assistantSays(w, "Yes?")
	heard := time.Duration(0)
	for _, i := range model.Items() {
		heard = max(heard, i.Heard)
	}
	if heard < 900*time.Millisecond || heard > 4*time.Second {
		t.Errorf("the model believes that %v of it were heard", heard)
	}
	model.HangUp()
	connectedAgain(t, w, c, model)
}

// connectedAgain asks for a person over a new connection.
func connectedAgain(t *testing.T, w *world, c *phone.Call, model *fake.Server) {
	t.Helper()
	person := w.next(w.pickUp)
	say(t, c, "I want to talk to a real person")
	p := receiveOr(t, "the person is called", person)
	receiveOr(t, "they talk", talk(c, p))
	if items := model.Items(); len(items) < 4 || items[0].Text != "Hello there." {
		t.Errorf("the new session began with %+v", items)
	}
	w.hook("aicall_status_terminated", `"end_reason":"transfer"`)
	p.Hangup()
	receiveOr(t, "the call ends", c.Done())
}

// TestRealtimeAway lets the flow go on when the model is not there.
func TestRealtimeAway(t *testing.T) {
	model := fake.New(t, spoken, realtimeClerk)
	model.Key = "another"
	w := newWorld(t, `
flows: [{id: desk, actions: [{type: ai_talk, option: {prompt: "You help."}}, {type: talk, option: {text: "Sorry."}}]}]
numbers: [{id: desk, number: "+15550000000", call_flow_id: desk}]
`, func(c *Config) { c.LLM.Realtime = RealtimeConfig{URL: model.URL, APIKey: "sk"} })
	c := w.dial("+15550000000")
	receiveOr(t, "the call ends", c.Done())
	w.hook("aicall_failed", "llm.realtime")
	w.hook("activeflow_ended", `"voipbin.ai.result":"engine_failed"`)
}
