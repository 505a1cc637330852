package api

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// TestPagesWhileRowsAreAdded reads all pages while others insert: no row that
// was there at the start is lost, none comes twice, and newer come first.
func TestPagesWhileRowsAreAdded(t *testing.T) {
	b := newBench(t)
	var before []string
	for i := range 60 {
		id := fmt.Sprintf("old-%02d", i)
		b.post("/v1.0/tags", `{"id":"`+id+`","name":"x"}`).ok()
		before = append(before, id)
	}
	var adding sync.WaitGroup
	for w := range 4 {
		adding.Go(func() {
			for i := range 30 {
				if a := b.post("/v1.0/tags", fmt.Sprintf(`{"id":"new-%d-%02d","name":"x"}`, w, i)); a.status != 200 {
					t.Errorf("insert: %s", a.raw)
				}
			}
		})
	}
	var seen []string
	for token := ""; ; {
		ids, next := b.get("/v1.0/tags?page_size=7&page_token=" + token).list()
		seen = append(seen, ids...)
		if next == "" {
			break
		}
		token = next
	}
	adding.Wait()
	slices.Reverse(before)
	var old []string
	for i, id := range seen {
		if slices.Contains(seen[:i], id) {
			t.Fatalf("%s twice", id)
		}
		if id[:3] == "old" {
			old = append(old, id)
		}
	}
	if !slices.Equal(old, before) {
		t.Errorf("old rows came as %v", old)
	}
}

// TestConcurrentChanges lets many change different fields of one row: none is
// lost.
func TestConcurrentChanges(t *testing.T) {
	b := newBench(t)
	b.post("/v1.0/queues", `{"id":"q","name":"q"}`).ok()
	var all sync.WaitGroup
	for field, value := range map[string]int{"wait_timeout": 1, "service_timeout": 2, "wrap_up": 3, "ring_timeout": 4, "max_waiting": 5, "priority": 6} {
		all.Go(func() { b.put("/v1.0/queues/q", fmt.Sprintf(`{"%s":%d}`, field, value)).ok() })
	}
	all.Wait()
	b.get("/v1.0/queues/q").ok().has(`{"wait_timeout":1,"service_timeout":2,"wrap_up":3,"ring_timeout":4,"max_waiting":5,"priority":6}`)
}
