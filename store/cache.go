package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of a Cache.
const (
	cacheLife = 5 * time.Second // another process may write, on PostgreSQL
	cacheSize = 4096            // answers; then all are forgotten
)

// Cache remembers what was read of a collection, for what each call looks up
// and people rarely change. A row that is written through this DB makes it
// forget before the Write returns, whichever way the row is written; what
// another process writes is seen within five seconds. It may be used from any
// goroutine. The rows that it returns are shared: nobody may change them.
type Cache[T any, P RowOf[T]] struct {
	rows    *Collection[T, P]
	db      *DB
	version *atomic.Uint64

	mu      sync.Mutex
	seen    uint64 // the version that the answers belong to
	expires time.Time
	answers map[question]answer[T]
}

// question is one of Load, Find and All, with its arguments.
type question struct {
	how  byte
	a, b string
}

type answer[T any] struct {
	rows []*T
	err  error // nil or ErrNotFound
}

// NewCache returns an empty cache of a collection.
func NewCache[T any, P RowOf[T]](db *DB, rows *Collection[T, P]) *Cache[T, P] {
	v, _ := db.versions.LoadOrStore(rows.kind, new(atomic.Uint64))
	return &Cache[T, P]{rows: rows, db: db, version: v.(*atomic.Uint64), answers: map[question]answer[T]{}}
}

// Load is Collection.Load.
func (c *Cache[T, P]) Load(ctx context.Context, customerID, id string) (*T, error) {
	found := c.ask(question{'l', customerID, id}, func() ([]*T, error) {
		row, err := c.rows.Load(ctx, c.db, customerID, id)
		return []*T{row}, err
	})
	if found.err != nil {
		return nil, found.err
	}
	return found.rows[0], nil
}

// Find is Collection.Find.
func (c *Cache[T, P]) Find(ctx context.Context, name, value string) ([]*T, error) {
	found := c.ask(question{'f', name, value}, func() ([]*T, error) { return c.rows.Find(ctx, c.db, name, value) })
	return found.rows, found.err
}

// All returns every row of a customer, newest first.
func (c *Cache[T, P]) All(ctx context.Context, customerID string) ([]*T, error) {
	found := c.ask(question{how: 'a', a: customerID}, func() ([]*T, error) {
		rows, _, err := c.rows.query(ctx, c.db,
			"SELECT seq, body FROM resources WHERE kind = ? AND customer_id = ? ORDER BY seq DESC", c.rows.kind, customerID)
		return rows, err
	})
	return found.rows, found.err
}

// ask answers from memory or by read. The version is taken before the read, so
// that an answer that a commit overtakes is not kept.
func (c *Cache[T, P]) ask(q question, read func() ([]*T, error)) answer[T] {
	version, now := c.version.Load(), time.Now()
	c.mu.Lock()
	if c.seen != version || now.After(c.expires) || len(c.answers) >= cacheSize {
		clear(c.answers)
		c.seen, c.expires = version, now.Add(cacheLife)
	}
	known, ok := c.answers[q]
	c.mu.Unlock()
	if ok {
		return known
	}
	var found answer[T]
	found.rows, found.err = read()
	if found.err != nil && !errors.Is(found.err, ErrNotFound) {
		return found
	}
	c.mu.Lock()
	if c.seen == version {
		c.answers[q] = found
	}
	c.mu.Unlock()
	return found
}

// outdate makes the caches of a kind forget when the transaction is over.
func (tx *Tx) outdate(kind string) {
	if v, ok := tx.w.db.versions.Load(kind); ok {
		tx.outdated = append(tx.outdated, v.(*atomic.Uint64))
	}
}

// forget tells the caches. A transaction whose end is unknown counts as
// committed.
func (tx *Tx) forget() {
	for _, v := range tx.outdated {
		v.Add(1)
	}
}
