package store

import (
	"context"
	"errors"
	"fmt"

	"offhook/resource"
)

// Stage is a set of rows of one collection that are added in several
// transactions, so that other writes need not wait for all of them, and appear
// together. Until Publish nobody reads them, though their ids and unique keys
// are taken. A stage that was not published when the process ended is gone when
// the database is opened again. It is not safe for concurrent use.
type Stage[T any, P RowOf[T]] struct {
	db    *DB
	rows  *Collection[T, P]
	id    string
	parts int64
}

// NewStage begins a stage; it writes nothing.
func (c *Collection[T, P]) NewStage(db *DB) *Stage[T, P] {
	return &Stage[T, P]{db: db, rows: c, id: resource.NewID()}
}

// Add stores rows in one transaction of their own. When it fails none of them
// is there, and what was added before still is; a *TakenError says whose id or
// unique key is taken.
func (s *Stage[T, P]) Add(ctx context.Context, rows []*T) error {
	if len(rows) == 0 {
		return nil
	}
	err := s.db.Write(ctx, func(tx *Tx) error {
		first, last, err := s.rows.insertAll(tx, rows)
		if err != nil {
			return err
		}
		if _, err := tx.w.exec("INSERT INTO stages (first, last, stage, kind) VALUES (?, ?, ?, ?)", first, last, s.id, s.rows.kind); err != nil {
			return fmt.Errorf("store: stage %s: %w", s.rows.kind, err)
		}
		return nil
	})
	if err == nil {
		s.parts++
	}
	return err
}

// Publish lets everybody read all rows, in one short transaction.
func (s *Stage[T, P]) Publish(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *Tx) error {
		n, err := tx.w.exec("DELETE FROM stages WHERE stage = ?", s.id)
		if err == nil && n != s.parts {
			err = fmt.Errorf("%d of %d parts are there: %w", n, s.parts, ErrNotFound)
		}
		if err != nil {
			return fmt.Errorf("store: publish %s: %w", s.rows.kind, err)
		}
		tx.outdate(s.rows.kind)
		return nil
	})
}

// Discard removes all rows of a stage that was not published.
func (s *Stage[T, P]) Discard(ctx context.Context) error {
	return s.db.discard(ctx, oneStage, s.id)
}

// discard removes staged rows, each part in a transaction of its own.
func (db *DB) discard(ctx context.Context, query string, args ...any) error {
	for {
		err := db.Write(ctx, func(tx *Tx) error {
			var first, last int64
			if err := tx.w.row(query+" LIMIT 1", args, &first, &last); err != nil {
				return notFound(err)
			}
			for _, text := range discardPart {
				if _, err := tx.w.exec(text, first, last); err != nil {
					return err
				}
			}
			return nil
		})
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("store: discard a stage: %w", err)
		}
	}
}

const (
	oneStage = "SELECT first, last FROM stages WHERE stage = ?"
	anyStage = "SELECT first, last FROM stages"

	// published tells whether a row r is in no stage. Parts do not overlap.
	published = "coalesce((SELECT s.last FROM stages s WHERE s.first <= r.seq ORDER BY s.first DESC LIMIT 1), 0) < r.seq"
)

var discardPart = []string{
	"DELETE FROM resource_keys WHERE seq BETWEEN ? AND ?",
	"DELETE FROM resources WHERE seq BETWEEN ? AND ?",
	"DELETE FROM stages WHERE first BETWEEN ? AND ?",
}
