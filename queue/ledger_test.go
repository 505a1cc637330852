package queue

import (
	"context"
	"slices"
	"testing"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// TestRestart holds that what a crash left open is closed: callers end with the
// reason restart, agents are available, and what they chose stays.
func TestRestart(t *testing.T) {
	ctx := t.Context()
	db, err := store.Open(ctx, store.Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	own := func(id string) resource.Identity { return resource.Identity{ID: id, CustomerID: "c"} }
	agents := []resource.Agent{
		{Identity: own("ringing"), Status: Ringing},
		{Identity: own("talking"), Status: Busy, CallID: "x"},
		{Identity: own("wrapping"), Status: WrapUp},
		{Identity: own("busy"), Status: Busy},
		{Identity: own("away"), Status: Away},
		{Identity: own("there"), Status: Available},
	}
	visits := []resource.Queuecall{
		{Identity: own("waits"), QueueID: "q", Status: "waiting", Position: 3},
		{Identity: own("rings"), QueueID: "q", Status: "connecting"},
		{Identity: own("talks"), QueueID: "q", Status: "service"},
		{Identity: own("promised"), QueueID: "q", Status: "connecting", Callback: &resource.Callback{Tries: 1}},
		{Identity: own("over"), QueueID: "q", Status: "done", EndReason: "answered"},
	}
	write(t, db, func(tx *store.Tx) error {
		for i := range agents {
			if err := rows.Agents.Insert(tx, &agents[i]); err != nil {
				return err
			}
		}
		for i := range visits {
			if err := rows.Queuecalls.Insert(tx, &visits[i]); err != nil {
				return err
			}
		}
		return rows.Queues.Insert(tx, &resource.Queue{Identity: own("q"), WaitQueuecallIDs: []string{"waits"}, TotalAbandonedCount: 5})
	})
	var told []string
	db.OnCommit(func(events []resource.Event) {
		for _, e := range events {
			told = append(told, e.Type+" "+e.ResourceID)
		}
	})
	ledger := StoreLedger{db}
	if err := ledger.Recover(ctx); err != nil {
		t.Fatal(err)
	}
	slices.Sort(told)
	want := []string{
		"agent_status_updated ringing", "agent_status_updated talking", "agent_status_updated wrapping",
		"queuecall_abandoned rings", "queuecall_abandoned waits", "queuecall_done talks",
	}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	for id, reason := range map[string]string{"waits": "restart", "rings": "restart", "talks": "restart", "over": "answered", "promised": ""} {
		if q, err := rows.Queuecalls.Load(ctx, db, "c", id); err != nil || q.EndReason != reason || q.Position != 0 {
			t.Errorf("queuecall %s: %+v, %v", id, q, err)
		}
	}
	if q, err := rows.Queues.Load(ctx, db, "c", "q"); err != nil || q.TotalAbandonedCount != 7 || len(q.WaitQueuecallIDs) != 0 {
		t.Errorf("queue %+v, %v", q, err)
	}
	c := New(Config{Ledger: ledger})
	running, stop := context.WithCancel(ctx)
	defer stop()
	go c.Run(running)
	if err := ledger.Load(ctx, c); err != nil {
		t.Fatal(err)
	}
	s, err := c.Stats("c", "q")
	if err != nil || s.Agents[Available] != 4 || s.Agents[Busy] != 1 || s.Agents[Away] != 1 || s.Waiting != 0 {
		t.Errorf("stats %+v, %v", s, err)
	}
	c.SetStatus("c", "there", Away) // nobody may be rung here
	for _, id := range []string{"ringing", "talking", "wrapping"} {
		c.SetStatus("c", id, Away)
	}
	if err := ledger.Resume(ctx, c); err != nil || c.Place("c", "promised") != 1 {
		t.Errorf("the callback is at place %d, %v", c.Place("c", "promised"), err)
	}
	if err := db.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if q, err := rows.Queuecalls.Load(ctx, db, "c", "promised"); err != nil || q.Status != "waiting" || q.Callback.Tries != 1 {
		t.Errorf("the callback %+v, %v", q, err)
	}
}

func write(t *testing.T, db *store.DB, fn func(*store.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func TestWhisper(t *testing.T) {
	for _, test := range []struct {
		queue  string
		waited int
		back   bool
		want   string
	}{
		{"Support", 0, false, "Call for Support."},
		{"Support", 61, false, "Call for Support. Waited 1 minute 1 second."},
		{"", 30, true, "Callback. Waited 30 seconds."},
		{"Sales", 3607, false, "Call for Sales. Waited 60 minutes."},
	} {
		if got := whisper(test.queue, milliseconds(test.waited*1000), test.back); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
