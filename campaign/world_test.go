package campaign

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// world dials a Pacer's targets in virtual time and holds it to its promises.
type world struct {
	t      *testing.T
	p      *Pacer
	rules  Rules
	random *rand.Rand
	now    time.Time
	events happenings
	seq    int

	answerRate float64
	agents     int // staff of the queue
	busy       int
	line       []*party // answered people without an agent

	live    map[string]bool
	ended   map[string]time.Time // of the last call of a target
	reached map[string]bool      // a person answered
	tries   map[string][destinations]int
	done    map[string]string
	wake    time.Time
	second  int // calls placed in this second
	minutes int
}

// party is an answered call that wants an agent.
type party struct {
	id   string
	gone bool
}

type happening struct {
	at  time.Time
	seq int
	do  func()
}

type happenings []happening

func (h happenings) Len() int { return len(h) }
func (h happenings) Less(i, j int) bool {
	return h[i].at.Before(h[j].at) || h[i].at.Equal(h[j].at) && h[i].seq < h[j].seq
}
func (h happenings) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *happenings) Push(x any)   { *h = append(*h, x.(happening)) }
func (h *happenings) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}

func newVirtual(t *testing.T, r Rules, start time.Time, targets int) *world {
	w := &world{
		t: t, p: NewPacer(r), rules: r, now: start, random: rand.New(rand.NewPCG(7, 11)), answerRate: 0.3,
		live: map[string]bool{}, ended: map[string]time.Time{}, reached: map[string]bool{},
		tries: map[string][destinations]int{}, done: map[string]string{},
	}
	for i := range targets {
		p := person(fmt.Sprintf("t%06d", i), 0)
		p.Has[1] = i%3 == 0
		p.Has[2] = i%7 == 0
		if !w.p.Add(p) {
			t.Fatal("not taken")
		}
	}
	return w
}

func (w *world) in(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.events, happening{w.now.Add(d), w.seq, do})
}

// between returns a random duration.
func (w *world) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.random.Int64N(int64(to-from)))
}

// run lets time pass until nothing is left to be done.
func (w *world) run(days int) {
	w.turn()
	w.in(time.Minute, w.minute)
	w.in(time.Second, w.newSecond)
	end := w.now.AddDate(0, 0, days)
	for w.now.Before(end) && w.p.Left()+w.p.Live() > 0 {
		next := end
		if len(w.events) > 0 {
			next = w.events[0].at
		}
		if !w.wake.IsZero() && w.wake.Before(next) {
			w.now = w.wake
			w.turn()
			continue
		}
		if w.now = next; len(w.events) > 0 {
			heap.Pop(&w.events).(happening).do()
		}
	}
}

func (w *world) newSecond() {
	if most := int(w.rules.Rate) + 1; w.second > most {
		w.t.Fatalf("%s: %d calls in a second", w.now, w.second)
	}
	w.second = 0
	w.in(time.Second, w.newSecond)
}

// minute holds the campaign to its limits.
func (w *world) minute() {
	w.minutes++
	if most := w.rules.MaxConcurrent; most > 0 && len(w.live) > most {
		w.t.Fatalf("%s: %d calls are up", w.now, len(w.live))
	}
	c := w.p.Counts()
	if people := c.Answered - c.Machine; float64(c.Abandoned) > w.rules.MaxAbandon*float64(people) {
		w.t.Fatalf("%s: %d of %d abandoned", w.now, c.Abandoned, people)
	}
	w.in(time.Minute, w.minute)
}

// turn asks the pacer.
func (w *world) turn() {
	staff := Agents{Free: w.agents - w.busy - len(w.line), Busy: w.busy}
	list, why, wake := w.p.Next(w.now, staff)
	if !wake.IsZero() && !wake.After(w.now) {
		w.t.Fatalf("%s: asks to be woken at %s (%s)", w.now, wake, why)
	}
	w.wake = wake
	for _, c := range list {
		w.dial(c)
	}
}

// dial checks that a call may be placed and decides how it goes.
func (w *world) dial(c Choice) {
	id := c.Target
	tries := w.tries[id]
	tries[c.Index]++
	w.tries[id] = tries
	w.second++
	last, tried := w.ended[id]
	switch {
	case !w.rules.Window.Open(w.now):
		w.t.Fatalf("%s: dialled outside of the schedule", w.now)
	case w.live[id]:
		w.t.Fatalf("%s: %s is dialled twice at once", w.now, id)
	case w.reached[id] || w.done[id] != "":
		w.t.Fatalf("%s: %s is dialled again after %q", w.now, id, w.done[id])
	case tried && w.now.Before(last.Add(w.rules.Interval)):
		w.t.Fatalf("%s: %s is tried again after %s", w.now, id, w.now.Sub(last))
	case tries[c.Index] > w.rules.MaxTries[c.Index] || c.Try != tries[c.Index]:
		w.t.Fatalf("%s: %s has try %d of %d", w.now, id, tries[c.Index], c.Index)
	}
	w.live[id] = true
	ring := w.between(3*time.Second, 20*time.Second)
	switch v := w.random.Float64(); {
	case v < w.answerRate:
		w.in(ring, func() { w.person(id) })
	case v < w.answerRate+0.2:
		w.in(ring, func() { w.machine(id) })
	case v < w.answerRate+0.3:
		w.in(w.between(100*time.Millisecond, 2*time.Second), func() { w.end(id, "busy") })
	case v < w.answerRate+0.35:
		w.in(50*time.Millisecond, func() { w.end(id, "failed") })
	default:
		w.in(30*time.Second, func() { w.end(id, "dialout") })
	}
}

