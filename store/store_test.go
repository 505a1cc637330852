package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func optionsFor(url string) store.Options { return store.Options{URL: url} }

func insertTag(customer, id string) func(*store.Tx) error {
	return func(tx *store.Tx) error {
		return rows.Tags.Insert(tx, &resource.Tag{Identity: identity(customer, id)})
	}
}

func countTags(t *testing.T, db *store.DB, customer string) int {
	t.Helper()
	n, err := rows.Tags.Count(t.Context(), db, customer)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRows(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		flow := func(customer string) *resource.Flow {
			return &resource.Flow{Identity: identity(customer, "f1"), Name: "old"}
		}
		write(t, db, func(tx *store.Tx) error { return rows.Flows.Insert(tx, flow("c1")) })
		err := db.Write(ctx, func(tx *store.Tx) error { return rows.Flows.Insert(tx, flow("c1")) })
		if !errors.Is(err, store.ErrExists) {
			t.Errorf("second insert: %v, want ErrExists", err)
		}
		write(t, db, func(tx *store.Tx) error { return rows.Flows.Insert(tx, flow("c2")) }) // the same id of another customer
		if _, err := rows.Flows.Load(ctx, db, "c3", "f1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another customer's row: %v, want ErrNotFound", err)
		}
		write(t, db, func(tx *store.Tx) error {
			_, err := rows.Flows.Update(tx, "c1", "f1", func(f *resource.Flow) error { f.Name = "new"; return nil })
			return err
		})
		got, err := rows.Flows.Load(ctx, db, "c1", "f1")
		if err != nil || got.Name != "new" || got.TMCreate == nil || got.TMUpdate == nil || got.TMUpdate.Before(*got.TMCreate) {
			t.Errorf("after update: %+v, %v", got, err)
		}
		all, err := rows.Flows.Everything(ctx, db)
		if err != nil || len(all) != 2 {
			t.Errorf("everything: %d rows, %v", len(all), err)
		}
		write(t, db, func(tx *store.Tx) error { return rows.Flows.Delete(tx, "c1", "f1") })
		for name, fn := range map[string]func(tx *store.Tx) error{
			"delete": func(tx *store.Tx) error { return rows.Flows.Delete(tx, "c1", "f1") },
			"put":    func(tx *store.Tx) error { return rows.Flows.Put(tx, flow("c1")) },
			"read":   func(tx *store.Tx) error { _, err := rows.Flows.Read(tx, "c1", "f1"); return err },
		} {
			if err := db.Write(ctx, fn); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s of a deleted row: %v, want ErrNotFound", name, err)
			}
		}
	})
}

func TestPutKeepsCreationTime(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		write(t, db, insertTag("c", "a"))
		before, err := rows.Tags.Load(t.Context(), db, "c", "a")
		if err != nil {
			t.Fatal(err)
		}
		write(t, db, func(tx *store.Tx) error {
			return rows.Tags.Put(tx, &resource.Tag{Identity: identity("c", "a"), Name: "named"})
		})
		after, err := rows.Tags.Load(t.Context(), db, "c", "a")
		if err != nil || after.Name != "named" || after.TMCreate == nil || !after.TMCreate.Equal(*before.TMCreate) {
			t.Errorf("%+v, %v; want tm_create %v", after, err, before.TMCreate)
		}
	})
}

func TestFailedWriteIsUndoneAlone(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		boom := errors.New("boom")
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				err := db.Write(context.Background(), func(tx *store.Tx) error {
					if err := insertTag("c", fmt.Sprint(i))(tx); err != nil {
						return err
					}
					if err := tx.Emit(resource.Event{CustomerID: "c", Type: "x", OrderKey: "k"}); err != nil {
						return err
					}
					switch i % 3 {
					case 1:
						return boom
					case 2:
						panic("a fault in a caller's function")
					}
					return nil
				})
				if failed := i%3 != 0; (err != nil) != failed {
					t.Errorf("write %d: %v", i, err)
				}
			})
		}
		all.Wait()
		if n := countTags(t, db, "c"); n != 20 {
			t.Errorf("%d rows, want the 20 whose write succeeded", n)
		}
		if log, err := db.History(t.Context(), "c", "k", 0, 100); len(log) != 20 || err != nil {
			t.Errorf("%d events, %v; want 20", len(log), err)
		}
	})
}

