package queue

import (
	"slices"
	"time"
)

// A caller of a queue with the method skills asks at first for an agent as good
// as the best who is logged in, and for relaxBy less after each relaxEvery.
const (
	relaxEvery = 5 * time.Second
	relaxBy    = 10
)

// defaultSkill is the weight of a tag without one.
const defaultSkill = 50

// score is how well an agent fits a queue, 0 to 100: the mean weight over the
// queue's tags, where a tag that the agent lacks counts nothing.
func (q *line) score(a *agent) int {
	if len(q.rules.Tags) == 0 {
		return defaultSkill
	}
	sum := 0
	for _, tag := range q.rules.Tags {
		if !slices.Contains(a.profile.Tags, tag) {
			continue
		}
		weight, known := a.profile.Skills[tag]
		if !known {
			weight = defaultSkill
		}
		sum += weight
	}
	return sum / len(q.rules.Tags)
}

// demand is the score that a caller asks for now; 0: anybody.
func (q *line) demand(now time.Time, c *caller) int {
	if q.rules.Method != "skills" {
		return 0
	}
	best := 0
	for a := range q.members {
		if a.loggedIn() {
			best = max(best, q.score(a))
		}
	}
	waited := now.Sub(c.joined)
	if waited >= relaxEvery*100/relaxBy {
		return 0
	}
	return max(0, best-relaxBy*int(waited/relaxEvery))
}

// loggedIn reports whether an agent serves now or soon.
func (a *agent) loggedIn() bool {
	return a.status == Available || a.status == Ringing || a.status == WrapUp || a.onCall
}

// relaxLater wakes the line when a caller asks for less.
func (l *Line) relaxLater(now time.Time, c *caller) {
	if c.queue.rules.Method != "skills" || !c.hungry() {
		return
	}
	steps := now.Sub(c.joined)/relaxEvery + 1
	if steps*relaxBy <= 100 {
		l.alarms.set(c.joined.Add(steps*relaxEvery), nil, c)
	}
}

// staffChanged looks again at queues by skill when their best agent may have
// left: who waits there asks for less from now on.
func (l *Line) staffChanged(now time.Time, a *agent) {
	if a.loggedIn() {
		return
	}
	for _, q := range a.queues {
		if q.rules.Method == "skills" && len(q.hungry) > 0 {
			l.alarms.set(now, nil, q.hungry[0])
		}
	}
}
