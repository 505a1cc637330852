package queue

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// SetQueue makes a queue known or changes its rules. Who waits keeps its place.
func (l *Line) SetQueue(now time.Time, id string, r Rules) {
	q := l.queues[id]
	if q == nil {
		q = &line{id: id, members: map[*agent]struct{}{}, turn: -1}
		l.queues[id] = q
	}
	q.rules = r
	for _, a := range l.agents {
		l.enrol(now, a)
	}
	l.drain(now, q)
	for _, c := range q.hungry {
		l.relaxLater(now, c)
	}
}

// DropQueue forgets a queue. The callers in its line are returned, in order;
// they have left. Who is served goes on.
func (l *Line) DropQueue(now time.Time, id string) []string {
	q := l.queues[id]
	if q == nil {
		return nil
	}
	delete(l.queues, id)
	for _, a := range l.agents {
		a.queues = slices.DeleteFunc(a.queues, func(other *line) bool { return other == q })
	}
	left := q.inLine()
	for _, c := range left {
		l.Leave(now, c)
	}
	return left
}

// SetAgent makes an agent known or changes what it brings. The status counts
// for one who is new.
func (l *Line) SetAgent(now time.Time, id string, p Profile, status string) {
	a := l.agents[id]
	if a == nil {
		a = &agent{id: id, seat: l.hired, status: status, since: now}
		l.hired++
		l.agents[id] = a
	}
	a.profile = p
	l.enrol(now, a)
	l.employ(now, a)
}

// DropAgent forgets an agent; whoever it was rung for is back in line. Its call
// goes on.
func (l *Line) DropAgent(now time.Time, id string) {
	a := l.agents[id]
	if a == nil {
		return
	}
	if a.status == Ringing {
		l.SetStatus(now, id, Offline)
	}
	if c := a.caller; c != nil {
		c.agent = nil
	}
	a.profile, a.status, a.caller = Profile{}, Offline, nil
	l.shelve(now, a)
	for _, q := range a.queues {
		delete(q.members, a)
	}
	delete(l.agents, id)
}

// enrol makes an agent a member of the queues that its tags are for, and no
// others.
func (l *Line) enrol(now time.Time, a *agent) {
	for _, q := range a.queues {
		delete(q.members, a)
		q.free = slices.DeleteFunc(q.free, func(other *agent) bool { return other == a })
	}
	a.queues = slices.DeleteFunc(slices.Collect(maps.Values(l.queues)), func(q *line) bool { return !q.wants(a) })
	slices.SortFunc(a.queues, func(p, q *line) int { return cmp.Compare(p.id, q.id) })
	for _, q := range a.queues {
		q.members[a] = struct{}{}
	}
	a.free = false // it is in no list now
	l.shelve(now, a)
}

// wants reports whether an agent serves the queue.
func (q *line) wants(a *agent) bool {
	return len(q.rules.Tags) == 0 || slices.ContainsFunc(a.profile.Tags, func(tag string) bool { return slices.Contains(q.rules.Tags, tag) })
}

// Status is an agent's status; empty for an unknown agent.
func (l *Line) Status(agentID string) string {
	if a := l.agents[agentID]; a != nil {
		return a.status
	}
	return ""
}

// Taken is how many calls an agent has taken.
func (l *Line) Taken(agentID string) int {
	if a := l.agents[agentID]; a != nil {
		return a.taken
	}
	return 0
}

// InLine returns the callers of a queue that are not served yet, in order.
func (l *Line) InLine(queueID string) []string {
	q := l.queues[queueID]
	if q == nil {
		return nil
	}
	return q.inLine()
}

func (q *line) inLine() []string {
	all := slices.Concat(q.hungry, q.ringing)
	slices.SortFunc(all, (*caller).before)
	ids := make([]string, len(all))
	for i, c := range all {
		ids[i] = c.id
	}
	return ids
}

// Waits returns how many callers of a queue are not served yet.
func (l *Line) Waits(queueID string) int {
	if q := l.queues[queueID]; q != nil {
		return q.waits()
	}
	return 0
}

// Staff counts a queue's agents by status.
func (l *Line) Staff(queueID string) map[string]int {
	count := map[string]int{Available: 0, Away: 0, Busy: 0, Offline: 0, Ringing: 0, WrapUp: 0}
	if q := l.queues[queueID]; q != nil {
		for a := range q.members {
			count[a.status]++
		}
	}
	return count
}

// Staffed reports whether anybody who serves a queue is logged in.
func (l *Line) Staffed(queueID string) bool {
	q := l.queues[queueID]
	if q == nil {
		return false
	}
	for a := range q.members {
		if a.loggedIn() {
			return true
		}
	}
	return false
}

// firstCycle is what a call is taken to last before any has been seen.
const firstCycle = 3 * time.Minute

// learn keeps an average of how long calls take, the last eight counting most.
func (q *line) learn(d time.Duration) {
	if q.cycle == 0 {
		q.cycle = d
		return
	}
	q.cycle += (d - q.cycle) / 8
}

// Place is the place, from 1, that somebody who joined a queue's line at a time
// would have now.
func (l *Line) Place(queueID string, joined time.Time) int {
	q := l.queues[queueID]
	if q == nil {
		return 0
	}
	c := &caller{joined: joined, arrival: l.arrived + 1}
	waits, _ := q.hungry.find(c)
	rung, _ := q.ringing.find(c)
	return waits + rung + 1
}

// PlaceOf is the place, from 1, of a caller in line; 0 for others.
func (l *Line) PlaceOf(callerID string) int {
	c := l.callers[callerID]
	if c == nil || c.state == Service {
		return 0
	}
	waits, _ := c.queue.hungry.find(c)
	rung, _ := c.queue.ringing.find(c)
	return waits + rung + 1
}

// Knows reports whether a caller is in line or is served.
func (l *Line) Knows(callerID string) bool { return l.callers[callerID] != nil }
