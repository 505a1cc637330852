package action

import (
	"context"

	"offhook/flow"
)

// ConferenceJoin is the option of conference_join.
type ConferenceJoin struct {
	ConferenceID string `json:"conference_id" required:"true" doc:"The conference to join"`
	Role         string `json:"role" default:"participant" enum:"moderator,participant," doc:"A moderator may mute, unmute and kick others through the API"`
	MuteOnJoin   bool   `json:"mute_on_join" doc:"Nobody hears this member at first"`
	Create       bool   `json:"create" doc:"Make the conference when it is unknown"`
}

// Run implements flow.Option.
func (o *ConferenceJoin) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	rooms, err := need(r.Host().Rooms, "conferences")
	if err != nil {
		r.SetVariable("voipbin.conference.result", "failed")
		return flow.Continue(), err
	}
	role := o.Role
	if role == "" {
		role = "participant"
	}
	result, err := rooms.JoinConference(ctx, flow.Room{
		ConferenceID: o.ConferenceID, Role: role, MuteOnJoin: o.MuteOnJoin, Create: o.Create, Run: r,
	})
	r.SetVariable("voipbin.conference.id", o.ConferenceID)
	r.SetVariable("voipbin.conference.result", result)
	return flow.Continue(), err
}