func (w *world) person(id string) {
	w.reached[id] = true
	w.p.Answered(id, w.now)
	w.p.Verdict(id, "human")
	if !w.rules.Queue {
		w.in(w.between(5*time.Second, 60*time.Second), func() { w.end(id, "normal") })
		w.turn()
		return
	}
	w.p.Queued(id, w.now)
	p := &party{id: id}
	w.line = append(w.line, p)
	w.in(w.between(5*time.Second, 20*time.Second), func() { w.giveUp(p) })
	w.serve()
	w.turn()
}

// serve gives free agents the people who wait.
func (w *world) serve() {
	for w.busy < w.agents && len(w.line) > 0 {
		p := w.line[0]
		w.line = w.line[1:]
		p.gone = true
		w.busy++
		w.p.Served(p.id, w.now)
		w.in(w.between(20*time.Second, 200*time.Second), func() {
			w.busy--
			w.serve()
			w.end(p.id, "normal")
		})
	}
}

// giveUp is a person who hangs up while waiting.
func (w *world) giveUp(p *party) {
	if p.gone {
		return
	}
	for i := range w.line {
		if w.line[i] == p {
			w.line = append(w.line[:i], w.line[i+1:]...)
			break
		}
	}
	w.end(p.id, "normal")
}

func (w *world) machine(id string) {
	w.p.Answered(id, w.now)
	w.p.Verdict(id, "machine")
	reason := "amd"
	if w.random.IntN(2) == 0 {
		reason = "normal" // it got its message
	}
	w.in(w.between(time.Second, 20*time.Second), func() { w.end(id, reason) })
	w.turn()
}

func (w *world) end(id, reason string) {
	delete(w.live, id)
	w.ended[id] = w.now
	if o := w.p.Ended(id, w.now, reason); o.Done {
		w.done[id] = o.Result
	}
	w.turn()
}

// settled checks that every target came to its end in the right way.
func (w *world) settled(targets int) {
	w.t.Helper()
	if w.p.Left()+w.p.Live() > 0 || len(w.done) != targets {
		w.t.Fatalf("after %d minutes %d are left, %d up, %d done", w.minutes, w.p.Left(), w.p.Live(), len(w.done))
	}
	for id := range w.reached {
		if w.done[id] != ResultSuccess {
			w.t.Fatalf("%s: %q after a person answered", id, w.done[id])
		}
	}
	c := w.p.Counts()
	if c.Success+c.Exhausted+c.Reached != targets {
		w.t.Fatalf("%+v", c)
	}
	w.t.Logf("%d minutes, %+v", w.minutes, c)
}

const crowdSize = 100_000

func TestHundredThousandTargets(t *testing.T) {
	r := Rules{
		MaxConcurrent: 120, Rate: 10, Interval: 10 * time.Minute, MaxTries: [5]int{2, 1, 1}, MaxAbandon: 1,
		Window: windowOf(t, "America/New_York", "09:00", "17:00", "mon", "tue", "wed", "thu", "fri"),
	}
	w := newVirtual(t, r, at(t, "2026-10-28T03:00:00Z"), crowdSize) // the clock changes on Sunday
	w.run(60)
	w.settled(crowdSize)
}

func TestHundredThousandTargetsForAgents(t *testing.T) {
	for _, level := range []int{100, 300} {
		t.Run(fmt.Sprint(level), func(t *testing.T) {
			r := Rules{
				Rate: 20, Interval: 10 * time.Minute, MaxTries: [5]int{2, 1, 1}, Queue: true, ServiceLevel: level, MaxAbandon: 0.03,
				Window: windowOf(t, "Europe/Berlin", "20:00", "08:00"),
			}
			w := newVirtual(t, r, at(t, "2026-10-24T12:00:00Z"), crowdSize)
			w.agents = 60
			w.run(90)
			w.settled(crowdSize)
			if c := w.p.Counts(); level == 100 && c.Abandoned != 0 {
				t.Errorf("%d abandoned with an agent for each call", c.Abandoned)
			}
		})
	}
}

// TestAnyWorld runs small worlds under random rules.
func TestAnyWorld(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		r := Rules{
			MaxConcurrent: random.IntN(6), Rate: 0.5 + 20*random.Float64(), Interval: time.Duration(random.IntN(90)) * time.Second,
			MaxTries: [5]int{1 + random.IntN(3), random.IntN(3), random.IntN(2)}, MaxAbandon: 1,
		}
		if i%2 == 0 {
			r.Window = windowOf(t, "Asia/Kathmandu", "22:15", fmt.Sprintf("0%d:00", random.IntN(9)), "mon", "wed")
		}
		if i%3 == 0 {
			r.Queue, r.ServiceLevel, r.MaxAbandon = true, 50+50*random.IntN(8), 0.03
		}
		w := newVirtual(t, r, noon, 400)
		w.agents, w.answerRate = 2+random.IntN(8), random.Float64()*0.6
		w.run(60)
		w.settled(400)
	}
}

func BenchmarkNext(b *testing.B) {
	p := NewPacer(Rules{Rate: 1e9, MaxTries: [5]int{1000}, MaxConcurrent: 500})
	for i := range crowdSize {
		p.Add(person(fmt.Sprint(i), 0))
	}
	now := noon
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		list, _, _ := p.Next(now, Agents{})
		for _, c := range list {
			p.Ended(c.Target, now, "busy")
		}
	}
}