func TestKeys(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		extension := func(customer, id, number string) *resource.Extension {
			return &resource.Extension{Identity: identity(customer, id), Extension: number}
		}
		insert := func(e *resource.Extension) error {
			return db.Write(ctx, func(tx *store.Tx) error { return rows.Extensions.Insert(tx, e) })
		}
		put := func(e *resource.Extension) error {
			return db.Write(ctx, func(tx *store.Tx) error { return rows.Extensions.Put(tx, e) })
		}
		a, b := extension("c", "a", "1001"), extension("c", "b", "1002")
		if err := errors.Join(insert(a), insert(b), insert(extension("other", "a", "1001"))); err != nil {
			t.Fatal(err)
		}
		if err := insert(extension("c", "d", "1001")); !errors.Is(err, store.ErrExists) {
			t.Errorf("insert with a taken key: %v, want ErrExists", err)
		}
		b.Extension = "1001"
		if err := put(b); !errors.Is(err, store.ErrExists) {
			t.Errorf("put with a taken key: %v, want ErrExists", err)
		}
		a.Extension = "1003"
		if err := errors.Join(put(a), put(b)); err != nil {
			t.Error(err)
		}
		for number, want := range map[string]int{"1001": 2, "1002": 0, "1003": 1} {
			if got, err := rows.Extensions.Find(ctx, db, rows.KeyExtension, number); len(got) != want || err != nil {
				t.Errorf("%s finds %d rows, %v; want %d", number, len(got), err, want)
			}
		}
		write(t, db, func(tx *store.Tx) error { return rows.Extensions.Delete(tx, "c", "a") })
		if got, err := rows.Extensions.Find(ctx, db, rows.KeyExtension, "1003"); len(got) != 0 || err != nil {
			t.Errorf("a deleted row is found: %v, %v", got, err)
		}
	})
}

func TestFilters(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		write(t, db, func(tx *store.Tx) error {
			for i := range 30 {
				row := &resource.OutdialTarget{Identity: identity("c", fmt.Sprint(i)), OutdialID: fmt.Sprint("list", i%2), Status: []string{"idle", "done", "idle"}[i%3]}
				if err := rows.OutdialTargets.Insert(tx, row); err != nil {
					return err
				}
			}
			return nil
		})
		one, two := store.Filter{Key: rows.KeyParent, Value: "list0"}, store.Filter{Key: rows.KeyStatus, Value: "idle"}
		for _, x := range []struct {
			filters []store.Filter
			want    int
		}{{nil, 30}, {[]store.Filter{one}, 15}, {[]store.Filter{one, two}, 10}, {[]store.Filter{{Key: "x", Value: "y"}}, 0}} {
			n, err := rows.OutdialTargets.Count(ctx, db, "c", x.filters...)
			if n != x.want || err != nil {
				t.Errorf("%v: count %d, %v; want %d", x.filters, n, err, x.want)
			}
			got, page := 0, store.Page{Size: 4}
			for {
				list, next, err := rows.OutdialTargets.List(ctx, db, "c", page, x.filters...)
				if err != nil {
					t.Fatal(err)
				}
				got += len(list)
				if page.Token = next; next == "" {
					break
				}
			}
			if got != x.want {
				t.Errorf("%v: %d rows in pages, want %d", x.filters, got, x.want)
			}
		}
	})
}

func TestPagesHoldEachRowOnceWhileRowsAreAdded(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		now := resource.Now() // one time for all: order must not rest on it
		add := func(from, n int) {
			write(t, db, func(tx *store.Tx) error {
				for i := range n {
					row := &resource.Tag{Identity: identity("c", fmt.Sprint(from+i))}
					row.TMCreate = now
					if err := rows.Tags.Insert(tx, row); err != nil {
						return err
					}
				}
				return nil
			})
		}
		add(0, 30)
		var seen []string
		pages := 0
		for page := (store.Page{Size: 10}); ; {
			list, next, err := rows.Tags.List(t.Context(), db, "c", page)
			if err != nil {
				t.Fatal(err)
			}
			for _, tag := range list {
				seen = append(seen, tag.ID)
			}
			pages++
			add(100*pages, 3)
			if page.Token = next; next == "" {
				break
			}
		}
		var want []string
		for i := 29; i >= 0; i-- {
			want = append(want, fmt.Sprint(i))
		}
		if !slices.Equal(seen, want) || pages != 3 {
			t.Errorf("%d pages: %v, want 29 to 0 in 3", pages, seen)
		}
	})
}

func TestPageTokens(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		start := time.Date(2026, 1, 2, 15, 4, 0, 0, time.UTC)
		write(t, db, func(tx *store.Tx) error {
			for i := range 5 {
				at := start.Add(time.Duration(i) * time.Second)
				row := &resource.Tag{Identity: identity("c", fmt.Sprint(i))}
				row.TMCreate = &at
				if err := rows.Tags.Insert(tx, row); err != nil {
					return err
				}
			}
			return nil
		})
		for token, want := range map[string]string{
			"2026-01-02T15:04:03.000000Z":   "2",
			"2026-01-02 15:04:02.500000":    "2",
			"2026-01-02T16:04:01+01:00":     "0",
			"2026-01-02T15:04:00.00000000Z": "",
		} {
			list, _, err := rows.Tags.List(t.Context(), db, "c", store.Page{Token: token})
			if err != nil || (want == "") != (len(list) == 0) || len(list) > 0 && list[0].ID != want {
				t.Errorf("%s: %d rows, %v; want from %q", token, len(list), err, want)
			}
		}
		for _, bad := range []string{"nonsense", "p", "p!", "p-5", "p0", "pzzzzzzzzzzzzzzzzzzz", "p01", "2026", " "} {
			if _, _, err := rows.Tags.List(t.Context(), db, "c", store.Page{Token: bad}); !errors.Is(err, store.ErrToken) {
				t.Errorf("%q: %v, want ErrToken", bad, err)
			}
		}
	})
}

