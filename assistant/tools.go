package assistant

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"offhook/assistant/llm"
	"offhook/flow"
	"offhook/resource"
)

// toolbox is the tools of one conversation.
type toolbox struct {
	own     map[string]resource.AITool
	builtin map[string]builtin
	list    []llm.Tool
	web     flow.Web
	scope   scope
	timeout time.Duration
}

// scope is what tools know of the conversation they are used in.
type scope struct {
	customerID, aicallID, callID, activeflowID string
	caller                                     resource.Address
	run                                        *flow.Run // nil: none
}

// variables are those of the run.
func (s *scope) variables() map[string]string {
	if s.run == nil {
		return map[string]string{}
	}
	return s.run.Variables()
}

// newToolbox collects the tools that a spec allows.
func newToolbox(spec *Spec, web flow.Web, sc scope, timeout time.Duration) *toolbox {
	b := &toolbox{own: map[string]resource.AITool{}, builtin: map[string]builtin{}, web: web, scope: sc, timeout: timeout}
	for _, t := range spec.Tools {
		b.own[t.Name] = t
		b.list = append(b.list, llm.Tool{Name: t.Name, Description: t.Description, Parameters: t.Parameters})
	}
	for _, t := range builtins {
		if b.own[t.Name].Name == "" && t.wanted(spec.Builtin) && (sc.run != nil || !t.needsRun) {
			b.builtin[t.Name] = t
			b.list = append(b.list, t.Tool)
		}
	}
	return b
}

func (b *toolbox) definitions() []llm.Tool { return b.list }

// errorResult tells the model that a tool failed.
func errorResult(format string, args ...any) string {
	raw, _ := json.Marshal(map[string]string{"status": "error", "error": fmt.Sprintf(format, args...)})
	return string(raw)
}

// use runs one tool. result is for the model; end is not nil when the
// conversation is over by it.
func (b *toolbox) use(ctx context.Context, c llm.ToolCall) (result string, end *ending) {
	arguments := json.RawMessage(strings.TrimSpace(c.Function.Arguments))
	if len(arguments) == 0 {
		arguments = json.RawMessage("{}")
	}
	if !json.Valid(arguments) {
		return errorResult("the arguments are not JSON"), nil
	}
	if t, ok := b.builtin[c.Function.Name]; ok {
		return t.run(b, arguments)
	}
	t, ok := b.own[c.Function.Name]
	switch {
	case !ok:
		return errorResult("there is no tool %q", c.Function.Name), nil
	case t.Action == "transfer":
		return b.transfer(t)
	case t.WebhookURL == "":
		return errorResult("the tool %q has no webhook_url", t.Name), nil
	}
	return b.post(ctx, t, c, arguments), nil
}

// transfer ends the conversation and sends the caller on.
func (b *toolbox) transfer(t resource.AITool) (string, *ending) {
	destination := t.Destination
	if b.scope.run != nil {
		destination = b.scope.run.Substitute(destination)
	}
	next, err := transferActions(destination)
	if err != nil {
		return errorResult("%v", err), nil
	}
	return `{"status":"ok"}`, &ending{result: "transfer", next: next}
}

// maxResult bounds what a model is given of a tool's answer, in bytes.
const maxResult = 16 << 10

// post asks a webhook tool.
func (b *toolbox) post(ctx context.Context, t resource.AITool, c llm.ToolCall, arguments json.RawMessage) string {
	body, err := json.Marshal(map[string]any{
		"call_id": b.scope.callID, "activeflow_id": b.scope.activeflowID, "aicall_id": b.scope.aicallID,
		"tool_name": t.Name, "tool_call_id": c.ID, "arguments": arguments, "variables": b.scope.variables(),
		"caller": map[string]string{"type": b.scope.caller.Type, "target": b.scope.caller.Target},
	})
	if err != nil {
		return errorResult("%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, b.timeout)
	defer cancel()
	url := t.WebhookURL
	if b.scope.run != nil {
		url = b.scope.run.Substitute(url)
	}
	status, answer, err := b.web.Send(ctx, b.scope.customerID, http.MethodPost, url, "application/json", body)
	switch {
	case ctx.Err() != nil:
		return errorResult("no answer within %v", b.timeout)
	case err != nil:
		return errorResult("not reached: %v", err)
	case status < 200 || status > 299:
		return errorResult("the server answered %d: %.200s", status, answer)
	case len(answer) == 0:
		return `{"status":"ok"}`
	}
	return strings.ToValidUTF8(string(answer[:min(len(answer), maxResult)]), "")
}

// transferActions are the actions that bring a caller to a destination such as
// queue:ID or tel:+15551234567.
func transferActions(destination string) ([]resource.Action, error) {
	kind, target, _ := strings.Cut(destination, ":")
	if target == "" {
		return nil, fmt.Errorf("destination %q: must be such as queue:ID or tel:+15551234567", destination)
	}
	action := func(verb string, option any) ([]resource.Action, error) {
		raw, err := json.Marshal(option)
		return []resource.Action{{Type: verb, Option: raw}}, err
	}
	switch kind {
	case "queue":
		return action("queue_join", map[string]string{"queue_id": target})
	case "flow":
		return action("fetch_flow", map[string]string{"flow_id": target})
	case "conference":
		return action("conference_join", map[string]string{"conference_id": target})
	case "sip":
		target = destination
		fallthrough
	case "tel", "extension", "agent":
		return action("connect", map[string]any{"destinations": []resource.Address{{Type: kind, Target: target}}})
	}
	return nil, fmt.Errorf("destination %q: must begin with queue:, tel:, sip:, extension:, agent:, conference: or flow: and a target", destination)
}

// connecting is said before a transfer when the model said nothing.
const connecting = "One moment please, I will connect you."

// useTools runs the tools that a model wants used, while the party still hears
// what the model said before.
func (t *talk) useTools(ctx context.Context, g *generation) (interrupted bool, err error) {
	var results []string
	var end *ending
	background, cancel := context.WithCancel(ctx)
	defer cancel()
	j := &job{done: make(chan struct{}), cancel: cancel, whole: true}
	go func() {
		defer close(j.done)
		for _, c := range g.calls {
			result, e := t.tools.use(background, c)
			results = append(results, result)
			if e != nil {
				end = e
			}
		}
	}()
	interrupted, err = t.attend(ctx, j)
	<-j.done
	heard := strings.TrimSpace(g.text)
	if interrupted {
		heard = t.mouth.heard()
		t.silence(g)
	}
	t.remember(llm.Message{Role: "assistant", Content: heard, ToolCalls: g.calls}, interrupted)
	for i, c := range g.calls {
		t.remember(llm.Message{Role: "tool", Content: results[i], ToolCallID: c.ID}, false)
	}
	switch {
	case err != nil:
		return interrupted, err
	case end == nil:
		return interrupted, nil
	case end.result == "transfer" && heard == "":
		text, cut, err := t.say(ctx, connecting)
		t.remember(llm.Message{Role: "assistant", Content: text}, cut)
		if err != nil {
			return cut, err
		}
	}
	return interrupted, end
}
