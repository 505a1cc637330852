package event_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// TestStoreToEndpoint takes events from the store to a real server over
// loopback, through a restart in which some were not delivered.
func TestStoreToEndpoint(t *testing.T) {
	var mu sync.Mutex
	got := map[string][]int{}
	failing, count := true, 0
	all := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e struct {
			Data struct {
				Key string
				N   int
			}
		}
		mu.Lock()
		defer mu.Unlock()
		if err := json.Unmarshal(body, &e); err != nil || failing && e.Data.N > 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got[e.Data.Key] = append(got[e.Data.Key], e.Data.N)
		if count++; count == 20*10 {
			close(all)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	for run := range 2 {
		db, err := store.Open(t.Context(), store.Options{DataDir: dir})
		if err != nil {
			t.Fatal(err)
		}
		webhooks := event.NewWebhooks(db, event.WebhookOptions{Client: server.Client(), Customer: func(ctx context.Context, id string) (*resource.Customer, error) {
			return rows.Customers.Load(ctx, db, id, id)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); webhooks.Run(ctx) }()
		if run == 0 {
			emitCalls(t, db, server.URL)
		} else {
			mu.Lock()
			failing = false
			mu.Unlock()
			<-all
		}
		cancel()
		<-done
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for key, order := range got {
		order = slices.Compact(order) // at least once: the last one may come again
		if !slices.Equal(order, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}) {
			t.Errorf("%s was delivered as %v", key, order)
		}
	}
}

// emitCalls emits ten events for each of twenty calls, all mixed.
func emitCalls(t *testing.T, db *store.DB, uri string) {
	t.Helper()
	if err := db.Write(t.Context(), func(tx *store.Tx) error {
		return rows.Customers.Insert(tx, &resource.Customer{Identity: resource.Identity{ID: "u", CustomerID: "u"}, WebhookURI: uri})
	}); err != nil {
		t.Fatal(err)
	}
	for n := range 10 {
		for k := range 20 {
			key := fmt.Sprint("call-", k)
			db.Enqueue(func(tx *store.Tx) error {
				return tx.Emit(event.With("call_updated", "u", key, key, map[string]any{"key": key, "n": n}))
			})
		}
	}
	if err := db.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}
