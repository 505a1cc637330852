package action

import (
	"context"

	"offhook/flow"
	"offhook/resource"
)

// DNCAdd is the option of dnc_add.
type DNCAdd struct {
	Number string `json:"number" doc:"By default the party's own"`
	Detail string `json:"detail" doc:"Why, for people"`
}

// Run implements flow.Option.
func (o *DNCAdd) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	list, err := need(r.Host().OptOuts, "the do-not-call list")
	if err != nil {
		return flow.Continue(), err
	}
	number := o.Number
	if c := r.Host().Call; number == "" && c != nil {
		row := c.Snapshot()
		number = row.Source.Target
		if row.Direction == resource.DirectionOutgoing {
			number = row.Destination.Target
		}
	}
	if number == "" {
		return flow.Continue(), &flow.Failure{Reason: "no_number", Message: "give number: there is no call whose party could be meant"}
	}
	return flow.Continue(), list.AddOptOut(ctx, r.CustomerID(), number, o.Detail)
}
