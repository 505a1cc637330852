package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"offhook/resource"
)

// Row is what a collection holds: a struct with an embedded resource.Identity.
type Row interface {
	Identify() *resource.Identity
}

// RowOf is a pointer to T that is a Row.
type RowOf[T any] interface {
	*T
	Row
}

// Key is a value by which rows are found besides their ids. A Unique one is
// refused with ErrExists when another row of the collection and the same
// customer has it.
type Key struct {
	Name, Value string
	Unique      bool
}

// uniq is what the column of that name has for a key.
func (k Key) uniq() int {
	if k.Unique {
		return 1
	}
	return 0
}

// Collection is all rows of one kind. Ids are unique for each customer. It has
// no state: a package keeps one as a variable and uses it with any DB.
type Collection[T any, P RowOf[T]] struct {
	kind string
	keys func(*T) []Key
}

// NewCollection describes the rows of a kind. keys returns the secondary keys
// of a row; it may be nil.
func NewCollection[T any, P RowOf[T]](kind string, keys func(*T) []Key) *Collection[T, P] {
	return &Collection[T, P]{kind: kind, keys: keys}
}

// Kind returns the name of the rows.
func (c *Collection[T, P]) Kind() string { return c.kind }

// Insert adds a row. An empty id and an empty tm_create are filled in. It
// fails with ErrExists when the customer has the id or a unique key already.
func (c *Collection[T, P]) Insert(tx *Tx, row *T) error {
	id := P(row).Identify()
	complete(id)
	keys := c.keysOf(row)
	if err := c.checkUnique(tx, id, 0, keys); err != nil {
		return err
	}
	body, err := tx.w.encode(row)
	if err != nil {
		return c.fault("encode", id, err)
	}
	var seq int64
	err = tx.w.row("INSERT INTO resources "+resourceColumns+" VALUES "+sixValues+onTakenID+"seq",
		[]any{c.kind, id.CustomerID, id.ID, id.TMCreate.UnixMicro(), encodeKeys(keys), body}, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return c.fault("insert", id, ErrExists)
	}
	if err != nil {
		return c.fault("insert", id, err)
	}
	c.note(tx, id)
	return c.addKeys(tx, id, seq, keys)
}

// complete fills in what a new row may leave out.
func complete(id *resource.Identity) {
	if id.ID == "" {
		id.ID = resource.NewID()
	}
	if id.TMCreate == nil {
		id.TMCreate, _ = now()
	}
}

// Put replaces a row and sets its tm_update; a nil tm_create keeps what is
// stored. It fails with ErrNotFound when there is no such row, and with
// ErrExists when a unique key is taken.
func (c *Collection[T, P]) Put(tx *Tx, row *T) error {
	id := P(row).Identify()
	keys := c.keysOf(row)
	encoded := encodeKeys(keys)
	id.TMUpdate, _ = now()
	if id.TMCreate == nil {
		return c.replace(tx, row, "", keys, encoded)
	}
	body, err := tx.w.encode(row)
	if err != nil {
		return c.fault("encode", id, err)
	}
	// The short way first: most rows keep their keys.
	n, err := tx.w.exec("UPDATE resources SET body = ? WHERE kind = ? AND customer_id = ? AND id = ? AND keys = ?",
		body, c.kind, id.CustomerID, id.ID, encoded)
	if err != nil {
		return c.fault("put", id, err)
	}
	if n == 0 {
		return c.replace(tx, row, body, keys, encoded)
	}
	c.note(tx, id)
	return nil
}

// replace is Put with new keys; body is the encoded row, empty when it lacks its
// tm_create.
func (c *Collection[T, P]) replace(tx *Tx, row *T, body string, keys []Key, encoded string) error {
	id := P(row).Identify()
	var seq, created int64
	err := tx.w.row("SELECT seq, tm_create FROM resources WHERE kind = ? AND customer_id = ? AND id = ?",
		[]any{c.kind, id.CustomerID, id.ID}, &seq, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return c.fault("put", id, ErrNotFound)
	}
	if err != nil {
		return c.fault("put", id, err)
	}
	if body == "" {
		t := time.UnixMicro(created).UTC()
		id.TMCreate = &t
		if body, err = tx.w.encode(row); err != nil {
			return c.fault("encode", id, err)
		}
	}
	if err := c.checkUnique(tx, id, seq, keys); err != nil {
		return err
	}
	if _, err := tx.w.exec("UPDATE resources SET keys = ?, body = ? WHERE seq = ?", encoded, body, seq); err != nil {
		return c.fault("put", id, err)
	}
	if _, err := tx.w.exec("DELETE FROM resource_keys WHERE seq = ?", seq); err != nil {
		return c.fault("put", id, err)
	}
	c.note(tx, id)
	return c.addKeys(tx, id, seq, keys)
}

