package queue

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Statuses of agents.
const (
	Available = "available"
	Away      = "away"
	Busy      = "busy"
	Offline   = "offline"
	Ringing   = "ringing"
	WrapUp    = "wrap_up"
)

// Rules are what a queue asks for.
type Rules struct {
	Method   string   // random, longest_idle, round_robin, fewest_calls, ring_all or skills
	Tags     []string // agents with any of these serve; none: all agents
	Priority int      // higher is served first across queues
	WrapUp   time.Duration
}

// Profile is what an agent brings.
type Profile struct {
	Tags   []string
	Skills map[string]int // weight of a tag, 1 to 100; a tag without one counts 50
}

// State is where a caller is.
type State string

// The states of a caller. Whoever has left is unknown to the line.
const (
	Waiting    State = "waiting"
	Connecting State = "connecting" // at least one agent is rung
	Service    State = "service"
)

// Offer is one agent who is rung for one caller.
type Offer struct{ Caller, Agent string }

// AgentChange is a status that an agent came to.
type AgentChange struct{ Agent, Status string }

// CallerChange is a state that a caller came to; Agent is who is rung, or serves.
type CallerChange struct {
	Caller string
	State  State
	Agent  string
}

// Step is what is to be done and told after a change, in order.
type Step struct {
	Offers    []Offer // ring these
	Withdrawn []Offer // and no longer those
	Agents    []AgentChange
	Callers   []CallerChange
}

// Line matches the callers and agents of one customer. Every method takes the
// present time, which must not go back; Take then gives what follows. It is not
// safe for concurrent use.
//
// Its promises: an agent has one caller at a time, reserved from the first ring
// until the agent's call is over; among callers that an agent may take, higher
// priority comes first, then who came first; whoever can be matched is matched
// at once.
type Line struct {
	random  *rand.Rand
	queues  map[string]*line
	agents  map[string]*agent
	callers map[string]*caller
	arrived uint64
	hired   int
	alarms  alarms
	step    Step
}

// line is one queue.
type line struct {
	id      string
	rules   Rules
	hungry  row // who may be offered an agent now
	ringing row // who has been offered one; they come back to their place
	members map[*agent]struct{}
	free    []*agent      // those of the members that may be rung, by seat
	turn    int           // round_robin: the seat that was served last
	cycle   time.Duration // average time that an agent spends on a call
}

// agent is somebody who serves.
type agent struct {
	id      string
	seat    int // place in the order of round_robin
	profile Profile
	status  string
	next    string    // the status that follows the call, where it was set meanwhile
	caller  *caller   // who it is reserved for
	onCall  bool      // of a queue
	calls   int       // all that the agent is on, of queues or not
	chosen  bool      // busy because the agent said so
	queue   *line     // of the call
	since   time.Time // of the status
	took    time.Time // when the call was answered
	wrapUp  time.Duration
	taken   int
	fails   int       // offers in a row that came to nothing
	rest    time.Time // no offers before
	free    bool      // is in the free lists of its queues
	queues  []*line
}

// caller is somebody who waits or is served.
type caller struct {
	id      string
	queue   *line
	joined  time.Time
	arrival uint64
	state   State
	offers  []*agent
	agent   *agent // who serves
	tries   map[*agent]int
}

// NewLine returns an empty line; seed decides what the method random does.
func NewLine(seed uint64) *Line {
	return &Line{
		random: rand.New(rand.NewPCG(seed, seed)),
		queues: map[string]*line{}, agents: map[string]*agent{}, callers: map[string]*caller{},
	}
}

// Take returns what is to be done since the last Take.
func (l *Line) Take() Step {
	s := l.step
	l.step = Step{}
	return s
}

