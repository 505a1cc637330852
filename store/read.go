package store

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"offhook/resource"
)

// storable tells whether all texts can be in a row at all. PostgreSQL refuses
// questions about others, and users may ask anything.
func storable(args ...any) bool {
	for _, a := range args {
		if s, ok := a.(string); ok && (strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s)) {
			return false
		}
	}
	return true
}

const (
	selectOne       = "SELECT r.body FROM resources r WHERE r.kind = ? AND r.customer_id = ? AND r.id = ?"
	selectPublished = selectOne + " AND " + published
)

// Page is a part of a list.
type Page struct {
	Size  int    // 1 to 1000; else 100
	Token string // of the page before; empty: the newest rows
}

// Filter keeps the rows that have a key with a value.
type Filter struct{ Key, Value string }

// Load returns a row as it was last committed; ErrNotFound when there is none.
func (c *Collection[T, P]) Load(ctx context.Context, db *DB, customerID, id string) (*T, error) {
	who := &resource.Identity{CustomerID: customerID, ID: id}
	if !storable(customerID, id) {
		return nil, c.fault("load", who, ErrNotFound)
	}
	stmt, err := db.prepared(ctx, selectPublished)
	if err != nil {
		return nil, c.fault("load", who, err)
	}
	var body string
	if err := stmt.QueryRowContext(ctx, c.kind, customerID, id).Scan(&body); err != nil {
		return nil, c.fault("load", who, notFound(err))
	}
	return c.decode(body)
}

// Find returns the rows of all customers that have a key with a value, oldest
// first.
func (c *Collection[T, P]) Find(ctx context.Context, db *DB, name, value string) ([]*T, error) {
	rows, _, err := c.query(ctx, db, "SELECT r.seq, r.body FROM resource_keys k JOIN resources r ON r.seq = k.seq"+
		" WHERE k.kind = ? AND k.name = ? AND k.value = ? AND "+published+" ORDER BY r.seq", c.kind, name, value)
	return rows, err
}

// Everything returns the rows of all customers: by customer, oldest first.
func (c *Collection[T, P]) Everything(ctx context.Context, db *DB) ([]*T, error) {
	rows, _, err := c.query(ctx, db, "SELECT r.seq, r.body FROM resources r WHERE r.kind = ? AND "+published+" ORDER BY r.customer_id, r.seq", c.kind)
	return rows, err
}

// List returns a page of a customer's rows that pass all filters, newest
// first, and the token of the next page, which is empty on the last. Rows that
// are added meanwhile neither repeat nor hide others. A token that is none
// gives ErrToken.
func (c *Collection[T, P]) List(ctx context.Context, db *DB, customerID string, p Page, filters ...Filter) ([]*T, string, error) {
	at, err := parseToken(p.Token)
	if err != nil {
		return nil, "", err
	}
	size := p.Size
	if size < 1 || size > 1000 {
		size = 100
	}
	where, args := c.where(customerID, filters)
	if at.seq > 0 {
		where, args = where+" AND r.seq < ?", append(args, at.seq)
	}
	if at.created > 0 {
		where, args = where+" AND r.tm_create < ?", append(args, at.created)
	}
	rows, seqs, err := c.query(ctx, db, "SELECT r.seq, r.body FROM "+where+" ORDER BY r.seq DESC LIMIT ?", append(args, size+1)...)
	if err != nil || len(rows) <= size {
		return rows, "", err
	}
	return rows[:size], newToken(seqs[size-1]), nil
}

// Count returns how many of a customer's rows pass all filters.
func (c *Collection[T, P]) Count(ctx context.Context, db *DB, customerID string, filters ...Filter) (int, error) {
	where, args := c.where(customerID, filters)
	if !storable(args...) {
		return 0, nil
	}
	stmt, err := db.prepared(ctx, "SELECT count(*) FROM "+where)
	if err != nil {
		return 0, fmt.Errorf("store: count %s: %w", c.kind, err)
	}
	var n int
	if err := stmt.QueryRowContext(ctx, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("store: count %s: %w", c.kind, err)
	}
	return n, nil
}

// where begins at the keys when there are filters, because they are rarer.
func (c *Collection[T, P]) where(customerID string, filters []Filter) (string, []any) {
	if len(filters) == 0 {
		return "resources r WHERE r.kind = ? AND r.customer_id = ? AND " + published, []any{c.kind, customerID}
	}
	var b strings.Builder
	b.WriteString("resource_keys k JOIN resources r ON r.seq = k.seq WHERE k.kind = ? AND k.name = ? AND k.value = ? AND k.customer_id = ? AND " + published)
	args := []any{c.kind, filters[0].Key, filters[0].Value, customerID}
	for _, f := range filters[1:] {
		b.WriteString(" AND EXISTS (SELECT 1 FROM resource_keys f WHERE f.kind = ? AND f.name = ? AND f.value = ? AND f.customer_id = ? AND f.seq = r.seq)")
		args = append(args, c.kind, f.Key, f.Value, customerID)
	}
	return b.String(), args
}

func (c *Collection[T, P]) query(ctx context.Context, db *DB, query string, args ...any) ([]*T, []int64, error) {
	if !storable(args...) {
		return nil, nil, nil
	}
	stmt, err := db.prepared(ctx, query)
	if err != nil {
		return nil, nil, fmt.Errorf("store: read %s: %w", c.kind, err)
	}
	found, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return nil, nil, fmt.Errorf("store: read %s: %w", c.kind, err)
	}
	defer found.Close()
	var rows []*T
	var seqs []int64
	for found.Next() {
		var seq int64
		var body string
		if err := found.Scan(&seq, &body); err != nil {
			return nil, nil, fmt.Errorf("store: read %s: %w", c.kind, err)
		}
		row, err := c.decode(body)
		if err != nil {
			return nil, nil, err
		}
		rows, seqs = append(rows, row), append(seqs, seq)
	}
	if err := found.Err(); err != nil {
		return nil, nil, fmt.Errorf("store: read %s: %w", c.kind, err)
	}
	return rows, seqs, nil
}
