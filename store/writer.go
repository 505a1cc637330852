package store

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"
)

// Bounds of one shared transaction.
const (
	maxBatch     = 1000
	pruneEvery   = time.Minute
	customerLife = 5 * time.Second // another process may change a customer's webhook
)

// job is a function that wants to write; done is nil when nobody waits.
type job struct {
	fn   func(*Tx) error
	ctx  context.Context
	done chan error
}

// writer owns the one connection that writes. Only its goroutine touches it.
type writer struct {
	db    *DB
	pool  *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt

	encoded bytes.Buffer // the row being encoded

	hasWebhook map[string]bool // of customers; forgotten when their row changes
	forgetAt   time.Time
	pruned     time.Time
}

func (w *writer) connect(ctx context.Context) error {
	conn, err := w.pool.Conn(ctx)
	if err != nil {
		return fmt.Errorf("store: connect: %w", err)
	}
	w.conn, w.stmts = conn, map[string]*sql.Stmt{}
	return nil
}

func (w *writer) disconnect() error {
	if w.conn == nil {
		return nil
	}
	for _, s := range w.stmts {
		_ = s.Close()
	}
	err := w.conn.Close()
	w.conn, w.stmts = nil, nil
	return err
}

// reconnect drops a connection that is of no use any more.
func (w *writer) reconnect() error {
	if w.conn != nil {
		_ = w.conn.Raw(func(any) error { return errBroken })
		_ = w.disconnect()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return w.connect(ctx)
}

func (w *writer) run() {
	defer close(w.db.ended)
	for {
		batch, more := w.gather()
		if len(batch) > 0 {
			w.commit(batch)
			w.prune(time.Now())
		}
		if !more {
			return
		}
	}
}

// gather waits for a first job and takes what comes with it. A job that
// nobody waits for gives others a moment to join.
func (w *writer) gather() (batch []job, more bool) {
	first, ok := <-w.db.jobs
	if !ok {
		return nil, false
	}
	batch = append(batch, first)
	waited := first.done != nil
	var timeout <-chan time.Time
	for len(batch) < maxBatch {
		select {
		case j, ok := <-w.db.jobs:
			if !ok {
				return batch, false
			}
			batch = append(batch, j)
			waited = waited || j.done != nil
			continue
		default:
		}
		if waited {
			return batch, true
		}
		if timeout == nil {
			timeout = time.After(w.db.opts.Gather)
		}
		select {
		case j, ok := <-w.db.jobs:
			if !ok {
				return batch, false
			}
			batch = append(batch, j)
			waited = j.done != nil
		case <-timeout:
			return batch, true
		}
	}
	return batch, true
}

// commit runs a batch in one transaction and tells everybody.
func (w *writer) commit(batch []job) {
	tx, results, err := w.transact(batch)
	if err != nil {
		err = fmt.Errorf("store: commit: %w", err)
		w.db.log.Error("transaction lost", "jobs", len(batch), "error", err)
	} else {
		w.announce(tx)
	}
	for i, j := range batch {
		w.settle(j, errors.Join(results[i], err))
	}
}

func (w *writer) settle(j job, err error) {
	w.db.counters.jobs.Add(1)
	if err != nil {
		w.db.counters.failed.Add(1)
	}
	switch {
	case j.done != nil:
		j.done <- err
	case err != nil:
		w.db.log.Error("write failed", "error", err)
	}
}

// transact runs the jobs between BEGIN and COMMIT; results holds the error of
// each one.
func (w *writer) transact(batch []job) (tx *Tx, results []error, err error) {
	results = make([]error, len(batch))
	if err := w.begin(); err != nil {
		return nil, results, err
	}
	if now := time.Now(); now.After(w.forgetAt) {
		w.hasWebhook, w.forgetAt = map[string]bool{}, now.Add(customerLife)
	}
	tx = &Tx{w: w}
	defer tx.forget()
	for i, j := range batch {
		if results[i], err = w.attempt(tx, j); err != nil {
			break
		}
	}
	if err == nil {
		err = tx.writeEvents()
	}
	if err == nil {
		_, err = w.exec("COMMIT")
	}
	if err != nil {
		w.hasWebhook = map[string]bool{}
		if _, rollback := w.exec("ROLLBACK"); rollback != nil {
			err = errors.Join(err, w.reconnect())
		}
		return nil, results, err
	}
	w.db.counters.commits.Add(1)
	return tx, results, nil
}

// begin opens the transaction, on a new connection when the old one is gone.
func (w *writer) begin() error {
	var err error
	for try := range 4 {
		if try > 0 || w.conn == nil {
			if err = w.reconnect(); err != nil {
				time.Sleep(time.Duration(try) * 500 * time.Millisecond)
				continue
			}
		}
		if _, err = w.exec(w.db.dialect.begin()); err == nil {
			break
		}
	}
	if lock := w.db.dialect.excludes(); err == nil && lock != "" {
		_, err = w.exec(lock)
	}
	return err
}

// attempt runs one job between savepoints. result is the job's own error,
// after which the transaction goes on; err means that it cannot.
func (w *writer) attempt(tx *Tx, j job) (result, err error) {
	if j.ctx != nil && j.ctx.Err() != nil {
		return fmt.Errorf("store: write: %w", j.ctx.Err()), nil
	}
	if err := w.savepoint(tx); err != nil {
		return nil, err
	}
	mark := tx.mark()
	if result = call(j.fn, tx); result == nil {
		return nil, nil
	}
	tx.reset(mark)
	w.hasWebhook = map[string]bool{}
	_, err = w.exec("ROLLBACK TO SAVEPOINT job")
	return result, err
}

// savepoint marks where the next job begins. There is one at a time: the end
// of the transaction forgets the last.
func (w *writer) savepoint(tx *Tx) error {
	if !tx.saved {
		tx.saved = true
		_, err := w.exec("SAVEPOINT job")
		return err
	}
	for _, text := range w.db.dialect.renew() {
		if strings.Contains(text, ";") { // cannot be prepared
			if _, err := w.conn.ExecContext(context.Background(), text); err != nil {
				return err
			}
			continue
		}
		if _, err := w.exec(text); err != nil {
			return err
		}
	}
	return nil
}

// call keeps a fault in one job from ending the program and all its calls.
func call(fn func(*Tx) error, tx *Tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("store: write: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return fn(tx)
}

// announce tells the hooks what was committed.
func (w *writer) announce(tx *Tx) {
	c := &w.db.counters
	c.rows.Add(tx.rows)
	c.events.Add(uint64(len(tx.events)))
	c.queued.Add(tx.deliveries)
	if len(tx.events) == 0 {
		return
	}
	w.db.hooks.RLock()
	defer w.db.hooks.RUnlock()
	for _, fn := range w.db.events {
		fn(tx.events)
	}
	if len(tx.endpoints) == 0 {
		return
	}
	for _, fn := range w.db.queued {
		fn(tx.endpoints)
	}
}

// stmt returns the connection's prepared statement for query.
func (w *writer) stmt(query string) (*sql.Stmt, error) {
	if s, ok := w.stmts[query]; ok {
		return s, nil
	}
	s, err := w.conn.PrepareContext(context.Background(), w.db.dialect.rebind(query))
	if err != nil {
		return nil, err
	}
	w.stmts[query] = s
	return s, nil
}

// encode is a row's JSON.
func (w *writer) encode(row any) (string, error) {
	w.encoded.Reset()
	if err := json.NewEncoder(&w.encoded).Encode(row); err != nil {
		return "", err
	}
	line := w.encoded.Bytes()
	return string(line[:len(line)-1]), nil // without the line feed
}

func (w *writer) exec(query string, args ...any) (int64, error) {
	s, err := w.stmt(query)
	if err != nil {
		return 0, err
	}
	res, err := s.ExecContext(context.Background(), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// row scans the one row of a query; sql.ErrNoRows when there is none.
func (w *writer) row(query string, args []any, into ...any) error {
	s, err := w.stmt(query)
	if err != nil {
		return err
	}
	return s.QueryRowContext(context.Background(), args...).Scan(into...)
}