// Join puts a caller into a queue's line. Joined is when it came to the system
// of queues, which for one who overflows is earlier than now. It reports false
// when the queue is unknown or the caller is there already.
func (l *Line) Join(now time.Time, id, queue string, joined time.Time) bool {
	q := l.queues[queue]
	if q == nil || l.callers[id] != nil {
		return false
	}
	l.arrived++
	c := &caller{id: id, queue: q, joined: joined, arrival: l.arrived, state: Waiting}
	l.callers[id] = c
	q.hungry.insert(c)
	l.tellCaller(c, "")
	l.serve(now, c)
	l.relaxLater(now, c)
	return true
}

// Leave removes a caller, whatever its state: whoever is rung for it is freed.
// The agent that serves it stays busy until Released.
func (l *Line) Leave(now time.Time, id string) {
	c := l.callers[id]
	if c == nil {
		return
	}
	delete(l.callers, id)
	c.queue.hungry.remove(c)
	c.queue.ringing.remove(c)
	if c.agent != nil {
		c.agent.caller, c.agent = nil, nil
	}
	l.withdraw(now, c)
}

// Accepted says that an agent took the call. It reports false when the agent is
// not, or no longer, rung for that caller: then the agent is hung up.
func (l *Line) Accepted(now time.Time, id, agentID string) bool {
	c, a := l.callers[id], l.agents[agentID]
	if c == nil || a == nil || !slices.Contains(c.offers, a) {
		return false
	}
	c.offers = slices.DeleteFunc(c.offers, func(o *agent) bool { return o == a })
	c.queue.hungry.remove(c)
	c.queue.ringing.remove(c)
	c.state, c.agent = Service, a
	a.onCall, a.took, a.queue, a.wrapUp, a.fails = true, now, c.queue, c.queue.rules.WrapUp, 0
	a.taken++
	c.queue.turn = a.seat
	l.become(now, a, Busy)
	l.tellCaller(c, agentID)
	l.withdraw(now, c)
	return true
}

// Failed says that an agent did not take the call: no answer, refused, hung up
// or unreachable. The caller is back at its place, before all that came later.
func (l *Line) Failed(now time.Time, id, agentID string) {
	c, a := l.callers[id], l.agents[agentID]
	if c == nil || a == nil || !slices.Contains(c.offers, a) {
		return
	}
	c.offers = slices.DeleteFunc(c.offers, func(o *agent) bool { return o == a })
	c.tried(a)
	a.caller = nil
	l.tire(now, a)
	l.idle(now, a)
	l.back(now, c)
}

// Released says that the call of an agent is over: the agent wraps up, or is
// free.
func (l *Line) Released(now time.Time, agentID string) {
	a := l.agents[agentID]
	if a == nil || !a.onCall {
		return
	}
	a.onCall = false
	a.queue.learn(now.Sub(a.took) + a.wrapUp)
	if c := a.caller; c != nil {
		c.agent, a.caller = nil, nil
	}
	if a.wrapUp > 0 && a.next == "" {
		l.become(now, a, WrapUp)
		l.alarms.set(now.Add(a.wrapUp), a, nil)
		return
	}
	l.idle(now, a)
}

// SetStatus sets what an agent wants to be: available, away, busy or offline.
// In a call it counts after the call; an agent who is rung and leaves is rung no
// longer. It reports false for an unknown agent.
func (l *Line) SetStatus(now time.Time, agentID, status string) bool {
	a := l.agents[agentID]
	switch {
	case a == nil:
		return false
	case a.onCall, a.elsewhere():
		a.next = status
		if status == Available {
			a.next = "" // after the wrap-up
		}
		return true
	case a.status == Available && status == Available:
		a.fails, a.rest = 0, time.Time{} // here again, says the agent
		l.employ(now, a)
		return true
	case a.status == status && status != Busy, a.status == Ringing && status == Available:
		return true
	}
	c := a.caller
	if c != nil {
		c.offers = slices.DeleteFunc(c.offers, func(o *agent) bool { return o == a })
		c.tried(a)
		a.caller = nil
		l.step.Withdrawn = append(l.step.Withdrawn, Offer{c.id, a.id})
	}
	a.fails, a.rest, a.chosen = 0, time.Time{}, status == Busy
	if status == Available && a.calls > 0 {
		status = Busy // with somebody else
	}
	l.become(now, a, status)
	if c != nil {
		l.back(now, c)
	}
	l.employ(now, a)
	return true
}

