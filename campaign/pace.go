package campaign

import (
	"container/heap"
	"time"
)

// Reasons why a campaign does not dial now, as users see them.
const (
	WaitSchedule = "schedule"      // the window is closed
	WaitCapacity = "capacity"      // as many calls are up as may be
	WaitAgents   = "agents"        // no agent would be free for another call
	WaitHours    = "calling_hours" // where the next ones live it is too late or too early
	WaitInterval = "interval"      // all that are left were tried a short time ago
	WaitTargets  = "targets"       // nobody is left to be dialled
	waitNothing  = ""              // it dials: the next call has its time
)

// Person is a target as the Pacer sees it.
type Person struct {
	ID    string
	Has   [destinations]bool    // which destinations there are
	Tries [destinations]int     // so far
	Due   time.Time             // not dialled earlier
	hours [destinations][]*gate // of the destinations, besides the campaign's window
}

// next is the destination to dial: the lowest that has tries left.
func (p *Person) next(r *Rules) (int, bool) {
	for i := range destinations {
		if p.Has[i] && p.Tries[i] < r.MaxTries[i] {
			return i, true
		}
	}
	return 0, false
}

// Choice is a call to be placed.
type Choice struct {
	Target string
	Index  int // of the destination
	Try    int // of that destination, from 1
}

// Agents is a queue's staff at one moment.
type Agents struct {
	Free    int // would take a call now
	Ringing int // are being rung
	Busy    int // talk, or rest after a call
}

// attempt is a call that is up.
type attempt struct {
	person   *waiting
	index    int
	placed   time.Time
	answered time.Time // zero: it rings
	queued   time.Time // zero: it did not ask for an agent yet
	served   time.Time // zero: no agent talks to it
	verdict  string
	tallied  bool // as abandoned
}

// Pacer decides whom a campaign dials when. It has no clock, starts nothing and
// is not for concurrent use: the same calls give the same decisions.
type Pacer struct {
	rules   Rules
	line    personHeap // who may be dialled, by due time, then in the order of Add
	people  map[string]*waiting
	live    map[string]*attempt // by target
	slot    time.Time           // earliest time of the next call
	window  gate
	seq     int
	counts  Counts
	measure measure
}

// Counts is what a Pacer counted since it was made, besides what it was told to
// begin with.
type Counts struct {
	Placed    int            `json:"placed"`
	Answered  int            `json:"answered"`
	Human     int            `json:"human"`
	Machine   int            `json:"machine"` // also fax and special information tones
	Abandoned int            `json:"abandoned"`
	Success   int            `json:"success"`   // targets done by a call that came to its end
	Reached   int            `json:"reached"`   // targets done by a call that was answered and broke off
	Exhausted int            `json:"exhausted"` // targets done without an answer
	Results   map[string]int `json:"results"`
}

// NewPacer returns a Pacer without targets.
func NewPacer(r Rules) *Pacer {
	p := &Pacer{people: map[string]*waiting{}, live: map[string]*attempt{}, counts: Counts{Results: map[string]int{}}}
	p.SetRules(r)
	return p
}

// Begin sets what was counted of calls that are over; the share of abandoned calls
// is reckoned of that too. Calls that are up are added.
func (p *Pacer) Begin(n Counts) {
	for _, a := range p.live {
		n.Placed++
		if !a.answered.IsZero() {
			n.Answered++
		}
		if a.tallied {
			n.Abandoned++
		}
		n.verdict(a.verdict)
	}
	p.counts = n
}

// SetRules changes the rules; calls that are up go on.
func (p *Pacer) SetRules(r Rules) { p.rules, p.window = r, gate{w: r.Window} }

// Add makes a target known. It reports false when there is no destination with
// tries left, or when it is known already.
func (p *Pacer) Add(person Person) bool {
	if _, known := p.people[person.ID]; known {
		return false
	}
	if _, ok := person.next(&p.rules); !ok {
		return false
	}
	w := &waiting{Person: person, seq: p.seq, place: -1}
	p.seq++
	p.people[w.ID] = w
	heap.Push(&p.line, w)
	return true
}

// Drop forgets a target; a call to it goes on.
func (p *Pacer) Drop(id string) {
	w := p.people[id]
	if w == nil {
		return
	}
	delete(p.people, id)
	if w.place >= 0 {
		heap.Remove(&p.line, w.place)
	}
}

// Clear forgets all targets; calls that are up go on.
func (p *Pacer) Clear() {
	p.people = map[string]*waiting{}
	p.line = nil
}

// Left returns how many targets may still be dialled, without those whose calls
// are up.
func (p *Pacer) Left() int { return len(p.line) }

// Live returns how many calls are up.
func (p *Pacer) Live() int { return len(p.live) }

// Next returns the calls to place now, why there are no more of them, and when
// to ask again if nothing happens before that; the zero time: never.
func (p *Pacer) Next(now time.Time, staff Agents) (dial []Choice, why string, wake time.Time) {
	p.forsake(now)
	for {
		free, why, wake := p.mayDial(now, staff)
		if !free {
			_, change := p.window.at(now)
			return dial, why, p.earlier(earliest(wake, change))
		}
		dial = append(dial, p.place(now))
	}
}

// mayDial tells whether the first target may be dialled at once; else why not
// and from when on it may.
func (p *Pacer) mayDial(now time.Time, staff Agents) (free bool, why string, wake time.Time) {
	if open, change := p.window.at(now); !open {
		return false, WaitSchedule, change
	}
	p.postpone(now)
	switch {
	case len(p.line) == 0 && len(p.live) > 0:
		return false, waitNothing, time.Time{}
	case len(p.line) == 0:
		return false, WaitTargets, time.Time{}
	case p.line[0].Due.After(now) && p.line[0].asleep:
		return false, WaitHours, p.line[0].Due
	case p.line[0].Due.After(now):
		return false, WaitInterval, p.line[0].Due
	case p.rules.MaxConcurrent > 0 && len(p.live) >= p.rules.MaxConcurrent:
		return false, WaitCapacity, time.Time{}
	case p.rules.Queue && !p.agentFor(staff):
		return false, WaitAgents, time.Time{}
	case p.slot.After(now):
		return false, waitNothing, p.slot
	}
	return true, waitNothing, time.Time{}
}

