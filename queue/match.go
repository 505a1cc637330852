package queue

import (
	"cmp"
	"slices"
	"time"
)

// hungry reports whether a caller may be offered an agent: it waits, or it has
// everybody rung and more can be had.
func (c *caller) hungry() bool {
	return c.state == Waiting || c.state == Connecting && c.queue.rules.Method == "ring_all"
}

func (c *caller) tried(a *agent) {
	if c.tries == nil {
		c.tries = map[*agent]int{}
	}
	c.tries[a]++
}

// before orders the callers of a queue.
func (c *caller) before(d *caller) int {
	return cmp.Or(c.joined.Compare(d.joined), cmp.Compare(c.arrival, d.arrival))
}

// row is callers in their order.
type row []*caller

func (r row) find(c *caller) (int, bool) { return slices.BinarySearchFunc(r, c, (*caller).before) }

func (r *row) insert(c *caller) {
	if i, there := r.find(c); !there {
		*r = slices.Insert(*r, i, c)
	}
}

func (r *row) remove(c *caller) {
	if i, there := r.find(c); there {
		*r = slices.Delete(*r, i, i+1)
	}
}

// serve finds an agent for a caller that may have one.
func (l *Line) serve(now time.Time, c *caller) {
	q := c.queue
	if q.rules.Method == "ring_all" {
		for _, a := range slices.Clone(q.free) {
			l.offer(now, c, a)
		}
		return
	}
	if a := l.choose(now, c); a != nil {
		l.offer(now, c, a)
	}
}

// drain serves a queue's callers in their order while that leads to anything.
func (l *Line) drain(now time.Time, q *line) {
	for len(q.hungry) > 0 && len(q.free) > 0 {
		c := q.hungry[0]
		l.serve(now, c)
		if len(q.hungry) > 0 && q.hungry[0] == c {
			return
		}
	}
}

// choose picks the agent for a caller: of the free ones those that the caller
// has rung least, then by the queue's method.
func (l *Line) choose(now time.Time, c *caller) *agent {
	q := c.queue
	if len(q.free) == 0 {
		return nil
	}
	demand := q.demand(now, c)
	var best []*agent
	for _, a := range q.free {
		if demand > 0 && q.score(a) < demand {
			continue
		}
		if len(best) > 0 {
			switch tries := c.tries[a] - c.tries[best[0]]; {
			case tries > 0:
				continue
			case tries < 0:
				best = best[:0]
			}
		}
		best = append(best, a)
	}
	if len(best) == 0 {
		return nil
	}
	switch q.rules.Method {
	case "longest_idle":
		return slices.MinFunc(best, longestIdle)
	case "round_robin":
		return slices.MinFunc(best, func(a, b *agent) int {
			return cmp.Or(cmp.Compare(q.away(a), q.away(b)), cmp.Compare(a.seat, b.seat))
		})
	case "fewest_calls":
		return slices.MinFunc(best, func(a, b *agent) int { return cmp.Or(cmp.Compare(a.taken, b.taken), longestIdle(a, b)) })
	case "skills":
		return slices.MinFunc(best, func(a, b *agent) int { return cmp.Or(cmp.Compare(q.score(b), q.score(a)), longestIdle(a, b)) })
	}
	return best[l.random.IntN(len(best))]
}

func longestIdle(a, b *agent) int {
	return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.seat, b.seat))
}

// away is 0 for agents whose turn comes in this round, 1 for those of the next.
func (q *line) away(a *agent) int {
	if a.seat > q.turn {
		return 0
	}
	return 1
}

// employ gives an agent that is free the first of all callers that it may take.
func (l *Line) employ(now time.Time, a *agent) {
	l.shelve(now, a)
	if !a.free {
		return
	}
	var first *caller
	for _, q := range a.queues {
		c := q.first(now, a)
		if c != nil && (first == nil || q.rules.Priority > first.queue.rules.Priority ||
			q.rules.Priority == first.queue.rules.Priority && c.before(first) < 0) {
			first = c
		}
	}
	if first != nil {
		l.offer(now, first, a)
	}
}

// first is who an agent would take of a queue. The one who waits longest asks
// for the least skill, so nobody behind it needs to be looked at.
func (q *line) first(now time.Time, a *agent) *caller {
	if len(q.hungry) == 0 {
		return nil
	}
	c := q.hungry[0]
	if demand := q.demand(now, c); demand > 0 && q.score(a) < demand {
		return nil
	}
	return c
}

// offer reserves an agent for a caller.
func (l *Line) offer(now time.Time, c *caller, a *agent) {
	a.caller = c
	c.offers = append(c.offers, a)
	first := c.state == Waiting
	c.state = Connecting
	if !c.hungry() {
		c.queue.hungry.remove(c)
		c.queue.ringing.insert(c)
	}
	l.become(now, a, Ringing)
	l.step.Offers = append(l.step.Offers, Offer{c.id, a.id})
	if first {
		l.tellCaller(c, a.id)
	}
}

// shelve keeps an agent in the free lists of its queues exactly while it may be
// rung.
func (l *Line) shelve(now time.Time, a *agent) {
	free := a.status == Available && a.caller == nil && !a.onCall && !now.Before(a.rest)
	if free == a.free {
		return
	}
	a.free = free
	for _, q := range a.queues {
		i, there := slices.BinarySearchFunc(q.free, a, bySeat)
		switch {
		case free && !there:
			q.free = slices.Insert(q.free, i, a)
		case !free && there:
			q.free = slices.Delete(q.free, i, i+1)
		}
	}
}

func bySeat(a, b *agent) int { return cmp.Compare(a.seat, b.seat) }
