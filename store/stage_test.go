package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// numbers are do-not-call rows, which have a unique key.
func numbers(from, to int) []*resource.DoNotCall {
	var list []*resource.DoNotCall
	for i := from; i < to; i++ {
		list = append(list, &resource.DoNotCall{Identity: identity("c", fmt.Sprint("n", i)), Number: fmt.Sprint("+", i)})
	}
	return list
}

// listed are the ids of all do-not-call rows that anybody can read, by every
// way of reading.
func listed(t *testing.T, db *store.DB) []string {
	t.Helper()
	list, err := rows.All(t.Context(), db, rows.DoNotCalls, "c")
	every, err2 := rows.DoNotCalls.Everything(t.Context(), db)
	n, err3 := rows.DoNotCalls.Count(t.Context(), db, "c")
	if err := errors.Join(err, err2, err3); err != nil || len(list) != len(every) || n != len(list) {
		t.Fatalf("%d listed, %d in all, %d counted, %v", len(list), len(every), n, err)
	}
	ids := []string{}
	for _, row := range list {
		ids = append(ids, row.ID)
		found, err := rows.DoNotCalls.Find(t.Context(), db, rows.KeyNumber, row.Number)
		if err != nil || len(found) != 1 {
			t.Errorf("number %s: %d rows, %v", row.Number, len(found), err)
		}
	}
	return ids
}

func TestStage(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		s := rows.DoNotCalls.NewStage(db)
		for i := 0; i < 100; i += 50 {
			if err := s.Add(ctx, numbers(i, i+50)); err != nil {
				t.Fatal(err)
			}
			write(t, db, func(tx *store.Tx) error { return rows.DoNotCalls.Insert(tx, numbers(1000+i, 1001+i)[0]) })
		}
		if ids := listed(t, db); !slices.Equal(ids, []string{"n1050", "n1000"}) {
			t.Fatalf("before all is there: %v", ids)
		}
		if _, err := rows.DoNotCalls.Load(ctx, db, "c", "n7"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a staged row: %v", err)
		}
		if found, err := rows.DoNotCalls.Find(ctx, db, rows.KeyNumber, "+7"); len(found) != 0 || err != nil {
			t.Errorf("a staged key: %v, %v", found, err)
		}
		if err := s.Publish(ctx); err != nil {
			t.Fatal(err)
		}
		ids := listed(t, db)
		if len(ids) != 102 || ids[0] != "n1050" || ids[1] != "n99" || ids[50] != "n50" || ids[51] != "n1000" || ids[101] != "n0" {
			t.Errorf("after: %v", ids)
		}
	})
}

func TestStageIsRefusedWhole(t *testing.T) {
	onEach(t, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		write(t, db, func(tx *store.Tx) error { return rows.DoNotCalls.Insert(tx, numbers(7, 8)[0]) })
		sameNumber := numbers(7, 8)
		sameNumber[0].ID = "other"
		for _, part := range [][]*resource.DoNotCall{append(numbers(90, 95), numbers(7, 8)...), append(numbers(90, 95), sameNumber...)} {
			s := rows.DoNotCalls.NewStage(db)
			if err := s.Add(ctx, numbers(20, 80)); err != nil {
				t.Fatal(err)
			}
			err := s.Add(ctx, part)
			var taken *store.TakenError
			if !errors.As(err, &taken) || !errors.Is(err, store.ErrExists) || taken.ID != part[5].ID {
				t.Errorf("a taken row: %v", err)
			}
			if err := s.Discard(ctx); err != nil {
				t.Fatal(err)
			}
			if err := s.Publish(ctx); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("publishing what was discarded: %v", err)
			}
			if ids := listed(t, db); !slices.Equal(ids, []string{"n7"}) {
				t.Errorf("%v stayed", ids)
			}
		}
	})
}

// TestStageOfLastProcess: what was not published is gone, what was is there.
func TestStageOfLastProcess(t *testing.T) {
	each(t, func(t *testing.T, url string) {
		first, err := store.Open(context.Background(), store.Options{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		whole, half := rows.DoNotCalls.NewStage(first), rows.DoNotCalls.NewStage(first)
		if err := errors.Join(whole.Add(t.Context(), numbers(0, 3)), whole.Publish(t.Context()),
			half.Add(t.Context(), numbers(3, 50)), half.Add(t.Context(), numbers(50, 60)), first.Close()); err != nil {
			t.Fatal(err)
		}
		db := open(t, store.Options{URL: url})
		if ids := listed(t, db); !slices.Equal(ids, []string{"n2", "n1", "n0"}) {
			t.Errorf("%v are there", ids)
		}
		again := rows.DoNotCalls.NewStage(db)
		if err := errors.Join(again.Add(t.Context(), numbers(3, 60)), again.Publish(t.Context())); err != nil {
			t.Errorf("what is gone can't be added: %v", err)
		}
	})
}
