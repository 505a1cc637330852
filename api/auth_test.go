package api

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestGuardForgivesWithTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuard(time.Now)
		for range guardBurst + 5 {
			g.failed("a")
		}
		if wait := g.blocked("a", "new"); wait != 5*int(guardEvery/time.Second) {
			t.Errorf("waits %d s", wait)
		}
		if g.blocked("b", "new") != 0 {
			t.Error("another address is blocked")
		}
		time.Sleep(4*guardEvery + time.Second)
		if wait := g.blocked("a", "new"); wait != 2 {
			t.Errorf("waits %d s after a while", wait)
		}
		g.passed("a", "good")
		if g.blocked("a", "good") != 0 {
			t.Error("a key that was right is blocked")
		}
		time.Sleep(2 * time.Second)
		if g.blocked("a", "new") != 0 {
			t.Error("still blocked")
		}
	})
}

func TestGuardIsBounded(t *testing.T) {
	g := newGuard(time.Now)
	for i := range 3 * guardSize {
		g.failed(fmt.Sprint(i))
		g.passed(fmt.Sprint(i), "key")
	}
	if len(g.debts) > guardSize || len(g.known) > guardSize {
		t.Errorf("remembers %d and %d", len(g.debts), len(g.known))
	}
}

func BenchmarkAuthenticatedRead(b *testing.B) {
	t := newBench(b)
	t.post("/v1.0/tags", `{"id":"x","name":"x"}`).ok()
	b.ReportAllocs()
	for b.Loop() {
		t.get("/v1.0/tags/x").ok()
	}
}
