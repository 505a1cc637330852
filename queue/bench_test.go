package queue

import (
	"fmt"
	"testing"
	"time"
)

// crowd is 10,000 callers in 20 queues and 2,000 agents who all talk.
func crowd(method string) (*Line, []string) {
	l := NewLine(1)
	for q := range 20 {
		l.SetQueue(noon, fmt.Sprint("q", q), Rules{Method: method, Tags: []string{fmt.Sprint(q), fmt.Sprint((q + 7) % 20)}, Priority: q % 3})
	}
	agents := make([]string, 2000)
	for i := range agents {
		agents[i] = fmt.Sprint("a", i)
		l.SetAgent(noon, agents[i], Profile{Tags: []string{fmt.Sprint(i % 20)}, Skills: map[string]int{fmt.Sprint(i % 20): 1 + i%100}}, Available)
	}
	for i := 0; l.Waits("q0")*20 < 10_000; i++ {
		id := fmt.Sprint("c", i)
		l.Join(noon.Add(time.Duration(i)*time.Millisecond), id, fmt.Sprint("q", i%20), noon.Add(time.Duration(i)*time.Millisecond))
		for _, o := range l.Take().Offers {
			l.Accepted(noon, o.Caller, o.Agent)
		}
	}
	l.Take()
	return l, agents
}

// BenchmarkMatch is one turn of a full house: a call ends, the agent is given
// the first of 10,000 callers and takes the call, and another caller joins.
func BenchmarkMatch(b *testing.B) {
	for _, method := range []string{"random", "longest_idle", "ring_all", "skills"} {
		b.Run(method, func(b *testing.B) {
			l, agents := crowd(method)
			now := noon.Add(time.Hour)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				now = now.Add(time.Millisecond)
				l.Tick(now)
				l.Released(now, agents[n%len(agents)])
				for _, o := range l.Take().Offers {
					l.Accepted(now, o.Caller, o.Agent)
					l.Leave(now, o.Caller)
				}
				l.Join(now, fmt.Sprint("n", n), fmt.Sprint("q", n%20), now)
				n++
			}
		})
	}
}

// BenchmarkJoin is a caller who finds 2,000 agents free, and leaves.
func BenchmarkJoin(b *testing.B) {
	for _, method := range []string{"random", "longest_idle", "skills"} {
		b.Run(method, func(b *testing.B) {
			l := NewLine(1)
			l.SetQueue(noon, "q", Rules{Method: method, Tags: []string{"x"}})
			for i := range 2000 {
				l.SetAgent(noon, fmt.Sprint("a", i), Profile{Tags: []string{"x"}}, Available)
			}
			b.ReportAllocs()
			for b.Loop() {
				l.Join(noon, "c", "q", noon)
				l.Leave(noon, "c")
				l.Take()
			}
		})
	}
}
