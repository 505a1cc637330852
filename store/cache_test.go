package store_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func TestCacheForgetsWhatWasWritten(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		numbers := store.NewCache(db, rows.Numbers)
		check := func(when string, wantErr error, name string, found int) {
			t.Helper()
			for range 2 { // the second answer is from memory
				n, err := numbers.Load(ctx, "c", "n")
				if !errors.Is(err, wantErr) || err == nil && n.Name != name {
					t.Errorf("%s: Load gave %+v, %v", when, n, err)
				}
				if list, err := numbers.Find(ctx, rows.KeyRange, "1"); err != nil || len(list) != found {
					t.Errorf("%s: Find gave %d, %v; want %d", when, len(list), err, found)
				}
				if list, err := numbers.All(ctx, "c"); err != nil || len(list) != found {
					t.Errorf("%s: All gave %d, %v; want %d", when, len(list), err, found)
				}
			}
		}
		row := func(name string) *resource.Number {
			return &resource.Number{Identity: identity("c", "n"), Number: "+49*", Name: name}
		}
		check("before", store.ErrNotFound, "", 0)
		write(t, db, func(tx *store.Tx) error { return rows.Numbers.Insert(tx, row("one")) })
		check("inserted", nil, "one", 1)
		if again, err := numbers.Load(ctx, "c", "n"); err != nil {
			t.Error(err)
		} else if first, _ := numbers.Load(ctx, "c", "n"); first != again {
			t.Error("two Loads without a write in between read the row twice")
		}
		write(t, db, func(tx *store.Tx) error { return rows.Numbers.Put(tx, row("two")) })
		check("put", nil, "two", 1)
		write(t, db, func(tx *store.Tx) error { return rows.Tags.Insert(tx, &resource.Tag{Identity: identity("c", "t")}) })
		check("another kind written", nil, "two", 1)
		write(t, db, func(tx *store.Tx) error { return rows.Numbers.Delete(tx, "c", "n") })
		check("deleted", store.ErrNotFound, "", 0)
	})
}

func TestCacheIsNeverBehindAWrite(t *testing.T) {
	db := open(t, store.Options{URL: databases["sqlite"](t)})
	tags := store.NewCache(db, rows.Tags)
	write(t, db, insertTag("c", "t"))
	var readers sync.WaitGroup
	over := make(chan struct{})
	for range 4 { // they fill the cache while rows change
		readers.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
					_, _ = tags.Load(t.Context(), "c", "t")
				}
			}
		})
	}
	for i := range 200 {
		name := string(rune('a' + i%26))
		write(t, db, func(tx *store.Tx) error {
			return rows.Tags.Put(tx, &resource.Tag{Identity: identity("c", "t"), Name: name})
		})
		if got, err := tags.Load(t.Context(), "c", "t"); err != nil || got.Name != name {
			t.Fatalf("after write %d: %+v, %v; want %q", i, got, err, name)
		}
	}
	close(over)
	readers.Wait()
}

// TestRangesOfOlderVersions gives a number the keys that it had before ranges
// had one.
func TestRangesOfOlderVersions(t *testing.T) {
	dir := t.TempDir()
	db := open(t, store.Options{DataDir: dir})
	write(t, db, func(tx *store.Tx) error {
		return rows.Numbers.Insert(tx, &resource.Number{Identity: identity("c", "n"), Number: "+49*"})
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", filepath.Join(dir, "offhook.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"DELETE FROM resource_keys WHERE name = 'range'", "DROP TABLE stages", "DELETE FROM goose_db_version WHERE version_id >= 2",
	} {
		if _, err := raw.Exec(text); err != nil {
			t.Fatal(err)
		}
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	db = open(t, store.Options{DataDir: dir})
	if list, err := rows.Numbers.Find(t.Context(), db, rows.KeyRange, "1"); err != nil || len(list) != 1 {
		t.Errorf("after the migration %d ranges are found, %v; want 1", len(list), err)
	}
}
