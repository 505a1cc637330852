package queue

import "time"

// Engaged says that an agent is on one more call, of a queue or not; while there
// is one, nobody rings the agent.
func (l *Line) Engaged(now time.Time, agentID string) {
	a := l.agents[agentID]
	if a == nil {
		return
	}
	a.calls++
	if a.status == Available || a.status == WrapUp {
		l.become(now, a, Busy)
	}
}

// Disengaged says that a call of an agent that Engaged told of is over.
func (l *Line) Disengaged(now time.Time, agentID string) {
	a := l.agents[agentID]
	if a == nil || a.calls == 0 {
		return
	}
	elsewhere := a.elsewhere()
	a.calls--
	if elsewhere && a.calls == 0 {
		l.idle(now, a)
	}
}