// earliest returns the earlier of two times; the zero time stands for never.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// postpone moves those who are due, but not to be called at this hour, to when
// they are.
func (p *Pacer) postpone(now time.Time) {
	for len(p.line) > 0 && !p.line[0].Due.After(now) {
		w := p.line[0]
		i, _ := w.next(&p.rules)
		at := opens(w.hours[i], now)
		if w.asleep = at.After(now); !w.asleep {
			return
		}
		w.Due = at
		heap.Fix(&p.line, 0)
	}
}

// Pause lets no call be placed before t.
func (p *Pacer) Pause(t time.Time) { p.slot = t }

// place takes the first target off the line.
func (p *Pacer) place(now time.Time) Choice {
	w := heap.Pop(&p.line).(*waiting)
	i, _ := w.next(&p.rules)
	w.Tries[i]++
	p.live[w.ID] = &attempt{person: w, index: i, placed: now}
	p.slot = now.Add(p.rules.gap())
	p.counts.Placed++
	return Choice{Target: w.ID, Index: i, Try: w.Tries[i]}
}

// Undo takes back a call that could not be placed through no fault of the
// target, which may be dialled again from due on.
func (p *Pacer) Undo(id string, due time.Time) {
	a := p.live[id]
	if a == nil {
		return
	}
	delete(p.live, id)
	p.counts.Placed--
	a.person.Tries[a.index]--
	p.again(a.person, due)
}

// again puts a target back into the line, if it has tries left and is wanted.
func (p *Pacer) again(w *waiting, due time.Time) bool {
	if p.people[w.ID] != w {
		return false
	}
	if _, ok := w.next(&p.rules); !ok {
		delete(p.people, w.ID)
		return false
	}
	w.Due, w.asleep = due, false
	heap.Push(&p.line, w)
	return true
}

// Answered notes that a call was answered.
func (p *Pacer) Answered(id string, now time.Time) {
	if a := p.live[id]; a != nil && a.answered.IsZero() {
		a.answered = now
		p.counts.Answered++
		p.measure.rang(now.Sub(a.placed))
	}
}

// Verdict notes what answering machine detection found.
func (p *Pacer) Verdict(id, result string) {
	a := p.live[id]
	if a == nil || a.verdict != "" {
		return
	}
	a.verdict = result
	p.counts.verdict(result)
}

// isMachine reports whether a verdict says that nobody is there to be connected.
func isMachine(verdict string) bool {
	return verdict == causeMachine || verdict == "fax" || verdict == "sit"
}

// Ended notes the end of a call with one of the API's hang-up reasons, and says
// what that means. An unknown id means nothing.
func (p *Pacer) Ended(id string, now time.Time, reason string) Outcome {
	a := p.live[id]
	if a == nil {
		return Outcome{}
	}
	delete(p.live, id)
	answered := !a.answered.IsZero()
	p.measure.ended(answered && !isMachine(a.verdict))
	if !a.served.IsZero() {
		p.measure.talked(now.Sub(a.served))
	} else if !a.queued.IsZero() || answered && gaveUp(reason) {
		p.abandon(a)
	}
	p.counts.Results[resultOf(reason, a.verdict)]++
	o, wait := p.rules.judge(a.index, answered, reason, a.verdict)
	switch wanted := p.people[id] == a.person; {
	case o.Done && wanted:
		delete(p.people, id)
	case !o.Done && wanted && !p.again(a.person, now.Add(wait)):
		o.Done, o.Result = true, ResultExhausted
	}
	p.counts.outcome(o)
	o.Abandoned = a.tallied
	return o
}

// gaveUp reports whether we let a call go that rang: who answered that moment met
// nobody.
func gaveUp(reason string) bool { return reason == "dialout" || reason == "cancel" }

// resultOf is how a call is counted: a machine that got its message is not the
// same as a person.
func resultOf(reason, verdict string) string {
	if reason == causeNormal && isMachine(verdict) {
		return verdict
	}
	return reason
}

// Counts returns what was counted so far.
func (p *Pacer) Counts() Counts {
	c := p.counts
	c.Results = make(map[string]int, len(p.counts.Results))
	for k, v := range p.counts.Results {
		c.Results[k] = v
	}
	return c
}

// Ringing returns how many of the calls that are up have not been answered.
func (p *Pacer) Ringing() int {
	n := 0
	for _, a := range p.live {
		if a.answered.IsZero() {
			n++
		}
	}
	return n
}

// waiting is a Person in the line.
type waiting struct {
	Person
	asleep bool // Due is when the calling hours begin
	seq    int  // order of Add
	place  int  // in the heap, -1: its call is up
}

// personHeap implements heap.Interface.
type personHeap []*waiting

func (h personHeap) Len() int { return len(h) }
func (h personHeap) Less(i, j int) bool {
	if !h[i].Due.Equal(h[j].Due) {
		return h[i].Due.Before(h[j].Due)
	}
	return h[i].seq < h[j].seq
}

func (h personHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *personHeap) Push(x any) {
	w := x.(*waiting)
	w.place = len(*h)
	*h = append(*h, w)
}

func (h *personHeap) Pop() any {
	old := *h
	w := old[len(old)-1]
	old[len(old)-1] = nil
	w.place = -1
	*h = old[:len(old)-1]
	return w
}
