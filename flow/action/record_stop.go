package action

import (
	"context"

	"offhook/flow"
)

// RecordStop is the option of record_stop, which has none.
type RecordStop struct{}

// Run implements flow.Option.
func (*RecordStop) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	recorder, err := need(r.Host().Recorder, "recording")
	if err == nil {
		recorder.RecordStop(ctx)
	}
	return flow.Continue(), err
}
