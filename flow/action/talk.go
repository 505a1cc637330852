package action

import (
	"context"

	"offhook/flow"
)

// Talk is the option of talk.
type Talk struct {
	Text         string `json:"text" required:"true" doc:"What to say: plain text, or SSML inside of <speak>"`
	Language     string `json:"language" default:"en-US" doc:"Language as BCP 47 has it"`
	Voice        string `json:"voice_id" doc:"Voice of the engine; empty: one that suits the language"`
	Provider     string `json:"provider" doc:"Speech engine; empty: the configured one"`
	Gender       string `json:"gender" enum:"male,female,neutral," doc:"Accepted from older flows; the voice decides"`
	DigitsHandle string `json:"digits_handle" enum:"next," doc:"next: a digit ends the speech and is kept for digits_receive"`
	Async        bool   `json:"async" doc:"Go on at once while the text is being said"`
	EarlyMedia   bool   `json:"early_media" doc:"Speak to an unanswered call instead of answering it"`
}

// Early implements flow.EarlyMedia.
func (o *Talk) Early() bool { return o.EarlyMedia }

// Run implements flow.Option.
func (o *Talk) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	player, err := need(r.Host().Player, "speech")
	if err != nil {
		return flow.Continue(), err
	}
	prompt := flow.Prompt{
		Kind: flow.PromptText, Text: o.Text, Language: o.Language, Voice: o.Voice, Provider: o.Provider,
		StopOnDigit: o.DigitsHandle == "next",
	}
	if o.Async {
		player.PlayInBackground(prompt)
		return flow.Continue(), nil
	}
	return flow.Continue(), player.Play(ctx, prompt)
}
