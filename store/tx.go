package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"offhook/resource"
)

// Tx is an open transaction, for the function that it was given to.
type Tx struct {
	w          *writer
	saved      bool // a savepoint is set
	events     []resource.Event
	rows       uint64
	deliveries uint64
	endpoints  map[resource.Endpoint]int64 // the first number queued for each
	outdated   []*atomic.Uint64            // versions of the caches of what was written
}

// marker is a state of a Tx to come back to.
type marker struct {
	events int
	rows   uint64
}

func (tx *Tx) mark() marker   { return marker{events: len(tx.events), rows: tx.rows} }
func (tx *Tx) reset(m marker) { tx.events, tx.rows = tx.events[:m.events], m.rows }

// Emit writes an event to the log and queues it for the customer's webhook, if
// there is one, and for the event's own WebhookURI. Empty ID and Time are
// filled in; data that is not JSON is refused. Nobody learns of the event unless the transaction is committed.
func (tx *Tx) Emit(e resource.Event) error {
	if e.CustomerID == "" || e.Type == "" {
		return fmt.Errorf("store: event %q of customer %q: both are needed", e.Type, e.CustomerID)
	}
	if e.ID == "" {
		e.ID = resource.NewID()
	}
	if e.Time.IsZero() {
		e.Time = *resource.Now()
	}
	if len(e.Data) == 0 {
		e.Data = json.RawMessage("{}")
	}
	if !json.Valid(e.Data) { // it could never be delivered, and would hold up what follows
		return fmt.Errorf("store: event %q: data is not JSON", e.Type)
	}
	tx.events = append(tx.events, e)
	return nil
}

const (
	eventColumns = "(seq, id, customer_id, type, resource, resource_id, order_key, webhook_uri, webhook_method, tm, data)"
	eventRow     = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
	outboxRow    = "(?, ?, ?)"
)

// Statements of many rows, made once: a statement costs more than a row.
var (
	insertEvents = inserts("INSERT INTO events "+eventColumns+" VALUES ", eventRow, "")
	insertOutbox = inserts("INSERT INTO outbox (customer_id, uri, seq) VALUES ", outboxRow, "")
)

// insertSizes are the numbers of rows that a statement may have, largest first.
var insertSizes = []int{32, 8, 1}

func inserts(head, row, tail string) map[int]string {
	m := map[int]string{}
	for _, n := range insertSizes {
		m[n] = head + strings.TrimSuffix(strings.Repeat(row+", ", n), ", ") + tail
	}
	return m
}

// insertAll writes rows of width arguments each in as few statements as the
// sizes allow.
func (tx *Tx) insertAll(statements map[int]string, args []any, width int) error {
	return inParts(statements, args, width, func(query string, args []any) error {
		_, err := tx.w.exec(query, args...)
		return err
	})
}

// inParts runs as few statements as the sizes allow for rows of width arguments
// each.
func inParts(statements map[int]string, args []any, width int, run func(query string, args []any) error) error {
	for len(args) > 0 {
		for _, n := range insertSizes {
			if len(args) < n*width {
				continue
			}
			if err := run(statements[n], args[:n*width]); err != nil {
				return err
			}
			args = args[n*width:]
			break
		}
	}
	return nil
}

// writeEvents writes the events of all jobs at the end of the transaction.
func (tx *Tx) writeEvents() error {
	if len(tx.events) == 0 {
		return nil
	}
	var seq int64
	if err := tx.w.row(tx.w.db.dialect.reserve(), []any{len(tx.events)}, &seq); err != nil {
		return fmt.Errorf("number events: %w", err)
	}
	args := make([]any, 0, 11*len(tx.events))
	var outbox []any
	for i := range tx.events {
		e := &tx.events[i]
		args = append(args, seq, e.ID, e.CustomerID, e.Type, e.Resource, e.ResourceID, e.OrderKey,
			e.WebhookURI, e.Webhook, e.Time.UnixMicro(), string(e.Data))
		queue, err := tx.w.webhookOf(e.CustomerID)
		if err != nil {
			return err
		}
		if queue {
			outbox = tx.queue(outbox, e.CustomerID, "", seq)
		}
		if e.WebhookURI != "" {
			outbox = tx.queue(outbox, e.CustomerID, e.WebhookURI, seq)
		}
		seq++
	}
	if err := tx.insertAll(insertEvents, args, 11); err != nil {
		return fmt.Errorf("write events: %w", err)
	}
	if err := tx.insertAll(insertOutbox, outbox, 3); err != nil {
		return fmt.Errorf("queue events: %w", err)
	}
	return nil
}

func (tx *Tx) queue(outbox []any, customerID, uri string, seq int64) []any {
	if tx.endpoints == nil {
		tx.endpoints = map[resource.Endpoint]int64{}
	}
	to := resource.Endpoint{CustomerID: customerID, URI: uri}
	if _, ok := tx.endpoints[to]; !ok {
		tx.endpoints[to] = seq
	}
	tx.deliveries++
	return append(outbox, customerID, uri, seq)
}

// webhookOf tells whether a customer's row names a webhook.
func (w *writer) webhookOf(customerID string) (bool, error) {
	if has, ok := w.hasWebhook[customerID]; ok {
		return has, nil
	}
	var body string
	err := w.row("SELECT body FROM resources WHERE kind = 'customer' AND customer_id IN (?, ?) AND id = ?",
		[]any{resource.AdminCustomerID, customerID, customerID}, &body)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("read customer %s: %w", customerID, err)
	}
	var c struct {
		WebhookURI string `json:"webhook_uri"`
	}
	if err == nil {
		if err := json.Unmarshal([]byte(body), &c); err != nil {
			return false, fmt.Errorf("read customer %s: %w", customerID, err)
		}
	}
	w.hasWebhook[customerID] = c.WebhookURI != ""
	return c.WebhookURI != "", nil
}

// now is the time that rows get.
func now() (*time.Time, int64) {
	t := resource.Now()
	return t, t.UnixMicro()
}
