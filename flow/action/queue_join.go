package action

import (
	"context"

	"offhook/flow"
)

// QueueJoin is the option of queue_join.
type QueueJoin struct {
	QueueID string `json:"queue_id" required:"true" doc:"The queue to wait in"`
}

// Run implements flow.Option.
func (o *QueueJoin) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	r.SetVariable("voipbin.queue.id", o.QueueID)
	queues, err := need(r.Host().Queues, "waiting in queues")
	if err != nil {
		r.SetVariable("voipbin.queue.result", "failed")
		return flow.Continue(), err
	}
	result, err := queues.JoinQueue(ctx, o.QueueID, r)
	r.SetVariable("voipbin.queue.result", result.Result)
	r.SetVariable("voipbin.queue.agent_id", result.AgentID)
	r.SetVariable("voipbin.queuecall.id", result.QueuecallID)
	return flow.Continue(), err
}
