package assistant

import (
	"encoding/json"
	"fmt"
	"strings"

	"offhook/resource"
)

// Spec is who an assistant is in one conversation: its row, with what the
// action adds, variables filled in.
type Spec struct {
	AIID           string
	Prompt         string
	Greeting       string
	Filler         string // "": a tone
	Language       string // BCP 47
	Voice          string
	Model          string // "": the configured one
	Live           bool   // a model that hears and speaks itself
	EngineURL      string // "": the configured server
	EngineKey      string
	Parameter      map[string]any
	Tools          []resource.AITool
	Builtin        []string // names of built-in tools, or all
	EndCallPhrases []string
	VAD            *resource.VADConfig
}

// specOf makes a spec of an assistant's row; nil: a bare one.
func specOf(ai *resource.AI, fill func(string) string) Spec {
	if ai == nil {
		return Spec{Language: "en-US"}
	}
	s := Spec{
		AIID: ai.ID, Prompt: fill(ai.InitPrompt), Greeting: fill(ai.Greeting), Filler: fill(ai.Filler), Language: ai.STTLanguage, Voice: ai.TTSVoiceID,
		Model: modelName(ai.EngineModel), EngineURL: ai.EngineURL, EngineKey: ai.EngineKey, Parameter: ai.Parameter,
		Tools: ai.Tools, Builtin: ai.ToolNames, EndCallPhrases: ai.EndCallPhrases, VAD: ai.VADConfig,
	}
	if s.Language == "" {
		s.Language = "en-US"
	}
	s.Model, s.Live = strings.CutPrefix(s.Model, livePrefix)
	return s
}

// providers are the prefixes of VoIPBIN's model names that say who serves them.
var providers = map[string]bool{"openai": true, "grok": true, "gemini": true, "anthropic": true, "azure": true, "ollama": true, "mistral": true, "groq": true}

// livePrefix is that of names of models that hear and speak themselves.
const livePrefix = "realtime."

// modelName is the model of a name such as openai.gpt-5-mini.
func modelName(name string) string {
	if provider, model, ok := strings.Cut(name, "."); ok && providers[provider] {
		return model
	}
	return name
}

// manner is what every assistant is told about telephones.
const manner = "You are talking with a caller on the telephone. Everything you write is spoken aloud at once. " +
	"Answer in short, plain, spoken sentences, without lists, markup, emojis or web addresses. " +
	"Ask one question at a time. Write numbers and codes so that they can be read out. " +
	"When you need a tool, you may say one short sentence first. " +
	"A message DTMF_EVENT: N means that the caller pressed these keys. " +
	"Text in square brackets is a note from the telephone system, not something the caller said."

// system is the first message of a conversation on the telephone.
func (s *Spec) system() string {
	return strings.Join(append([]string{manner}, s.parts()...), "\n\n")
}

// written is the first message of a conversation in writing.
func (s *Spec) written() string { return strings.Join(s.parts(), "\n\n") }

func (s *Spec) parts() []string {
	var parts []string
	if s.Prompt != "" {
		parts = append(parts, s.Prompt)
	}
	if s.Language != "" {
		parts = append(parts, fmt.Sprintf("The caller's language is %s.", s.Language))
	}
	if len(s.Parameter) > 0 {
		if raw, err := json.Marshal(s.Parameter); err == nil {
			parts = append(parts, "Context: "+string(raw))
		}
	}
	return parts
}
