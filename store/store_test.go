package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func open(t testing.TB) *store.DB {
	t.Helper()
	db, err := store.Open(context.Background(), store.Options{DataDir: t.TempDir()})
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

func flow(customer, id string) *resource.Flow {
	return &resource.Flow{Identity: resource.Identity{ID: id, CustomerID: customer}, Name: "flow " + id}
}

func TestRows(t *testing.T) {
	db, ctx := open(t), t.Context()
	err := db.Write(ctx, func(tx *store.Tx) error { return rows.Flows.Insert(tx, flow("c1", "f1")) })
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Write(ctx, func(tx *store.Tx) error { return rows.Flows.Insert(tx, flow("c1", "f1")) }); !errors.Is(err, store.ErrExists) {
		t.Errorf("second insert: %v, want ErrExists", err)
	}
	if err := db.Write(ctx, func(tx *store.Tx) error { return rows.Flows.Insert(tx, flow("c2", "f1")) }); err != nil {
		t.Errorf("the same id of another customer: %v", err)
	}
	if _, err := rows.Flows.Load(ctx, db, "c3", "f1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another customer's row: %v, want ErrNotFound", err)
	}
	err = db.Write(ctx, func(tx *store.Tx) error {
		_, err := rows.Flows.Update(tx, "c1", "f1", func(f *resource.Flow) error { f.Name = "new"; return nil })
		return err
	})
	got, loadErr := rows.Flows.Load(ctx, db, "c1", "f1")
	if err != nil || loadErr != nil || got.Name != "new" || got.TMUpdate.Before(*got.TMCreate) {
		t.Errorf("after update: %+v, %v, %v", got, err, loadErr)
	}
	if err := db.Write(ctx, func(tx *store.Tx) error { return rows.Flows.Delete(tx, "c1", "f1") }); err != nil {
		t.Error(err)
	}
	if _, err := rows.Flows.Load(ctx, db, "c1", "f1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted row: %v", err)
	}
}

