package store

import (
	"context"
	"errors"
	"fmt"
)

// TakenError is the ErrExists of one row among many.
type TakenError struct{ ID string }

// Error implements error.
func (e *TakenError) Error() string { return "row " + e.ID + ": " + ErrExists.Error() }

// Unwrap returns ErrExists.
func (e *TakenError) Unwrap() error { return ErrExists }

const (
	resourceColumns = "(kind, customer_id, id, tm_create, keys, body)"
	keyColumns      = "(kind, name, value, customer_id, seq, uniq)"
	sixValues       = "(?, ?, ?, ?, ?, ?)"
	onTakenID       = " ON CONFLICT DO NOTHING RETURNING "
	onSameKey       = " ON CONFLICT (kind, name, value, customer_id, seq) DO NOTHING"
)

var (
	insertRows = inserts("INSERT INTO resources "+resourceColumns+" VALUES ", sixValues, onTakenID+"customer_id, id, seq")
	insertKeys = inserts("INSERT INTO resource_keys "+keyColumns+" VALUES ", sixValues, onSameKey)
)

// insertAll is Insert for many rows in few statements. Their numbers lie between
// first and last, and those of no other row do.
func (c *Collection[T, P]) insertAll(tx *Tx, rows []*T) (first, last int64, err error) {
	keys := make(map[name][]Key, len(rows))
	args := make([]any, 0, 6*len(rows))
	for _, row := range rows {
		id := P(row).Identify()
		complete(id)
		own := c.keysOf(row)
		if err := c.checkUnique(tx, id, 0, own); err != nil {
			return 0, 0, errors.Join(&TakenError{id.ID}, err)
		}
		body, err := tx.w.encode(row)
		if err != nil {
			return 0, 0, c.fault("encode", id, err)
		}
		keys[name{id.CustomerID, id.ID}] = own
		args = append(args, c.kind, id.CustomerID, id.ID, id.TMCreate.UnixMicro(), encodeKeys(own), body)
	}
	keyArgs := make([]any, 0, 12*len(rows))
	stored := 0
	note := func(customerID, id string, seq int64) {
		if stored++; stored == 1 {
			first = seq
		}
		first, last = min(first, seq), max(last, seq)
		whole := name{customerID, id}
		for _, k := range keys[whole] {
			keyArgs = append(keyArgs, c.kind, k.Name, k.Value, customerID, seq, k.uniq())
		}
		delete(keys, whole)
	}
	err = inParts(insertRows, args, 6, func(query string, args []any) error { return tx.w.numbered(query, args, note) })
	if err != nil {
		return 0, 0, fmt.Errorf("store: insert %s: %w", c.kind, err)
	}
	for whole := range keys { // was not stored
		return 0, 0, &TakenError{whole.id}
	}
	tx.rows += uint64(stored)
	tx.outdate(c.kind)
	if err := tx.insertAll(insertKeys, keyArgs, 6); err != nil {
		return 0, 0, fmt.Errorf("store: add keys of %s: %w", c.kind, err)
	}
	return first, last, nil
}

// name is what a row of a collection is found by.
type name struct{ customerID, id string }

// numbered runs an insert and gives the number of each row that it stored.
func (w *writer) numbered(query string, args []any, each func(customerID, id string, seq int64)) error {
	s, err := w.stmt(query)
	if err != nil {
		return err
	}
	found, err := s.QueryContext(context.Background(), args...)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var customerID, id string
		var seq int64
		if err := found.Scan(&customerID, &id, &seq); err != nil {
			return err
		}
		each(customerID, id, seq)
	}
	return found.Err()
}