// Update reads a row, has fn change it and puts it back, all in the
// transaction. fn's error is returned as it is, and nothing is written.
func (c *Collection[T, P]) Update(tx *Tx, customerID, id string, fn func(*T) error) (*T, error) {
	row, err := c.Read(tx, customerID, id)
	if err != nil {
		return nil, err
	}
	if err := fn(row); err != nil {
		return nil, err
	}
	return row, c.Put(tx, row)
}

// Read loads a row as the transaction sees it; ErrNotFound when there is none.
func (c *Collection[T, P]) Read(tx *Tx, customerID, id string) (*T, error) {
	var body string
	if err := tx.w.row(selectOne, []any{c.kind, customerID, id}, &body); err != nil {
		return nil, c.fault("read", &resource.Identity{CustomerID: customerID, ID: id}, notFound(err))
	}
	return c.decode(body)
}

// Delete removes a row; ErrNotFound when there is none.
func (c *Collection[T, P]) Delete(tx *Tx, customerID, id string) error {
	who := &resource.Identity{CustomerID: customerID, ID: id}
	var seq int64
	err := tx.w.row("DELETE FROM resources WHERE kind = ? AND customer_id = ? AND id = ? RETURNING seq",
		[]any{c.kind, customerID, id}, &seq)
	if err != nil {
		return c.fault("delete", who, notFound(err))
	}
	c.note(tx, who)
	if c.keys == nil {
		return nil
	}
	if _, err := tx.w.exec("DELETE FROM resource_keys WHERE seq = ?", seq); err != nil {
		return c.fault("delete", who, err)
	}
	return nil
}

// note counts a written row and forgets what was remembered of a customer.
func (c *Collection[T, P]) note(tx *Tx, id *resource.Identity) {
	tx.rows++
	tx.outdate(c.kind)
	if c.kind == "customer" {
		delete(tx.w.hasWebhook, id.ID)
	}
}

func (c *Collection[T, P]) keysOf(row *T) []Key {
	if c.keys == nil {
		return nil
	}
	keys := c.keys(row)
	kept := keys[:0]
	for _, k := range keys {
		if k.Value != "" { // an empty value is no value
			kept = append(kept, k)
		}
	}
	return kept
}

// encodeKeys writes keys as one text, to see whether they changed.
func encodeKeys(keys []Key) string {
	if len(keys) == 0 {
		return ""
	}
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(k.Name)
		b.WriteByte('=')
		b.WriteString(k.Value)
		b.WriteByte('\n')
	}
	return b.String()
}

func (c *Collection[T, P]) addKeys(tx *Tx, id *resource.Identity, seq int64, keys []Key) error {
	for _, k := range keys {
		_, err := tx.w.exec("INSERT INTO resource_keys "+keyColumns+" VALUES "+sixValues+onSameKey,
			c.kind, k.Name, k.Value, id.CustomerID, seq, k.uniq())
		if err != nil {
			return c.fault("add key "+k.Name+" of", id, err)
		}
	}
	return nil
}

// checkUnique asks that no row but seq has one of the unique keys. Nobody else
// writes meanwhile.
func (c *Collection[T, P]) checkUnique(tx *Tx, id *resource.Identity, seq int64, keys []Key) error {
	for _, k := range keys {
		if !k.Unique {
			continue
		}
		var other int64
		err := tx.w.row("SELECT seq FROM resource_keys WHERE kind = ? AND name = ? AND value = ? AND customer_id = ? AND uniq = 1 AND seq <> ?",
			[]any{c.kind, k.Name, k.Value, id.CustomerID, seq}, &other)
		if err == nil {
			return c.fault("key "+k.Name+" of", id, ErrExists)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return c.fault("key "+k.Name+" of", id, err)
		}
	}
	return nil
}

func (c *Collection[T, P]) fault(what string, id *resource.Identity, err error) error {
	return fmt.Errorf("store: %s %s %s: %w", what, c.kind, id.ID, err)
}

func notFound(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

func (c *Collection[T, P]) decode(body string) (*T, error) {
	row := new(T)
	if err := json.Unmarshal([]byte(body), row); err != nil {
		return nil, fmt.Errorf("store: decode %s: %w", c.kind, err)
	}
	return row, nil
}
