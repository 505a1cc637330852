package campaign

import (
	"math"
	"time"
)

// answerTime is how soon after asking for an agent a person must talk to one;
// later counts as abandoned (47 CFR 64.1200 (a)(7) says two seconds).
const answerTime = 2 * time.Second

// measure is what a Pacer learnt about its calls: running means in which the
// last hundred calls count most.
type measure struct {
	tries, people float64       // of ended calls, and of those that needed an agent
	ring, talk    time.Duration // means
}

// memory is the share that a mean keeps of what it was before one more call.
const memory = 0.99

func (m *measure) ended(person bool) {
	m.tries, m.people = m.tries*memory+1, m.people*memory
	if person {
		m.people++
	}
}

func (m *measure) rang(d time.Duration)   { mean(&m.ring, d) }
func (m *measure) talked(d time.Duration) { mean(&m.talk, d) }

func mean(m *time.Duration, d time.Duration) {
	if *m == 0 {
		*m = d
		return
	}
	*m += time.Duration((1 - memory) * 10 * float64(d-*m))
}

// answerRate is the share of calls that will need an agent. Before anything is
// known it is taken to be high, which dials less.
func (m *measure) answerRate() float64 { return (m.people + 3) / (m.tries + 3) }

// freed is how many of the busy agents will be free by the time that a call
// placed now is answered, as talks of this mean length end.
func (m *measure) freed(busy int) float64 {
	if m.talk <= 0 || m.ring <= 0 {
		return 0
	}
	return float64(busy) * (1 - math.Exp(-float64(m.ring)/float64(m.talk)))
}

// Queued notes that a call asks for an agent now.
func (p *Pacer) Queued(id string, now time.Time) {
	if a := p.live[id]; a != nil && a.queued.IsZero() {
		a.queued = now
	}
}

// Served notes that an agent talks to a call.
func (p *Pacer) Served(id string, now time.Time) {
	a := p.live[id]
	if a == nil || !a.served.IsZero() {
		return
	}
	if !a.queued.IsZero() && !now.Before(a.queued.Add(answerTime)) {
		p.abandon(a)
	}
	a.served = now
}

// abandon counts a person that met no agent in time, once.
func (p *Pacer) abandon(a *attempt) {
	if !a.tallied && !isMachine(a.verdict) {
		a.tallied = true
		p.counts.Abandoned++
	}
}

// forsake counts those who have waited too long.
func (p *Pacer) forsake(now time.Time) {
	for _, a := range p.live {
		if a.overdue() && !now.Before(a.queued.Add(answerTime)) {
			p.abandon(a)
		}
	}
}

// overdue reports whether a call waits for an agent and may become abandoned.
func (a *attempt) overdue() bool { return !a.queued.IsZero() && a.served.IsZero() && !a.tallied }

// earlier is the wake time, or when somebody has waited too long before that.
func (p *Pacer) earlier(wake time.Time) time.Time {
	for _, a := range p.live {
		if !a.overdue() {
			continue
		}
		wake = earliest(a.queued.Add(answerTime), wake)
	}
	return wake
}

// agentFor reports whether one more call may be placed with regard to agents.
//
// Up to a service level of 100 every call that may be answered has an agent who
// is free now. Above, more calls ring than agents are free, for not all are
// answered: as many as the level allows, while the expected share of people
// without an agent stays under the limit, and never so many that the limit
// would be passed even if every call that is up were answered by a person.
func (p *Pacer) agentFor(staff Agents) bool {
	ringing, waiting := 0, 0
	for _, a := range p.live {
		switch {
		case a.answered.IsZero():
			ringing++
		case a.served.IsZero() && !isMachine(a.verdict):
			waiting++
		}
	}
	free := staff.Free + min(staff.Ringing, waiting)
	need := ringing + waiting
	if p.rules.ServiceLevel <= 100 {
		return need < free*p.rules.ServiceLevel/100
	}
	soon := float64(free) + p.measure.freed(staff.Busy)
	if float64(need) >= math.Floor(soon*float64(p.rules.ServiceLevel)/100) {
		return false
	}
	if need < free {
		return true
	}
	budget := p.rules.MaxAbandon*float64(p.counts.Answered-p.counts.Machine) - float64(p.counts.Abandoned)
	if float64(need+1-free) > budget {
		return false
	}
	rate := p.measure.answerRate()
	people := float64(waiting) + rate*float64(ringing+1)
	return excess(waiting, ringing+1, rate, soon) <= p.rules.MaxAbandon*people
}

// excess is how many people are expected to find no agent, when some wait
// already and each of the ringing calls is answered with a probability.
func excess(waiting, ringing int, rate, agents float64) float64 {
	sum, chance := 0.0, math.Pow(1-rate, float64(ringing))
	if chance == 0 { // so many calls that all of the mass is at the mean
		return max(0, float64(waiting)+rate*float64(ringing)-agents)
	}
	for k := 0; k <= ringing; k++ {
		if over := float64(waiting+k) - agents; over > 0 {
			sum += chance * over
		}
		chance *= float64(ringing-k) / float64(k+1) * rate / (1 - rate)
	}
	return sum
}
