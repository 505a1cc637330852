package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"offhook/resource"
)

var errBroken = errors.New("connection is broken")

// OnQueued has fn called with the endpoints that a committed transaction
// queued deliveries for, and the Seq of the first one for each. fn runs on the
// writer's goroutine: it must not block and must not keep the map.
func (db *DB) OnQueued(fn func(map[resource.Endpoint]int64)) {
	db.hooks.Lock()
	defer db.hooks.Unlock()
	db.queued = append(db.queued, fn)
}

// Endpoints returns all that have deliveries waiting.
func (db *DB) Endpoints(ctx context.Context) ([]resource.Endpoint, error) {
	stmt, err := db.prepared(ctx, "SELECT DISTINCT customer_id, uri FROM outbox")
	if err != nil {
		return nil, fmt.Errorf("store: endpoints: %w", err)
	}
	rows, err := stmt.QueryContext(ctx)
	if err != nil {
		return nil, fmt.Errorf("store: endpoints: %w", err)
	}
	defer rows.Close()
	var list []resource.Endpoint
	for rows.Next() {
		var e resource.Endpoint
		if err := rows.Scan(&e.CustomerID, &e.URI); err != nil {
			return nil, fmt.Errorf("store: endpoints: %w", err)
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// Pending returns what waits for an endpoint in the order of commits: at most
// limit deliveries with a Seq above after.
func (db *DB) Pending(ctx context.Context, to resource.Endpoint, after int64, limit int) ([]resource.Delivery, error) {
	return db.deliveries(ctx, "SELECT e.seq, id, e.customer_id, type, resource, resource_id, order_key, webhook_uri, webhook_method, tm, data"+
		" FROM outbox o JOIN events e ON e.seq = o.seq WHERE o.customer_id = ? AND o.uri = ? AND o.seq > ? ORDER BY o.seq LIMIT ?",
		to, to.CustomerID, to.URI, after, limit)
}

// History returns events of a customer that share an order key, such as a
// call's id, in order: at most limit with a Seq above after. The log keeps
// them for Options.KeepEvents.
func (db *DB) History(ctx context.Context, customerID, orderKey string, after int64, limit int) ([]resource.Delivery, error) {
	return db.deliveries(ctx, "SELECT seq, id, customer_id, type, resource, resource_id, order_key, webhook_uri, webhook_method, tm, data"+
		" FROM events WHERE order_key = ? AND customer_id = ? AND seq > ? ORDER BY seq LIMIT ?",
		resource.Endpoint{CustomerID: customerID}, orderKey, customerID, after, limit)
}

func (db *DB) deliveries(ctx context.Context, query string, to resource.Endpoint, args ...any) ([]resource.Delivery, error) {
	stmt, err := db.prepared(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("store: read events: %w", err)
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, fmt.Errorf("store: read events: %w", err)
	}
	defer rows.Close()
	var list []resource.Delivery
	for rows.Next() {
		d := resource.Delivery{Endpoint: to}
		e := &d.Event
		var at int64
		var data string
		if err := rows.Scan(&d.Seq, &e.ID, &e.CustomerID, &e.Type, &e.Resource, &e.ResourceID, &e.OrderKey,
			&e.WebhookURI, &e.Webhook, &at, &data); err != nil {
			return nil, fmt.Errorf("store: read events: %w", err)
		}
		e.Time, e.Data = time.UnixMicro(at).UTC(), json.RawMessage(data)
		list = append(list, d)
	}
	return list, rows.Err()
}

// Settle removes deliveries that need no further attempt. It does not wait:
// after a crash some of them may be seen again.
func (db *DB) Settle(settled []resource.Delivery) {
	db.Enqueue(func(tx *Tx) error {
		for _, d := range settled {
			if _, err := tx.w.exec("DELETE FROM outbox WHERE customer_id = ? AND uri = ? AND seq = ?", d.CustomerID, d.URI, d.Seq); err != nil {
				return fmt.Errorf("store: settle delivery: %w", err)
			}
		}
		return nil
	})
}

// prune removes old events in small steps, now and then.
func (w *writer) prune(now time.Time) {
	if now.Sub(w.pruned) < pruneEvery {
		return
	}
	w.pruned = now
	if err := w.pruneOnce(now); err != nil {
		w.db.log.Error("prune events", "error", err)
	}
}

// pruneStep bounds the rows that one pruning removes, so that writers do not
// wait long; what is left goes with the next one, which then comes at once.
const pruneStep = 2000

func (w *writer) pruneOnce(now time.Time) error {
	// The newest event always stays, so that numbers go on growing.
	var newest, cut int64
	if err := w.row("SELECT coalesce(max(seq), 0) FROM events WHERE ? > 0", []any{1}, &newest); err != nil {
		return err
	}
	if _, err := w.exec("DELETE FROM outbox WHERE seq IN (SELECT seq FROM events WHERE tm < ? ORDER BY seq LIMIT ?)",
		now.Add(-DeliveryLife).UnixMicro(), pruneStep); err != nil {
		return err
	}
	cut = newest - w.db.opts.MaxEvents
	n, err := w.exec("DELETE FROM events WHERE seq IN (SELECT e.seq FROM events e WHERE e.seq < ? AND (e.seq <= ? OR e.tm < ?)"+
		" AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.customer_id = e.customer_id AND o.uri = '' AND o.seq = e.seq)"+
		" AND NOT EXISTS (SELECT 1 FROM outbox o WHERE o.customer_id = e.customer_id AND o.uri = e.webhook_uri AND o.seq = e.seq)"+
		" ORDER BY e.seq LIMIT ?)",
		newest, cut, now.Add(-w.db.opts.KeepEvents).UnixMicro(), pruneStep)
	if n == pruneStep {
		w.pruned = time.Time{}
	}
	return err
}
