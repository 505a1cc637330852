package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func TestRetention(t *testing.T) {
	w := newWorld(t, "", func(c *Config) { c.Recording = Retention{MaxAge: 24 * time.Hour, MaxSize: 250} })
	now := time.Now()
	ages := map[string]time.Duration{"ancient": 48 * time.Hour, "old": 3 * time.Hour, "recent": 2 * time.Hour, "new": time.Hour}
	for _, id := range []string{"ancient", "old", "recent", "new"} { // in the order in which they were made
		end := now.Add(-ages[id])
		r := &resource.Recording{
			Identity: resource.Identity{ID: id, CustomerID: resource.AdminCustomerID, TMCreate: &end},
			Status:   "ended", Format: "wav", Size: 100, TMEnd: &end,
		}
		path := w.server.exchange.RecordingFile(r)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, make([]byte, 100), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := w.server.db.Write(t.Context(), func(tx *store.Tx) error { return rows.Recordings.Insert(tx, r) }); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.server.retain(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	left, err := rows.Recordings.Everything(t.Context(), w.server.db)
	if err != nil || len(left) != 2 || left[0].ID != "recent" || left[1].ID != "new" {
		t.Errorf("left: %v, %v; want recent and new: one too old, one too many", left, err)
	}
	for id, want := range map[string]bool{"ancient": false, "old": false, "recent": true, "new": true} {
		_, err := os.Stat(w.server.exchange.RecordingFile(&resource.Recording{Identity: resource.Identity{ID: id, CustomerID: resource.AdminCustomerID}, Format: "wav"}))
		if (err == nil) != want {
			t.Errorf("file of %s is there: %v, want %v", id, err == nil, want)
		}
	}
}
