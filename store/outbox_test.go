package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func setWebhook(t *testing.T, db *store.DB, customer, uri string) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error {
		row := &resource.Customer{Identity: identity(customer, customer), WebhookURI: uri}
		err := rows.Customers.Put(tx, row)
		if errors.Is(err, store.ErrNotFound) {
			return rows.Customers.Insert(tx, row)
		}
		return err
	})
}

func emit(t *testing.T, db *store.DB, e resource.Event) {
	t.Helper()
	write(t, db, func(tx *store.Tx) error { return tx.Emit(e) })
}

func pending(t *testing.T, db *store.DB, to resource.Endpoint) []resource.Delivery {
	t.Helper()
	list, err := db.Pending(t.Context(), to, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestOutbox(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		own, flow := resource.Endpoint{CustomerID: "c"}, resource.Endpoint{CustomerID: "c", URI: "http://flow.test/"}
		var queued []map[resource.Endpoint]int64
		db.OnQueued(func(first map[resource.Endpoint]int64) { queued = append(queued, first) })
		emit(t, db, resource.Event{CustomerID: "c", Type: "nobody_listens", OrderKey: "k"})
		setWebhook(t, db, "c", "http://c.test/")
		at := time.Date(2026, 3, 4, 5, 6, 7, 8000, time.UTC)
		emit(t, db, resource.Event{
			ID: "e1", CustomerID: "c", Type: "call_created", Resource: "call", ResourceID: "x", OrderKey: "k",
			Time: at, Data: []byte(`{"id":"x"}`), WebhookURI: flow.URI, Webhook: "PUT",
		})
		emit(t, db, resource.Event{CustomerID: "c", Type: "call_hangup", OrderKey: "k"})
		emit(t, db, resource.Event{CustomerID: "d", Type: "call_created", OrderKey: "k"})
		setWebhook(t, db, "c", "")
		emit(t, db, resource.Event{CustomerID: "c", Type: "after_removal", OrderKey: "k"})
		list := pending(t, db, own)
		if len(list) != 2 || list[0].Event.Type != "call_created" || list[1].Event.Type != "call_hangup" || list[0].Seq >= list[1].Seq {
			t.Fatalf("customer's outbox: %+v", list)
		}
		e := list[0].Event
		if e.ID != "e1" || !e.Time.Equal(at) || string(e.Data) != `{"id":"x"}` || e.Webhook != "PUT" || e.Resource != "call" || e.ResourceID != "x" {
			t.Errorf("event came back as %+v", e)
		}
		if list[1].Event.ID == "" || list[1].Event.Time.IsZero() {
			t.Errorf("id and time were not filled in: %+v", list[1].Event)
		}
		if got := pending(t, db, flow); len(got) != 1 || got[0].Event.ID != "e1" {
			t.Errorf("flow's outbox: %+v", got)
		}
		if len(queued) != 2 || queued[0][own] != list[0].Seq || queued[0][flow] != list[0].Seq || queued[1][own] != list[1].Seq {
			t.Errorf("told of %v", queued)
		}
		db.Settle(list[:1])
		if err := db.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := pending(t, db, own); len(got) != 1 || got[0].Seq != list[1].Seq {
			t.Errorf("after settling: %+v", got)
		}
		if got, err := db.Endpoints(t.Context()); len(got) != 2 || err != nil {
			t.Errorf("endpoints %v, %v", got, err)
		}
	})
}

// TestPrune relies on the first commit after opening, which prunes.
func TestPrune(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		db := open(t, store.Options{URL: url})
		setWebhook(t, db, "listens", "http://c.test/")
		now := time.Now()
		for i, age := range []time.Duration{30 * time.Hour, 2 * time.Hour, 90 * time.Minute, 0, 0, 0} {
			for _, customer := range []string{"listens", "deaf"} {
				emit(t, db, resource.Event{ID: fmt.Sprint(i), CustomerID: customer, Type: "x", OrderKey: customer, Time: now.Add(-age)})
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		ids := func(db *store.DB, customer string) (s string) {
			log, err := db.History(t.Context(), customer, customer, 0, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range log {
				s += d.Event.ID
			}
			return s
		}
		db = open(t, store.Options{URL: url, KeepEvents: time.Hour})
		for range 2 { // the first prunes when it is done
			write(t, db, func(*store.Tx) error { return nil })
		}
		if listens, deaf := ids(db, "listens"), ids(db, "deaf"); listens != "12345" || deaf != "345" {
			t.Errorf("kept %s and %s; want 12345 (waiting for a webhook) and 345", listens, deaf)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		db = open(t, store.Options{URL: url, MaxEvents: 2})
		for range 2 {
			write(t, db, func(*store.Tx) error { return nil })
		}
		if listens, deaf := ids(db, "listens"), ids(db, "deaf"); listens != "12345" || deaf != "5" {
			t.Errorf("kept %s and %s; want 12345 and 5", listens, deaf)
		}
	})
}
