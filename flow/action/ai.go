package action

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"offhook/flow"
	"offhook/resource"
)

// resultVariable tells how a conversation with an assistant ended.
const resultVariable = "voipbin.ai.result"

// assistant names an assistant, by VoIPBIN's old and new words.
type assistant struct {
	AIID           string `json:"ai_id,omitempty" doc:"The assistant"`
	AssistanceType string `json:"assistance_type,omitempty" enum:"ai," doc:"ai"`
	AssistanceID   string `json:"assistance_id,omitempty" doc:"The same as ai_id"`
	ChatbotID      string `json:"chatbot_id,omitempty" doc:"The same, in older flows"`
}

// ID returns the assistant's id by whatever name it was given; empty: none.
func (a *assistant) ID() string {
	ids := []string{a.AIID, a.AssistanceID, a.ChatbotID}
	if i := slices.IndexFunc(ids, func(id string) bool { return id != "" }); i >= 0 {
		return ids[i]
	}
	return ""
}

// AITalk is the option of ai_talk.
type AITalk struct {
	assistant
	Prompt         string            `json:"prompt,omitempty" doc:"What the assistant is and does, on top of its own init_prompt"`
	Greeting       string            `json:"greeting,omitempty" doc:"Said first, instead of the assistant's own"`
	Filler         string            `json:"filler,omitempty" doc:"Said while the model or a tool takes long, instead of the assistant's own; empty: a soft tone"`
	Tools          []resource.AITool `json:"tools,omitempty" doc:"What the assistant may do besides its own tools"`
	EndCallPhrases []string          `json:"end_call_phrases,omitempty" doc:"The call ends when the caller says one of them"`
	Duration       Seconds           `json:"duration,omitempty" minimum:"0" maximum:"86400" doc:"Seconds at most; 0: no limit"`
	Language       string            `json:"language,omitempty" doc:"Language as BCP 47 has it; empty: the assistant's"`
	Voice          string            `json:"voice_id,omitempty" doc:"Voice; empty: the assistant's"`
	Gender         string            `json:"gender,omitempty" enum:"male,female,neutral," doc:"Accepted from older flows; the voice decides"`
	Resume         bool              `json:"resume,omitempty" doc:"Accepted from older flows"`
}

// Validate implements flow.Validator.
func (o *AITalk) Validate(c *flow.Check) {
	if o.ID() == "" && o.Prompt == "" {
		c.Missing("ai_id", "give ai_id, or prompt for an assistant of this action alone")
	}
	for i, t := range o.Tools {
		at := fmt.Sprintf("tools[%d]", i)
		switch {
		case t.Name == "":
			c.Missing(at+".name", "is required: what the model calls the tool")
		case t.Action == "transfer" && t.Destination == "":
			c.Missing(at+".destination", "is required: where to transfer, such as queue:<id> or tel:<number>")
		case t.Action == "" && t.WebhookURL == "":
			c.Missing(at+".webhook_url", "give webhook_url, or action and destination")
		case t.WebhookURL != "":
			checkURL(c, at+".webhook_url", t.WebhookURL)
		}
	}
}

// Run implements flow.Option. What the assistant asks for, such as joining a
// queue, runs next.
func (o *AITalk) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	return assist(ctx, r, flow.AssistRequest{Verb: "ai_talk", AIID: o.ID(), Duration: o.Duration.Duration()}, o)
}

// AITask is the option of ai_task.
type AITask struct {
	assistant
	Prompt       string `json:"prompt,omitempty" doc:"What to do, on top of the assistant's own init_prompt"`
	VariableName string `json:"variable_name,omitempty" doc:"The variable that gets the answer, besides voipbin.ai_task.content"`
}

// Validate implements flow.Validator.
func (o *AITask) Validate(c *flow.Check) {
	if o.ID() == "" && o.Prompt == "" {
		c.Missing("ai_id", "give ai_id, or prompt for a task of this action alone")
	}
}

// Run implements flow.Option.
func (o *AITask) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	return assist(ctx, r, flow.AssistRequest{Verb: "ai_task", AIID: o.ID()}, o)
}

// AISummary is the option of ai_summary.
type AISummary struct {
	ReferenceType string `json:"reference_type,omitempty" default:"call" enum:"call,conference,transcribe,recording," doc:"What to sum up"`
	ReferenceID   string `json:"reference_id,omitempty" doc:"Its id; empty: this call"`
	Language      string `json:"language,omitempty" default:"en-US" doc:"Language of the summary, as BCP 47 has it"`
	OnEndFlowID   string `json:"on_end_flow_id,omitempty" doc:"The flow that runs when the summary is there"`
}

// Validate implements flow.Validator.
func (o *AISummary) Validate(c *flow.Check) {
	if o.ReferenceID == "" && o.ReferenceType != "call" && o.ReferenceType != "" {
		c.Missing("reference_id", "is required: the %s to sum up", o.ReferenceType)
	}
}

// Run implements flow.Option.
func (o *AISummary) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	return assist(ctx, r, flow.AssistRequest{Verb: "ai_summary"}, o)
}

// assist hands an option to the assistant and goes where that leads.
func assist(ctx context.Context, r *flow.Run, request flow.AssistRequest, option any) (flow.Next, error) {
	service := r.Host().Assistant
	if service == nil {
		engineMissing(r, "aicall_failed", "aicall", "no language model is configured: set llm.url and llm.model")
		r.SetVariable(resultVariable, engineNotConfigured)
		return flow.Continue(), nil
	}
	raw, err := json.Marshal(option)
	if err != nil {
		return flow.Continue(), err
	}
	request.Option = raw
	result, next, err := service.Assist(ctx, request, r)
	r.SetVariable(resultVariable, result)
	if err != nil || len(next) == 0 {
		return flow.Continue(), err
	}
	program, err := r.ParseNested(ctx, next)
	if err != nil {
		return flow.Continue(), err
	}
	return flow.Push(program, request.Verb), nil
}

// engineNotConfigured is the reason of events about engines that are missing.
const engineNotConfigured = "engine_not_configured"

// engineFailed is the data of the events transcribe_failed and aicall_failed.
type engineFailed struct {
	ActiveflowID  string `json:"activeflow_id"`
	ReferenceType string `json:"reference_type"`
	ReferenceID   string `json:"reference_id"`
	Reason        string `json:"reason"`
	Message       string `json:"message"`
}

// engineMissing tells that an action needs an engine that nobody has configured.
func engineMissing(r *flow.Run, event, kind, message string) {
	state := r.State()
	r.Logger().Warn(message, "event", event)
	r.Emit(event, kind, r.ID(), engineFailed{
		ActiveflowID: r.ID(), ReferenceType: state.ReferenceType, ReferenceID: state.ReferenceID,
		Reason: engineNotConfigured, Message: message,
	})
}
