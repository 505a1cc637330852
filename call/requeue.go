package call

import (
	"offhook/resource"
)

// OnTransferToQueue has f asked when somebody transfers to a queue: it lets the
// caller whom that call serves go on to the queue, with its flow and variables,
// and reports whether it did. It is set before Start.
func (x *Exchange) OnTransferToQueue(f func(transferer *Call, queueID string) bool) {
	x.hooks.requeue = f
}

// requeue is a transfer to a queue by somebody who serves a caller of queues.
// There is nobody to consult, so an attended one is as a blind one.
func (c *Call) requeue(o TransferOptions) (resource.Transfer, bool) {
	if len(o.Destinations) != 1 || o.Destinations[0].Type != resource.TypeQueue || c.x.hooks.requeue == nil {
		return resource.Transfer{}, false
	}
	to := o.Destinations[0].Target
	row := resource.Transfer{
		Identity: resource.Identity{ID: o.ID, CustomerID: c.CustomerID(), TMCreate: resource.Now()},
		Type:     "blind", Status: "completed", TransfererCallID: c.ID(), TransfereeAddresses: o.Destinations, Context: o.Context,
	}
	if row.ID == "" {
		row.ID = resource.NewID()
	}
	if !c.x.hooks.requeue(c, to) {
		return resource.Transfer{}, false
	}
	c.completedAtOnce(row, to)
	if o.Progress != nil {
		o.Progress(200)
	}
	c.Hangup(CauseOf(ReasonNormal))
	return row, true
}