func TestNobodyHasWhatCannotBeStored(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		for _, bad := range []string{"a\x00b", "\xff"} {
			if _, err := rows.Tags.Load(t.Context(), db, "c", bad); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("load %q: %v, want ErrNotFound", bad, err)
			}
			if list, err := rows.Extensions.Find(t.Context(), db, rows.KeyExtension, bad); len(list) != 0 || err != nil {
				t.Errorf("find %q: %v, %v", bad, list, err)
			}
			if n, err := rows.Extensions.Count(t.Context(), db, "c", store.Filter{Key: rows.KeyExtension, Value: bad}); n != 0 || err != nil {
				t.Errorf("count %q: %d, %v", bad, n, err)
			}
		}
		err := db.Write(t.Context(), func(tx *store.Tx) error {
			return tx.Emit(resource.Event{CustomerID: "c", Type: "x", Data: []byte("{")})
		})
		if err == nil {
			t.Error("an event whose data is not JSON was taken")
		}
	})
}

func TestEnqueueKeepsOrder(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		var told []string
		db.OnCommit(func(events []resource.Event) {
			for _, e := range events {
				told = append(told, e.Type)
			}
		})
		var want []string
		for i := range 2500 {
			name := fmt.Sprint("n", i)
			want = append(want, name)
			db.Enqueue(func(tx *store.Tx) error {
				return tx.Emit(resource.Event{CustomerID: "c", Type: name, OrderKey: "k"})
			})
		}
		if err := db.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(told, want) {
			t.Errorf("listeners were told %d events, or in another order", len(told))
		}
		log, err := db.History(t.Context(), "c", "k", 0, 5000)
		if err != nil || len(log) != len(want) {
			t.Fatalf("%d events in the log, %v", len(log), err)
		}
		for i, d := range log {
			if d.Event.Type != want[i] || i > 0 && d.Seq <= log[i-1].Seq {
				t.Fatalf("event %d of the log is %s with number %d", i, d.Event.Type, d.Seq)
			}
		}
		if c := db.Counters(); c.Events != 2500 || c.Commits > 100 {
			t.Errorf("%+v; want few commits", c)
		}
	})
}

func TestClose(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, store.Options{URL: url})
		db.Enqueue(insertTag("c", "last"))
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), insertTag("c", "late")); !errors.Is(err, store.ErrClosed) {
			t.Errorf("write after close: %v, want ErrClosed", err)
		}
		if n := countTags(t, open(t, store.Options{URL: url}), "c"); n != 1 {
			t.Errorf("%d rows after reopening, want what was handed over before Close", n)
		}
	})
}

func TestWriteEndsWithItsContext(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		held, release := make(chan struct{}), make(chan struct{})
		db.Enqueue(func(*store.Tx) error { close(held); <-release; return nil })
		<-held
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := db.Write(ctx, insertTag("c", "a")); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want context.Canceled", err)
		}
		close(release)
		if err := db.Flush(t.Context()); err != nil {
			t.Error(err)
		}
		if n := countTags(t, db, "c"); n != 0 {
			t.Errorf("%d rows; a write whose caller has gone before it began is left out", n)
		}
	})
}

func TestVirtualTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db, err := store.Open(context.Background(), store.Options{DataDir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		db.Enqueue(insertTag("c", "a"))
		time.Sleep(6 * time.Millisecond)
		synctest.Wait()
		if n := countTags(t, db, "c"); n != 1 {
			t.Errorf("%d rows after the time of gathering", n)
		}
		write(t, db, insertTag("c", "b"))
		if d := time.Since(start); d > 7*time.Millisecond {
			t.Errorf("a Write took %v of virtual time", d)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"mysql://root:hunter2@localhost/x":       `"mysql"`,
		"postgres://u:hunter2@127.0.0.1:1/x":     "connect",
		"sqlite:///nonexistent/folder/x.db":      "no such file",
		"postgres://u:hunter2@127.0.0.1:bad/x?x": "",
	} {
		_, err := store.Open(t.Context(), store.Options{URL: url})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q and no password", url, err, want)
		}
	}
}
