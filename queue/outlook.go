package queue

import (
	"cmp"
	"time"
)

// Outlook is how fast a queue moves, with regard to the other queues that its
// agents serve.
type Outlook struct {
	own    time.Duration // what one caller ahead costs
	rivals []rival
}

// rival is another queue whose callers the same agents serve.
type rival struct {
	queue  *line
	each   time.Duration // what one of its callers costs a caller of ours
	higher bool          // all who wait there go first, not only those who came first
}

// Outlook weighs a queue's agents. A caller's wait is the work that is ahead of
// it, shared among the agents who are logged in: those of its own queue up to its
// place, and those of other queues who will be served first, of whom our agents
// take the share that they are of the agents there.
func (l *Line) Outlook(queueID string) Outlook {
	q := l.queues[queueID]
	if q == nil {
		return Outlook{}
	}
	staff, shared := 0, map[*line]int{}
	for a := range q.members {
		if !a.loggedIn() {
			continue
		}
		staff++
		for _, other := range a.queues {
			if other != q && other.rules.Priority >= q.rules.Priority && other.waits() > 0 {
				shared[other]++
			}
		}
	}
	if staff == 0 {
		return Outlook{}
	}
	o := Outlook{own: q.perCall() / time.Duration(staff)}
	for other, n := range shared {
		o.rivals = append(o.rivals, rival{
			queue: other, higher: other.rules.Priority > q.rules.Priority,
			each: other.perCall() * time.Duration(n) / time.Duration(other.staff()*staff),
		})
	}
	return o
}

// Wait is how long somebody at a place, who came at a time, is expected to wait;
// zero when nobody who serves is logged in. Those who come later to queues of a
// higher priority are not foreseen.
func (o Outlook) Wait(place int, joined time.Time) time.Duration {
	wait := o.own * time.Duration(place)
	for _, r := range o.rivals {
		ahead := r.queue.waits()
		if !r.higher {
			ahead = r.queue.before(joined)
		}
		wait += r.each * time.Duration(ahead)
	}
	return wait
}

// perCall is how long an agent spends on a call, on average.
func (q *line) perCall() time.Duration { return cmp.Or(q.cycle, firstCycle) }

// staff is how many agents of a queue are logged in.
func (q *line) staff() (n int) {
	for a := range q.members {
		if a.loggedIn() {
			n++
		}
	}
	return n
}

func (q *line) waits() int { return len(q.hungry) + len(q.ringing) }

// before is how many in a queue's line came before a time.
func (q *line) before(t time.Time) int {
	c := &caller{joined: t}
	waits, _ := q.hungry.find(c)
	rung, _ := q.ringing.find(c)
	return waits + rung
}
