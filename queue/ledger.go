package queue

import (
	"context"
	"errors"
	"slices"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// StoreLedger keeps rows and events in the store.
type StoreLedger struct{ DB *store.DB }

// Visit implements Ledger.
func (l StoreLedger) Visit(row resource.Queuecall, v Visitor, fresh bool, events ...string) {
	l.DB.Enqueue(func(tx *store.Tx) error {
		put := rows.Queuecalls.Put
		if fresh {
			put = rows.Queuecalls.Insert
		}
		if err := put(tx, &row); err != nil {
			return err
		}
		for _, name := range events {
			e := event.Of(name, &row, row.ReferenceID)
			e.WebhookURI, e.Webhook = v.WebhookURI, v.WebhookMethod
			if err := tx.Emit(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// Agent implements Ledger. Only the fields that the queues own are written.
func (l StoreLedger) Agent(row resource.Agent, events ...string) {
	l.DB.Enqueue(func(tx *store.Tx) error {
		return gone(updateAgent(tx, row, events...))
	})
}

func updateAgent(tx *store.Tx, row resource.Agent, events ...string) error {
	stored, err := rows.Agents.Update(tx, row.CustomerID, row.ID, func(a *resource.Agent) error {
		a.Status, a.TMStatus, a.CallID, a.CallsTaken, a.PhoneLost = row.Status, row.TMStatus, row.CallID, row.CallsTaken, row.PhoneLost
		return nil
	})
	if err != nil {
		return err
	}
	shown := *stored
	shown.Password = ""
	shown.TagIDs, shown.Addresses = orEmpty(shown.TagIDs), orEmpty(shown.Addresses)
	for _, name := range events {
		if err := tx.Emit(event.Of(name, &shown, "")); err != nil {
			return err
		}
	}
	return nil
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Queue implements Ledger.
func (l StoreLedger) Queue(row resource.Queue) {
	row.WaitQueuecallIDs, row.ServiceQueuecallIDs = slices.Clone(row.WaitQueuecallIDs), slices.Clone(row.ServiceQueuecallIDs)
	l.DB.Enqueue(func(tx *store.Tx) error {
		_, err := rows.Queues.Update(tx, row.CustomerID, row.ID, func(q *resource.Queue) error {
			q.WaitQueuecallIDs, q.ServiceQueuecallIDs = orEmpty(row.WaitQueuecallIDs), orEmpty(row.ServiceQueuecallIDs)
			q.TotalIncomingCount, q.TotalServicedCount, q.TotalAbandonedCount = row.TotalIncomingCount, row.TotalServicedCount, row.TotalAbandonedCount
			return nil
		})
		return gone(err)
	})
}

// gone takes no notice of rows that were deleted meanwhile.
func gone(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// Recover closes what the last process took with it: callers that were in a
// queue end with the reason restart, and agents that had a call are available.
// Callbacks that were promised stay; Resume takes them up.
func (l StoreLedger) Recover(ctx context.Context) error {
	open, err := rows.Queuecalls.Find(ctx, l.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	open = slices.DeleteFunc(open, promised)
	agents, err := rows.Agents.Everything(ctx, l.DB)
	if err != nil {
		return err
	}
	queues, err := rows.Queues.Everything(ctx, l.DB)
	if err != nil {
		return err
	}
	return l.DB.Write(ctx, func(tx *store.Tx) error {
		lost := map[string]int{}
		for _, q := range open {
			if err := closeVisit(tx, q, lost); err != nil {
				return err
			}
		}
		for _, a := range agents {
			if a.Status != Ringing && a.Status != WrapUp && (a.Status != Busy || a.CallID == "") {
				continue
			}
			a.Status, a.TMStatus, a.CallID = Available, resource.Now(), ""
			if err := updateAgent(tx, *a, event.AgentStatusUpdated); err != nil {
				return err
			}
		}
		for _, q := range queues {
			q.WaitQueuecallIDs, q.ServiceQueuecallIDs = []string{}, []string{}
			q.TotalAbandonedCount += lost[q.CustomerID+"\x00"+q.ID]
			if err := rows.Queues.Put(tx, q); err != nil {
				return err
			}
		}
		return nil
	})
}

// promised reports whether a queuecall is a callback whose person has yet to be
// reached.
func promised(q *resource.Queuecall) bool { return q.Callback != nil && q.Status != string(Service) }

// Resume gives a centre that knows its queues the callbacks that the last process
// promised. Agents may be rung at once.
func (l StoreLedger) Resume(ctx context.Context, c *Centre) error {
	open, err := rows.Queuecalls.Find(ctx, l.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	for _, q := range open {
		if promised(q) {
			c.Resume(*q)
		}
	}
	return nil
}

// closeVisit ends the row of a caller that was in a queue, and counts it as
// lost unless it was served.
func closeVisit(tx *store.Tx, q *resource.Queuecall, lost map[string]int) error {
	name := event.QueuecallAbandoned
	q.EndReason, q.TMEnd, q.Position = "restart", resource.Now(), 0
	if q.Status == string(Service) {
		q.Status, name = "done", event.QueuecallDone
	} else {
		q.Status = "abandoned"
		lost[q.CustomerID+"\x00"+q.QueueID]++
	}
	if err := rows.Queuecalls.Put(tx, q); err != nil {
		return err
	}
	return tx.Emit(event.Of(name, q, q.ReferenceID))
}

// Load makes every stored queue and agent known to a centre that runs.
func (l StoreLedger) Load(ctx context.Context, c *Centre) error {
	queues, err := rows.Queues.Everything(ctx, l.DB)
	if err != nil {
		return err
	}
	for _, q := range queues {
		c.SetQueue(*q)
	}
	agents, err := rows.Agents.Everything(ctx, l.DB)
	if err != nil {
		return err
	}
	for _, a := range agents {
		c.SetAgent(*a)
	}
	return nil
}
