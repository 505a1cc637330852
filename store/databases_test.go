package store_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"offhook/resource"
	"offhook/store"
)

// databases gives the URL of a fresh database of each kind; the suite runs on
// all of them.
var databases = map[string]func(t testing.TB) string{
	"sqlite": func(t testing.TB) string { return "sqlite://" + filepath.Join(t.TempDir(), "test.db") },
}

// cleanup runs after all tests.
var cleanup []func()

func TestMain(m *testing.M) {
	if url := os.Getenv(crashVariable); url != "" {
		writeUntilKilled(url)
	}
	code := m.Run()
	for _, fn := range cleanup {
		fn()
	}
	os.Exit(code)
}

// each runs a test on a fresh database of each kind.
func each(t *testing.T, test func(t *testing.T, url string)) {
	for name, fresh := range databases {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

// onEach runs a test on an open database of each kind.
func onEach(t *testing.T, test func(t *testing.T, db *store.DB)) {
	each(t, func(t *testing.T, url string) { test(t, open(t, store.Options{URL: url})) })
}

func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	db, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func write(t testing.TB, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.Write(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func identity(customer, id string) resource.Identity {
	return resource.Identity{CustomerID: customer, ID: id}
}
