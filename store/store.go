// Package store keeps what outlives a restart: resources as JSON rows in typed
// collections, the log of events and the outbox of webhooks. It runs on SQLite
// and on PostgreSQL; DESIGN.md says why it is as it is.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"offhook/resource"
)

// Errors that callers tell apart with errors.Is.
var (
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("exists already")
	ErrClosed   = errors.New("store is closed")
	ErrToken    = errors.New("not a page token")
)

// maxWaiting bounds the jobs that wait for the writer; Enqueue blocks above it.
const maxWaiting = 10_000

// Options says which database to open.
type Options struct {
	URL     string       // "": SQLite in DataDir; sqlite://PATH; postgres://...
	DataDir string       // folder of offhook.db; must exist
	Logger  *slog.Logger // nil: slog.Default

	// Gather is how long writes of Enqueue wait for company before they are
	// committed. 0: 5 ms. A Write ends the wait.
	Gather time.Duration
	// KeepEvents bounds the event log by age; 0: 24 h. Events that wait for a
	// webhook stay for DeliveryLife in any case.
	KeepEvents time.Duration
	// MaxEvents bounds the event log by number; 0: 500,000.
	MaxEvents int64
}

// DeliveryLife is how long an event waits for its webhook to answer.
const DeliveryLife = 24 * time.Hour

// DB is an open database. All methods may be called from any goroutine. One
// goroutine writes; readers do not wait for it.
type DB struct {
	opts    Options
	dialect dialect
	log     *slog.Logger
	read    *sql.DB
	stmts   sync.Map // statement text → *sql.Stmt of read
	writer  *writer

	gate   sync.RWMutex // held shared while a job is handed over, exclusively to close
	closed bool
	jobs   chan job
	ended  chan struct{}

	hooks  sync.RWMutex
	events []func([]resource.Event)
	queued []func(map[resource.Endpoint]int64)

	versions sync.Map // kind → *atomic.Uint64, of the kinds that have a Cache
	counters counters
}

type counters struct {
	handed                                      atomic.Uint64 // jobs on their way to the writer or done
	jobs, commits, failed, rows, events, queued atomic.Uint64
}

// Counters are totals since the database was opened.
type Counters struct {
	Jobs    uint64 // functions of Write and Enqueue that were run
	Commits uint64 // transactions that they shared
	Failed  uint64 // functions that failed
	Rows    uint64 // rows written
	Events  uint64 // events emitted
	Queued  uint64 // deliveries queued for webhooks
	Waiting int    // functions that wait for the writer now
}

// Open opens a database, creates it when it is missing and brings its tables
// up to date. It blocks until that is done or ctx ends. Files are readable by
// their owner alone.
func Open(ctx context.Context, o Options) (*DB, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Gather == 0 {
		o.Gather = 5 * time.Millisecond
	}
	if o.KeepEvents == 0 {
		o.KeepEvents = 24 * time.Hour
	}
	if o.MaxEvents == 0 {
		o.MaxEvents = 500_000
	}
	d, err := dialectOf(o)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	pool, err := d.open()
	if err != nil {
		return nil, fmt.Errorf("store: open: %w", err)
	}
	db := &DB{opts: o, dialect: d, log: o.Logger, jobs: make(chan job, maxWaiting), ended: make(chan struct{})}
	if err := migrate(ctx, d, pool); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	if db.read, err = d.reader(pool); err != nil {
		return nil, errors.Join(fmt.Errorf("store: open for reading: %w", err), pool.Close())
	}
	db.writer = &writer{db: db, pool: pool}
	if err := db.writer.connect(ctx); err != nil {
		return nil, errors.Join(err, db.closePools())
	}
	go db.writer.run()
	if err := db.discard(ctx, anyStage); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Write runs fn in a transaction and returns when it is committed, or with
// fn's error when it is not. Several writers may share one transaction; what
// fn wrote is undone alone when it fails. fn must use tx only until it returns
// and must not call Write. When ctx ends first, fn may or may not have run.
func (db *DB) Write(ctx context.Context, fn func(*Tx) error) error {
	done := make(chan error, 1)
	if err := db.hand(ctx, job{fn: fn, ctx: ctx, done: done}); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("store: write: %w", ctx.Err())
	}
}

// Enqueue is Write without waiting: functions run in the order in which they
// were handed over, also among those of Write. Errors are logged. It blocks
// only while 10,000 functions wait; after Close nothing is run.
func (db *DB) Enqueue(fn func(*Tx) error) {
	if err := db.hand(context.Background(), job{fn: fn}); err != nil {
		db.log.Error("write dropped", "error", err)
	}
}

func (db *DB) hand(ctx context.Context, j job) error {
	db.gate.RLock()
	defer db.gate.RUnlock()
	if db.closed {
		return fmt.Errorf("store: write: %w", ErrClosed)
	}
	db.counters.handed.Add(1)
	select {
	case db.jobs <- j:
		return nil
	case <-ctx.Done():
		db.counters.handed.Add(^uint64(0))
		return fmt.Errorf("store: write: %w", ctx.Err())
	}
}

// Flush returns when everything that was handed over before is committed; at
// once when nothing waits.
func (db *DB) Flush(ctx context.Context) error {
	if settled := db.counters.jobs.Load(); settled == db.counters.handed.Load() {
		return nil
	}
	return db.Write(ctx, func(*Tx) error { return nil })
}

// OnCommit has fn called with the events of each committed transaction, in the
// order in which they were emitted, before the Write that emitted them
// returns. fn runs on the writer's goroutine: it must not block and must not
// keep the slice.
func (db *DB) OnCommit(fn func([]resource.Event)) {
	db.hooks.Lock()
	defer db.hooks.Unlock()
	db.events = append(db.events, fn)
}

// Counters returns the totals.
func (db *DB) Counters() Counters {
	c := &db.counters
	return Counters{
		Jobs: c.jobs.Load(), Commits: c.commits.Load(), Failed: c.failed.Load(), Rows: c.rows.Load(),
		Events: c.events.Load(), Queued: c.queued.Load(), Waiting: len(db.jobs),
	}
}

// Close commits what was handed over and closes the database. It may be
// called more than once.
func (db *DB) Close() error {
	db.gate.Lock()
	first := !db.closed
	db.closed = true
	if first {
		close(db.jobs)
	}
	db.gate.Unlock()
	<-db.ended
	if !first {
		return nil
	}
	return db.closePools()
}

func (db *DB) closePools() error {
	db.stmts.Range(func(_, stmt any) bool {
		_ = stmt.(*sql.Stmt).Close()
		return true
	})
	var errs []error
	if db.read != nil && db.read != db.writer.pool {
		errs = append(errs, db.read.Close())
	}
	errs = append(errs, db.writer.disconnect(), db.writer.pool.Close())
	return errors.Join(errs...)
}

// prepared returns the reading pool's statement for query.
func (db *DB) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if s, ok := db.stmts.Load(query); ok {
		return s.(*sql.Stmt), nil
	}
	s, err := db.read.PrepareContext(ctx, db.dialect.rebind(query))
	if err != nil {
		return nil, err
	}
	if other, loaded := db.stmts.LoadOrStore(query, s); loaded {
		_ = s.Close()
		return other.(*sql.Stmt), nil
	}
	return s, nil
}
