package assistant

import (
	"encoding/json"
	"slices"

	"offhook/assistant/llm"
	"offhook/resource"
)

// builtin is a tool that every assistant may be given by its tool_names.
type builtin struct {
	llm.Tool
	needsRun bool // it works on a flow's execution
	run      func(b *toolbox, arguments json.RawMessage) (string, *ending)
}

// wanted reports whether a list of names asks for the tool.
func (t *builtin) wanted(names []string) bool {
	return slices.Contains(names, "all") || slices.Contains(names, t.Name)
}

// object is a JSON schema of an object.
func object(properties map[string]any, required ...string) map[string]any {
	if required == nil {
		required = []string{}
	}
	return map[string]any{"type": "object", "properties": properties, "required": required}
}

// builtins are the tools of VoIPBIN's catalogue that make sense on a call.
var builtins = []builtin{
	{
		Tool: llm.Tool{
			Name: "connect_call", Description: "Connect the caller with somebody else; you leave the call.",
			Parameters: object(map[string]any{"destinations": map[string]any{"type": "array", "items": object(map[string]any{
				"type":   map[string]any{"type": "string", "enum": []string{"agent", "conference", "extension", "sip", "tel"}},
				"target": map[string]any{"type": "string"},
			}, "type", "target")}}, "destinations"),
		},
		run: connectCall,
	},
	{
		Tool: llm.Tool{Name: "stop_service", Description: "End your part; the call goes on with its next step.", Parameters: object(map[string]any{})},
		run: func(*toolbox, json.RawMessage) (string, *ending) {
			return `{"status":"ok"}`, &ending{result: "stopped"}
		},
	},
	{
		Tool: llm.Tool{Name: "stop_flow", Description: "End the call.", Parameters: object(map[string]any{})},
		run: func(*toolbox, json.RawMessage) (string, *ending) {
			return `{"status":"ok"}`, &ending{result: "stopped", next: []resource.Action{{Type: "hangup"}}}
		},
	},
	{
		Tool: llm.Tool{
			Name: "set_variables", Description: "Keep values for the steps that follow in the call.",
			Parameters: object(map[string]any{"variables": map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}}, "variables"),
		},
		needsRun: true, run: setVariables,
	},
	{
		Tool:     llm.Tool{Name: "get_variables", Description: "Read the values that the call has.", Parameters: object(map[string]any{})},
		needsRun: true, run: func(b *toolbox, _ json.RawMessage) (string, *ending) {
			raw, err := json.Marshal(b.scope.variables())
			if err != nil {
				return errorResult("%v", err), nil
			}
			return string(raw), nil
		},
	},
}

func connectCall(_ *toolbox, arguments json.RawMessage) (string, *ending) {
	var a struct {
		Destinations []resource.Address `json:"destinations"`
	}
	if err := json.Unmarshal(arguments, &a); err != nil || len(a.Destinations) == 0 {
		return errorResult("destinations are needed: a list of type and target"), nil
	}
	raw, err := json.Marshal(map[string]any{"destinations": a.Destinations})
	if err != nil {
		return errorResult("%v", err), nil
	}
	return `{"status":"ok"}`, &ending{result: "transfer", next: []resource.Action{{Type: "connect", Option: raw}}}
}

func setVariables(b *toolbox, arguments json.RawMessage) (string, *ending) {
	var a struct {
		Variables map[string]string `json:"variables"`
	}
	if err := json.Unmarshal(arguments, &a); err != nil {
		return errorResult("variables must be an object of texts"), nil
	}
	for name, value := range a.Variables {
		b.scope.run.SetVariable(name, value)
	}
	return `{"status":"ok"}`, nil
}
