package callflow

import (
	"context"
	"errors"
	"strings"
	"sync"

	"offhook/event"
	"offhook/flow"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// journal keeps one run's row and publishes its events. flow tells each change
// and then the event of it; both go into one transaction.
type journal struct {
	db     *store.DB
	change func(*resource.Action) // tells the call where it is; may be nil

	mu      sync.Mutex
	pending *resource.Activeflow
	at      string // the action that the call was told of

	stored bool // the row was written; the store's writer's
}

// Changed implements flow.Journal.
func (j *journal) Changed(a resource.Activeflow) {
	j.mu.Lock()
	j.pending = &a
	tell := a.CurrentAction != nil && a.CurrentAction.ID != j.at && a.Status != "ended"
	if tell {
		j.at = a.CurrentAction.ID
	}
	j.mu.Unlock()
	if tell && j.change != nil {
		j.change(a.CurrentAction)
	}
}

// Emit implements flow.Journal.
func (j *journal) Emit(e resource.Event) {
	j.mu.Lock()
	row := j.pending
	if strings.HasPrefix(e.Type, "activeflow_") {
		j.pending = nil
	} else {
		row = nil
	}
	j.mu.Unlock()
	j.db.Enqueue(func(tx *store.Tx) error {
		if row != nil {
			if err := j.save(tx, row); err != nil {
				return err
			}
		}
		return tx.Emit(e)
	})
}

// save writes the row. It is asked for only when it was written before, and
// written anew when that was lost with its transaction.
func (j *journal) save(tx *store.Tx, row *resource.Activeflow) error {
	if j.stored {
		err := rows.Activeflows.Put(tx, row)
		if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	j.stored = true
	return rows.Activeflows.Insert(tx, row)
}

// Recover closes runs that the last process took with it.
func (r *Runner) Recover(ctx context.Context) error {
	open, err := rows.Activeflows.Find(ctx, r.cfg.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	return r.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		for _, a := range open {
			a.Status, a.EndReason, a.TMEnd = "ended", flow.EndRestart, resource.Now()
			a.CurrentAction = nil
			if err := rows.Activeflows.Put(tx, a); err != nil {
				return err
			}
			if err := tx.Emit(event.OfActiveflow(event.ActiveflowEnded, *a)); err != nil {
				return err
			}
		}
		return nil
	})
}