// Wish is what an agent would be if it were not for calls and their wrap-up.
func (l *Line) Wish(agentID string) string {
	a := l.agents[agentID]
	switch {
	case a == nil:
		return ""
	case a.onCall, a.elsewhere(), a.status == WrapUp, a.status == Ringing:
		return cmp.Or(a.next, Available)
	}
	return a.status
}

// Tick does what is due: ends of wrap-up and rest, and skills asked for less
// strictly. It is called at the time that Next tells, or earlier.
func (l *Line) Tick(now time.Time) {
	for {
		due, ok := l.alarms.pop(now)
		if !ok {
			return
		}
		switch a, c := due.agent, due.caller; {
		case c != nil:
			if l.callers[c.id] == c && c.hungry() {
				l.drain(now, c.queue)
				l.relaxLater(now, c)
			}
		case l.agents[a.id] != a:
		case a.status == WrapUp && !now.Before(a.since.Add(a.wrapUp)):
			l.idle(now, a)
		default:
			l.employ(now, a)
		}
	}
}

// Next is when Tick has something to do; false: never.
func (l *Line) Next() (time.Time, bool) { return l.alarms.next() }

// back puts a caller whose agent is lost in line again, unless others are still
// rung for it.
func (l *Line) back(now time.Time, c *caller) {
	if len(c.offers) == 0 && c.state == Connecting {
		c.state = Waiting
		c.queue.ringing.remove(c)
		c.queue.hungry.insert(c)
		l.tellCaller(c, "")
	}
	if c.hungry() {
		l.serve(now, c)
		l.relaxLater(now, c)
	}
}

// withdraw frees all who are rung for a caller.
func (l *Line) withdraw(now time.Time, c *caller) {
	lost := c.offers
	c.offers = nil
	for _, a := range lost {
		a.caller = nil
		l.step.Withdrawn = append(l.step.Withdrawn, Offer{c.id, a.id})
	}
	for _, a := range lost {
		l.idle(now, a)
	}
}

// idle gives an agent that has nobody to serve its next status and, if that is
// available, its next caller.
func (l *Line) idle(now time.Time, a *agent) {
	if a.calls > 0 && a.next == "" {
		l.become(now, a, Busy)
		return
	}
	status := cmp.Or(a.next, Available)
	a.next, a.chosen = "", a.next == Busy
	l.become(now, a, status)
	l.employ(now, a)
}

// elsewhere reports whether an agent would be available but for a call.
func (a *agent) elsewhere() bool { return a.status == Busy && !a.onCall && !a.chosen && a.calls > 0 }

// become tells an agent's status and keeps the free lists right.
func (l *Line) become(now time.Time, a *agent, status string) {
	if a.status != status {
		a.status, a.since = status, now
		l.step.Agents = append(l.step.Agents, AgentChange{a.id, status})
		l.staffChanged(now, a)
	}
	l.shelve(now, a)
}

// restFirst is how long an agent is left alone after an offer that came to
// nothing, doubled with each further one up to restMost: an agent who left the
// desk, or whose phone is gone, does not hold callers up for long.
const (
	restFirst = 2 * time.Second
	restMost  = time.Minute
)

func (l *Line) tire(now time.Time, a *agent) {
	d := restMost
	if a.fails < 5 {
		d = restFirst << a.fails
	}
	a.fails++
	a.rest = now.Add(d)
	l.alarms.set(a.rest, a, nil)
}

func (l *Line) tellCaller(c *caller, agentID string) {
	l.step.Callers = append(l.step.Callers, CallerChange{c.id, c.state, agentID})
}
