package queue

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// TestAnyOrder does random things to a line in a random order and holds it
// against its promises after each.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			l := NewLine(seed)
			w := &walk{Line: l, random: rand.New(rand.NewPCG(seed, 7)), now: noon}
			for range 2000 {
				did := w.step()
				w.Take()
				if fault := w.fault(); fault != "" {
					t.Fatalf("after %s: %s", did, fault)
				}
			}
		})
	}
}

// walk is a line to which random things happen.
type walk struct {
	*Line
	random *rand.Rand
	now    time.Time
	joined int
}

func (w *walk) pick(n int) int { return w.random.IntN(n) }

// offer is an agent and a caller who are rung for each other, mostly.
func (w *walk) offer() (string, string) {
	for _, id := range slices.Sorted(maps.Keys(w.callers)) {
		if c := w.callers[id]; len(c.offers) > 0 && w.pick(3) == 0 {
			return id, c.offers[w.pick(len(c.offers))].id
		}
	}
	return fmt.Sprint(w.pick(max(1, w.joined))), fmt.Sprint("a", w.pick(6))
}

func (w *walk) rules() Rules {
	methods := []string{"random", "longest_idle", "round_robin", "fewest_calls", "ring_all", "skills"}
	return Rules{
		Method: methods[w.pick(len(methods))], Tags: []string{fmt.Sprint(w.pick(3)), fmt.Sprint(w.pick(3))}[:w.pick(3)],
		Priority: w.pick(2), WrapUp: time.Duration(w.pick(2)) * 7 * time.Second,
	}
}

func (w *walk) step() string {
	w.now = w.now.Add(time.Duration(w.pick(3000)) * time.Millisecond)
	w.Tick(w.now)
	agent, queue := fmt.Sprint("a", w.pick(6)), fmt.Sprint("q", w.pick(3))
	switch n := w.pick(100); {
	case n < 30:
		w.joined++
		w.Join(w.now, fmt.Sprint(w.joined), queue, w.now.Add(-time.Duration(w.pick(2)*w.pick(20))*time.Second))
		return "join " + queue
	case n < 45:
		c, a := w.offer()
		w.Accepted(w.now, c, a)
		return fmt.Sprintf("accepted %s by %s", c, a)
	case n < 55:
		c, a := w.offer()
		w.Failed(w.now, c, a)
		return fmt.Sprintf("failed %s by %s", c, a)
	case n < 65:
		c := fmt.Sprint(w.pick(w.joined + 1))
		w.Leave(w.now, c)
		return "leave " + c
	case n < 75:
		w.Released(w.now, agent)
		return "released " + agent
	case n < 78:
		w.Engaged(w.now, agent)
		return "engaged " + agent
	case n < 82:
		w.Disengaged(w.now, agent)
		return "disengaged " + agent
	case n < 92:
		status := []string{Available, Available, Away, Busy, Offline}[w.pick(5)]
		w.SetStatus(w.now, agent, status)
		return agent + " " + status
	case n < 96:
		w.SetAgent(w.now, agent, Profile{Tags: []string{fmt.Sprint(w.pick(3)), fmt.Sprint(w.pick(3))}, Skills: map[string]int{"0": 1 + w.pick(100)}}, Available)
		return "agent " + agent
	case n < 99:
		w.SetQueue(w.now, queue, w.rules())
		return "queue " + queue
	}
	if w.pick(2) == 0 {
		w.DropQueue(w.now, queue)
		return "drop " + queue
	}
	w.DropAgent(w.now, agent)
	return "drop " + agent
}

// fault says what is wrong with the line; empty: nothing.
func (w *walk) fault() string {
	for _, a := range w.agents {
		if f := w.faultOfAgent(a); f != "" {
			return fmt.Sprintf("agent %s, %s: %s", a.id, a.status, f)
		}
	}
	for _, c := range w.callers {
		if f := w.faultOfCaller(c); f != "" {
			return fmt.Sprintf("caller %s, %s: %s", c.id, c.state, f)
		}
	}
	for _, q := range w.queues {
		if !slices.IsSortedFunc(q.hungry, (*caller).before) || !slices.IsSortedFunc(q.ringing, (*caller).before) || !slices.IsSortedFunc(q.free, bySeat) {
			return "queue " + q.id + " is out of order"
		}
		if len(q.hungry) > 0 && len(q.free) > 0 {
			c := q.hungry[0]
			for _, a := range q.free {
				if q.score(a) >= q.demand(w.now, c) {
					return fmt.Sprintf("queue %s: %s waits though %s is free", q.id, c.id, a.id)
				}
			}
		}
	}
	return ""
}

func (w *walk) faultOfAgent(a *agent) string {
	switch {
	case a.status == Ringing && (a.caller == nil || !slices.Contains(a.caller.offers, a)):
		return "rings for nobody"
	case a.status != Ringing && a.caller != nil && a.caller.agent != a:
		return "is reserved for somebody else's caller"
	case a.onCall != (a.status == Busy && a.onCall):
		return "is on a call"
	case a.status == Available && a.calls > 0:
		return "is on a call"
	case a.status == WrapUp && w.now.After(a.since.Add(a.wrapUp)):
		return "wraps up for ever"
	case a.caller != nil && w.callers[a.caller.id] != a.caller:
		return "is reserved for one who has left"
	}
	for _, q := range w.queues {
		_, member := q.members[a]
		_, listed := slices.BinarySearchFunc(q.free, a, bySeat)
		free := a.status == Available && a.caller == nil && !w.now.Before(a.rest)
		if member != q.wants(a) || listed != (member && free) {
			return fmt.Sprintf("queue %s: member %v, listed as free %v", q.id, member, listed)
		}
	}
	return ""
}

func (w *walk) faultOfCaller(c *caller) string {
	_, hungry := c.queue.hungry.find(c)
	_, ringing := c.queue.ringing.find(c)
	for _, a := range c.offers {
		if a.caller != c || a.status != Ringing {
			return "rings " + a.id + " who does not know"
		}
	}
	switch {
	case w.queues[c.queue.id] != c.queue && c.state != Service:
		return "is in a queue that is gone"
	case c.state == Waiting && (!hungry || ringing || len(c.offers) > 0),
		c.state == Connecting && (len(c.offers) == 0 || !hungry && !ringing),
		c.state == Service && (hungry || ringing || len(c.offers) > 0):
		return fmt.Sprintf("hungry %v, ringing %v, %d offers", hungry, ringing, len(c.offers))
	case c.agent != nil && c.agent.caller != c:
		return "is served by one who does not know"
	}
	return ""
}
