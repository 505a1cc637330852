package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// BenchmarkCall writes what a call writes: its row six times and eight events
// with the row as their data, which wait for a webhook or not. An op is a
// whole call.
func BenchmarkCall(b *testing.B) {
	for name, fresh := range databases {
		for _, webhook := range []string{"", "http://c.test/"} {
			b.Run(fmt.Sprintf("%s/webhook=%v", name, webhook != ""), func(b *testing.B) {
				db := open(b, store.Options{URL: fresh(b)})
				write(b, db, func(tx *store.Tx) error {
					return rows.Customers.Insert(tx, &resource.Customer{Identity: identity("c", "c"), WebhookURI: webhook})
				})
				b.ReportAllocs()
				for b.Loop() {
					oneCall(db)
				}
				if err := db.Flush(context.Background()); err != nil {
					b.Fatal(err)
				}
				c := db.Counters()
				b.ReportMetric(float64(c.Rows+c.Events)/b.Elapsed().Seconds(), "rows+events/s")
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(c.Rows+c.Events), "µs/row")
			})
		}
	}
}

func oneCall(db *store.DB) {
	call := resource.Call{
		Identity: identity("c", resource.NewID()), Type: "flow", Status: resource.StatusDialing, FlowID: resource.NewID(),
		ActiveflowID: resource.NewID(), Direction: resource.DirectionOutgoing, ChainedCallIDs: []string{}, RecordingIDs: []string{},
		Source:      resource.Address{Type: "tel", Target: "+15550000000"},
		Destination: resource.Address{Type: "tel", Target: "+15551234567"}, Media: &resource.CallMedia{Codec: "PCMU", Path: "rtp 127.0.0.1:4000 -> jitter 40ms -> PCMU"},
	}
	call.TMCreate = resource.Now()
	for i, events := range []int{2, 1, 1, 1, 1, 2} {
		row := call
		if i == 5 {
			row.Status = resource.StatusHangup
		}
		db.Enqueue(func(tx *store.Tx) error {
			save := rows.Calls.Put
			if i == 0 {
				save = rows.Calls.Insert
			}
			if err := save(tx, &row); err != nil {
				return err
			}
			for range events {
				data, err := json.Marshal(&row)
				if err != nil {
					return err
				}
				if err := tx.Emit(resource.Event{CustomerID: "c", Type: "call_updated", Resource: "call", ResourceID: row.ID, OrderKey: row.ID, Data: data}); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for name, fresh := range databases {
		b.Run(name, func(b *testing.B) {
			db := open(b, store.Options{URL: fresh(b)})
			write(b, db, insertTag("c", "a"))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := rows.Tags.Load(context.Background(), db, "c", "a"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkWrite(b *testing.B) {
	for name, fresh := range databases {
		b.Run(name, func(b *testing.B) {
			db := open(b, store.Options{URL: fresh(b)})
			b.ReportAllocs()
			for b.Loop() {
				write(b, db, insertTag("c", resource.NewID()))
			}
		})
	}
}
