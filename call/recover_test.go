package call_test

import (
	"testing"
	"time"

	"offhook/call"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// A call that the last process took with it ended when that process was last
// seen, not when the row was last written, nor when the next process started.
func TestCallsOfTheLastRunEndWithIt(t *testing.T) {
	now := time.Now().UTC().Truncate(time.Microsecond)
	ago := func(d time.Duration) *time.Time { at := now.Add(-d); return &at }
	tests := []struct {
		name              string
		answered, changed *time.Time
		alive             time.Time
		duration          int
		ended             *time.Time
	}{
		{"nothing changed after the answer", ago(time.Hour), ago(time.Hour), *ago(10 * time.Minute), 3000, ago(10 * time.Minute)},
		{"changed after the last sign of life", ago(time.Hour), ago(9 * time.Minute), *ago(10 * time.Minute), 3060, ago(9 * time.Minute)},
		{"no sign of life", ago(time.Hour), ago(30 * time.Minute), time.Time{}, 1800, ago(30 * time.Minute)},
		{"never answered", nil, ago(time.Hour), *ago(10 * time.Minute), 0, ago(10 * time.Minute)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, nil, func(cfg *call.Config) {
				cfg.LastAlive = test.alive
				row := &resource.Call{
					Identity: resource.Identity{ID: "cut", CustomerID: customer, TMUpdate: test.changed}, Status: resource.StatusProgressing,
					TMProgressing: test.answered,
				}
				if err := cfg.DB.Write(t.Context(), func(tx *store.Tx) error { return rows.Calls.Insert(tx, row) }); err != nil {
					t.Fatal(err)
				}
			})
			row, err := rows.Calls.Load(t.Context(), b.db, customer, "cut")
			if err != nil {
				t.Fatal(err)
			}
			if row.Status != resource.StatusHangup || row.HangupReason != call.ReasonRestart || row.Duration != test.duration || !row.TMHangup.Equal(*test.ended) {
				t.Errorf("%s (%s) after %d s at %v, want %d s at %v", row.Status, row.HangupReason, row.Duration, row.TMHangup, test.duration, test.ended)
			}
		})
	}
}