func TestFailedWriteIsUndoneAlone(t *testing.T) {
	db, ctx := open(t), t.Context()
	boom := errors.New("boom")
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			err := db.Write(ctx, func(tx *store.Tx) error {
				if err := rows.Flows.Insert(tx, flow("c", fmt.Sprint(i))); err != nil {
					return err
				}
				if i%2 == 1 {
					return boom
				}
				return nil
			})
			if want := i%2 == 1; errors.Is(err, boom) != want {
				t.Errorf("write %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if n, err := rows.Flows.Count(ctx, db, "c"); n != 25 || err != nil {
		t.Errorf("%d rows, %v; want the 25 whose write succeeded", n, err)
	}
}

func TestKeys(t *testing.T) {
	db, ctx := open(t), t.Context()
	ext := &resource.Extension{Identity: resource.Identity{ID: "a", CustomerID: "c"}, Extension: "1001"}
	put := func(fn func(*store.Tx) error) error { return db.Write(ctx, fn) }
	if err := put(func(tx *store.Tx) error { return rows.Extensions.Insert(tx, ext) }); err != nil {
		t.Fatal(err)
	}
	twin := &resource.Extension{Identity: resource.Identity{ID: "b", CustomerID: "c"}, Extension: "1001"}
	if err := put(func(tx *store.Tx) error { return rows.Extensions.Insert(tx, twin) }); !errors.Is(err, store.ErrExists) {
		t.Errorf("taken extension: %v, want ErrExists", err)
	}
	ext.Extension = "1002"
	if err := put(func(tx *store.Tx) error { return rows.Extensions.Put(tx, ext) }); err != nil {
		t.Fatal(err)
	}
	if old, err := rows.Extensions.Find(ctx, db, rows.KeyExtension, "1001"); len(old) != 0 || err != nil {
		t.Errorf("old key still finds %v, %v", old, err)
	}
	if now, err := rows.Extensions.Find(ctx, db, rows.KeyExtension, "1002"); len(now) != 1 || err != nil {
		t.Errorf("new key finds %v, %v", now, err)
	}
}

func TestPagesHoldEachRowOnceWhileRowsAreAdded(t *testing.T) {
	db, ctx := open(t), t.Context()
	add := func(n, from int) {
		for i := range n {
			if err := db.Write(ctx, func(tx *store.Tx) error {
				return rows.Tags.Insert(tx, &resource.Tag{Identity: resource.Identity{ID: fmt.Sprint(from + i), CustomerID: "c"}})
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(25, 0)
	seen := map[string]bool{}
	page, pages := store.Page{Size: 10}, 0
	for {
		list, next, err := rows.Tags.List(ctx, db, "c", page)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range list {
			if seen[tag.ID] {
				t.Errorf("row %s came twice", tag.ID)
			}
			seen[tag.ID] = true
		}
		add(3, 100+10*pages)
		if pages++; next == "" {
			break
		}
		page.Token = next
	}
	if len(seen) != 25 || pages != 3 {
		t.Errorf("%d rows in %d pages, want 25 in 3", len(seen), pages)
	}
	if _, _, err := rows.Tags.List(ctx, db, "c", store.Page{Token: "nonsense!"}); !errors.Is(err, store.ErrToken) {
		t.Errorf("bad token: %v", err)
	}
}

func TestEventsFollowTheirRows(t *testing.T) {
	db, ctx := open(t), t.Context()
	var mu sync.Mutex
	var told []string
	db.OnCommit(func(events []resource.Event) {
		mu.Lock()
		defer mu.Unlock()
		for _, e := range events {
			told = append(told, e.Type)
		}
	})
	cust := &resource.Customer{Identity: resource.Identity{ID: "c", CustomerID: "c"}, WebhookURI: "http://127.0.0.1:1/"}
	err := db.Write(ctx, func(tx *store.Tx) error { return rows.Customers.Insert(tx, cust) })
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("failed")
	emit := func(name string, err error) error {
		return db.Write(ctx, func(tx *store.Tx) error {
			if e := tx.Emit(resource.Event{CustomerID: "c", Type: name, OrderKey: "k", Data: []byte(`{}`)}); e != nil {
				return e
			}
			return err
		})
	}
	if err := emit("one", nil); err != nil {
		t.Fatal(err)
	}
	if err := emit("undone", failed); !errors.Is(err, failed) {
		t.Fatal(err)
	}
	if err := emit("two", nil); err != nil {
		t.Fatal(err)
	}
	pending, err := db.Pending(ctx, resource.Endpoint{CustomerID: "c"}, 0, 10)
	if err != nil || len(pending) != 2 {
		t.Fatalf("outbox: %+v, %v; want the two committed events", pending, err)
	}
	mu.Lock()
	if fmt.Sprint(told) != "[one two]" {
		t.Errorf("listeners were told %v", told)
	}
	mu.Unlock()
	db.Settle(pending[:1])
	if err := db.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if rest, _ := db.Pending(ctx, resource.Endpoint{CustomerID: "c"}, 0, 10); len(rest) != 1 || rest[0].Event.ID != pending[1].Event.ID {
		t.Errorf("after delivery: %+v", rest)
	}
	cust.WebhookURI = ""
	if err := db.Write(ctx, func(tx *store.Tx) error { return rows.Customers.Put(tx, cust) }); err != nil {
		t.Fatal(err)
	}
	if err := emit("three", nil); err != nil {
		t.Fatal(err)
	}
	if rest, _ := db.Pending(ctx, resource.Endpoint{CustomerID: "c"}, 0, 10); len(rest) != 1 {
		t.Errorf("a customer without webhook got %d deliveries queued", len(rest)-1)
	}
}

func BenchmarkRowWithEvent(b *testing.B) {
	db := open(b)
	row := &resource.Call{Identity: resource.Identity{ID: "x", CustomerID: "c"}}
	db.Enqueue(func(tx *store.Tx) error { return rows.Calls.Insert(tx, row) })
	b.ReportAllocs()
	for b.Loop() {
		db.Enqueue(func(tx *store.Tx) error {
			if err := rows.Calls.Put(tx, row); err != nil {
				return err
			}
			return tx.Emit(resource.Event{CustomerID: "c", Type: "call_updated", Data: []byte(`{}`)})
		})
	}
	if err := db.Flush(context.Background()); err != nil {
		b.Fatal(err)
	}
}
