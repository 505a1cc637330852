package action

import (
	"context"

	"offhook/flow"
)

// Beep is the option of beep, which has none.
type Beep struct{}

// Run implements flow.Option.
func (*Beep) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	player, err := need(r.Host().Player, "playing")
	if err != nil {
		return flow.Continue(), err
	}
	return flow.Continue(), player.Play(ctx, flow.Prompt{Kind: flow.PromptBeep})
}
