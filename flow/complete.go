package flow

import (
	"context"
	"fmt"
	"time"
)

// followTimeout bounds how long a run that follows may take: it has no call
// whose end would end it.
const followTimeout = time.Hour

// follow runs the flow that on_complete_flow_id names, without the call: its
// actions that need one are skipped. It returns when that is over.
func (r *Run) follow() {
	id := r.options.OnCompleteFlowID
	if id == "" {
		return
	}
	count := r.options.completeCount + 1
	if count >= MaxCompletes {
		r.log.Warn("on_complete_flow_id ignored", "flow", id, "reason", fmt.Sprintf("%d runs have followed each other", MaxCompletes-1))
		return
	}
	ctx, cancel := context.WithTimeout(r.finalCtx, followTimeout)
	defer cancel()
	program, f, err := r.lookup(ctx, id)
	if err != nil {
		r.log.Warn("on_complete_flow_id ignored", "flow", id, "error", err)
		return
	}
	next := Start(ctx, r.host.withoutCall(), Options{
		CustomerID: r.options.CustomerID, FlowID: id, Program: program, Variables: r.Variables(),
		ReferenceType: r.options.ReferenceType, ReferenceID: r.options.ReferenceID, ReferenceActiveflowID: r.options.ID,
		OnCompleteFlowID: f.OnCompleteFlowID, WebhookURI: r.options.WebhookURI, WebhookMethod: r.options.WebhookMethod,
		Logger: r.options.Logger, Followed: r.options.Followed, Ended: r.options.Ended, completeCount: count, follows: true,
	})
	next.Wait()
}

// withoutCall is what is left of a host when the call is gone.
func (h Host) withoutCall() Host {
	return Host{Assistant: h.Assistant, Dialer: h.Dialer, Documents: h.Documents, Web: h.Web, Journal: h.Journal}
}
