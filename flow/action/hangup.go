package action

import (
	"context"

	"offhook/flow"
)

// Hangup is the option of hangup.
type Hangup struct {
	Reason      string `json:"reason" default:"normal" enum:"normal,failed,busy,cancel,timeout,noanswer,dialout,amd," doc:"What the other side and the call's hangup_reason say"`
	ReferenceID string `json:"reference_id" doc:"Id of an ended call whose cause to use instead"`
}

// Run implements flow.Option. Without a call it ends the run, too.
func (o *Hangup) Run(_ context.Context, r *flow.Run) (flow.Next, error) {
	call := r.Host().Call
	switch {
	case call == nil:
		return flow.Finish(flow.EndStopped), nil
	case o.ReferenceID != "":
		call.HangupLike(o.ReferenceID)
	case o.Reason == "":
		call.Hangup("normal")
	default:
		call.Hangup(o.Reason)
	}
	return flow.Finish(flow.EndHangup), nil
}
