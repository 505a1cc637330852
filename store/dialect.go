package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // registers pgx
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers sqlite
)

//go:embed migrations
var migrations embed.FS

// readers is how many connections read at the same time.
const readers = 4

// dialect is what differs between the databases.
type dialect interface {
	open() (*sql.DB, error)                 // the pool that the writer takes its connection from
	reader(writer *sql.DB) (*sql.DB, error) // the pool for reading, which may be the same
	rebind(query string) string             // ? to the database's own placeholders
	begin() string                          // opens a transaction that may write
	renew() []string                        // statements that forget a savepoint named job and set it again
	reserve() string                        // query of n next event numbers, the first of which it gives; arguments: n
	goose() (dialect goose.Dialect, dir string)
	excludes() string // statement that keeps other writers out until the transaction ends; "": begin does
}

func dialectOf(o Options) (dialect, error) {
	scheme, rest, _ := strings.Cut(o.URL, "://")
	switch {
	case o.URL == "":
		return sqlite{path: filepath.Join(o.DataDir, "offhook.db")}, nil
	case scheme == "sqlite":
		return sqlite{path: rest}, nil
	case scheme == "postgres" || scheme == "postgresql":
		return postgres{url: o.URL}, nil
	}
	return nil, fmt.Errorf("url begins with %q; postgres://, sqlite:// or nothing is understood", scheme)
}

func migrate(ctx context.Context, d dialect, db *sql.DB) error {
	dialect, dir := d.goose()
	files, err := fs.Sub(migrations, dir)
	if err != nil {
		return fmt.Errorf("store: migrations: %w", err)
	}
	p, err := goose.NewProvider(dialect, db, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("store: migrations: %w", err)
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	return nil
}

// sqlite is one file. Its writer has a connection of its own; in WAL mode
// readers see the last commit and never wait.
type sqlite struct{ path string }

func (s sqlite) dsn(pragmas ...string) string {
	q := url.Values{"_pragma": append([]string{"busy_timeout(10000)"}, pragmas...)}
	return "file:" + (&url.URL{Path: s.path}).EscapedPath() + "?" + q.Encode()
}

func (s sqlite) open() (*sql.DB, error) {
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600) // the driver would make it readable by all
	if err != nil {
		return nil, err
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", s.dsn("journal_mode(WAL)", "synchronous(NORMAL)", "wal_autocheckpoint(4000)", "cache_size(-8000)", "temp_store(memory)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func (s sqlite) reader(*sql.DB) (*sql.DB, error) {
	db, err := sql.Open("sqlite", s.dsn("query_only(1)", "cache_size(-2000)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(readers)
	db.SetMaxIdleConns(readers)
	return db, nil
}

func (sqlite) rebind(query string) string     { return query }
func (sqlite) begin() string                  { return "BEGIN IMMEDIATE" }
func (sqlite) excludes() string               { return "" }
func (sqlite) goose() (goose.Dialect, string) { return goose.DialectSQLite3, "migrations/sqlite" }

// renew is two statements, because only single ones can be prepared.
func (sqlite) renew() []string { return []string{"RELEASE SAVEPOINT job", "SAVEPOINT job"} }

// The transaction is exclusive, so the next number is free until it ends.
func (sqlite) reserve() string {
	return "SELECT coalesce(max(seq), 0) + 1 FROM events WHERE ? > 0"
}

// postgres is a server. Several processes may write; each takes a lock for
// its short transactions, so that numbers grow in the order of commits.
type postgres struct{ url string }

func (p postgres) open() (*sql.DB, error) {
	db, err := sql.Open("pgx", p.url)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1 + readers)
	db.SetMaxIdleConns(1 + readers)
	return db, nil
}

func (postgres) reader(writer *sql.DB) (*sql.DB, error) { return writer, nil }
func (postgres) begin() string                          { return "BEGIN" }
func (postgres) goose() (goose.Dialect, string)         { return goose.DialectPostgres, "migrations/postgres" }

// renew is one text, because each statement is a way to the server and back.
func (postgres) renew() []string { return []string{"RELEASE SAVEPOINT job; SAVEPOINT job"} }

// excludes takes an advisory lock; the number only has to be the same everywhere.
func (postgres) excludes() string { return "SELECT pg_advisory_xact_lock(727365100)" }

// With other writers kept out, the numbers of one statement follow each other.
func (postgres) reserve() string {
	return "SELECT min(n) FROM (SELECT nextval(pg_get_serial_sequence('events', 'seq')) AS n FROM generate_series(1, CAST(? AS bigint))) AS reserved"
}

func (postgres) rebind(query string) string {
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r != '?' {
			b.WriteRune(r)
			continue
		}
		n++
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(n))
	}
	return b.String()
}
