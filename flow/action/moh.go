package action

import (
	"context"

	"offhook/flow"
)

// MohStart is the option of moh_start.
type MohStart struct {
	MusicClass string `json:"music_class" default:"default" doc:"Which music"`
}

// Run implements flow.Option.
func (o *MohStart) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	player, err := need(r.Host().Player, "music")
	if err != nil {
		return flow.Continue(), err
	}
	class := o.MusicClass
	if class == "" {
		class = "default"
	}
	return flow.Continue(), player.MusicStart(class)
}

// MohStop is the option of moh_stop, which has none.
type MohStop struct{}

// Run implements flow.Option.
func (*MohStop) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	player, err := need(r.Host().Player, "music")
	if err == nil {
		player.MusicStop()
	}
	return flow.Continue(), err
}
