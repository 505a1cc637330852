package action

import (
	"context"

	"offhook/flow"
)

// Play is the option of play.
type Play struct {
	StreamURLs   []string `json:"stream_urls" required:"true" doc:"WAV or MP3 files by URL, played one after the other"`
	DigitsHandle string   `json:"digits_handle" enum:"next," doc:"next: a digit ends the playing and is kept for digits_receive"`
	EarlyMedia   bool     `json:"early_media" doc:"Play to an unanswered call instead of answering it"`
}

// Early implements flow.EarlyMedia.
func (o *Play) Early() bool { return o.EarlyMedia }

// Run implements flow.Option. A file that can't be had does not keep the others
// from being played; the first such error is returned.
func (o *Play) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	player, err := need(r.Host().Player, "playing")
	if err != nil {
		return flow.Continue(), err
	}
	var first error
	for _, url := range o.StreamURLs {
		err := player.Play(ctx, flow.Prompt{Kind: flow.PromptURL, URL: url, StopOnDigit: o.DigitsHandle == "next"})
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return flow.Continue(), first
}
