package queue

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/event"
	"offhook/resource"
)

// size is how large a simulated day is.
type size struct{ agents, queues, callers, hours int }

// day is a contact centre in virtual time: the real Centre with people who do
// what they like. It implements Switch and Ledger, and complains of whatever
// breaks a promise.
type day struct {
	t      *testing.T
	centre *Centre
	random *rand.Rand // under mu

	mu    sync.Mutex
	busy  map[string]string // agent: what it does: ringing or talking
	tally map[string]int

	// The ledger's, which the owner alone calls.
	queues  map[string]resource.Queue
	agents  map[string]resource.Agent
	visits  map[string]*record
	waiting map[string]*record
	came    map[string]time.Time // calls, to their first queue
	events  map[string]int
	lastRow map[string]resource.Queue
}

// record is what the ledger knows of a visit.
type record struct {
	row     resource.Queuecall
	arrived time.Time
}

func (d *day) chance(percent int) bool { return d.number(100) < percent }

func (d *day) number(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.random.IntN(n)
}

func (d *day) seconds(from, to int) time.Duration {
	return time.Duration(from+d.number(to-from)) * time.Second
}

func (d *day) count(what string) {
	d.mu.Lock()
	d.tally[what]++
	d.mu.Unlock()
}

// simAnswer is an agent's call.
type simAnswer struct {
	id    string
	ended chan struct{}
	over  func()
}

func (s *simAnswer) ID() string             { return s.id }
func (s *simAnswer) Ended() <-chan struct{} { return s.ended }
func (s *simAnswer) Hangup()                { s.over() }

// Ring implements Switch: agents answer, ignore, reject, can't be reached, or
// hang up during the whisper.
func (d *day) Ring(ctx context.Context, r Ring) Answered {
	d.occupy(r.Agent.ID, "ringing")
	after, answers := d.seconds(1, 10), true
	switch n := d.number(100); {
	case n < 10:
		after, answers = r.Timeout, false
		d.count("ignored")
	case n < 18:
		after, answers = d.seconds(0, 3), false
		d.count("rejected")
	case n < 22:
		after, answers = 0, false
		d.count("unreachable")
	case n < 24:
		after, answers = d.seconds(5, 8), false
		d.count("hung up in the whisper")
	}
	select {
	case <-time.After(after):
	case <-ctx.Done():
		answers = false
	}
	d.release(r.Agent.ID)
	if !answers {
		return nil
	}
	d.occupy(r.Agent.ID, "talking")
	s := &simAnswer{id: "call of " + r.Agent.ID, ended: make(chan struct{})}
	s.over = sync.OnceFunc(func() {
		d.release(r.Agent.ID)
		close(s.ended)
	})
	return s
}

// occupy notes that an agent's phone is in use, and that nobody else may have it.
func (d *day) occupy(agent, with string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[agent] != "" {
		d.t.Errorf("agent %s is %s and now %s too", agent, d.busy[agent], with)
	}
	d.busy[agent] = with
}

func (d *day) release(agent string) {
	d.mu.Lock()
	delete(d.busy, agent)
	d.mu.Unlock()
}

// CallBack implements Switch.
func (d *day) CallBack(ctx context.Context, b Callback) string {
	d.count("called back")
	defer b.Agent.Hangup()
	switch n := d.number(100); {
	case n < 20:
		pause(ctx, b.Timeout)
		return "noanswer"
	case n < 25:
		pause(ctx, time.Second)
		return brokenOff
	}
	b.Answered("call to " + b.To.Target)
	d.talk(ctx, b.Agent)
	return ""
}

// talk is a conversation: either side hangs up, the agent transfers the caller
// and is free before it is over, or somebody ends it.
func (d *day) talk(ctx context.Context, agent Answered) {
	long := d.seconds(60, 900)
	if d.chance(5) {
		d.count("transferred")
		time.Sleep(d.seconds(5, 30))
		agent.Hangup()
	}
	select {
	case <-time.After(long):
	case <-ctx.Done():
	}
	agent.Hangup()
}

// simCaller is somebody on the line.
type simCaller struct {
	d    *day
	keys chan byte
	mu   sync.Mutex
	vars map[string]string
}

func (c *simCaller) Wait(ctx context.Context, _ string)                 { <-ctx.Done() }
func (c *simCaller) Keys() (<-chan byte, func())                        { return c.keys, func() {} }
func (c *simCaller) Talk(ctx context.Context, agent Answered, _ string) { c.d.talk(ctx, agent) }
func (c *simCaller) Set(name, value string) {
	c.mu.Lock()
	c.vars[name] = value
	c.mu.Unlock()
}

// visit is a caller's day: it comes, waits, and may lose its patience.
func (d *day) visit(n int) {
	ctx, hangUp := context.WithCancel(context.Background())
	defer hangUp()
	c := &simCaller{d: d, keys: make(chan byte), vars: map[string]string{}}
	patience := time.AfterFunc(d.seconds(20, 1800), hangUp)
	defer patience.Stop()
	if d.chance(4) {
		key := "12"[d.number(2)]
		presses := time.AfterFunc(d.seconds(5, 60), func() {
			select {
			case c.keys <- key:
			case <-ctx.Done():
			}
		})
		defer presses.Stop()
	}
	id := fmt.Sprintf("caller-%d", n)
	who := Visitor{CustomerID: "c", CallID: id, Party: resource.Address{Type: "tel", Target: id}, Line: c}
	result, err := d.centre.Join(ctx, who, fmt.Sprintf("queue-%d", d.number(len(d.queues))))
	if err != nil && ctx.Err() == nil {
		d.t.Errorf("%s: %v", id, err)
	}
	d.count("result " + result.Result)
}

// work is an agent's day: it comes and goes as it likes, in calls too.
func (d *day) work(ctx context.Context, id string) {
	for {
		d.set(id, Available)
		if !pause(ctx, d.seconds(600, 7200)) {
			break
		}
		d.set(id, []string{Away, Offline, Busy}[d.number(3)])
		if !pause(ctx, d.seconds(60, 900)) {
			break
		}
	}
	d.set(id, Offline)
}

func (d *day) set(agent, status string) {
	if err := d.centre.SetStatus("c", agent, status); err != nil {
		d.t.Error(err)
	}
}

func pause(ctx context.Context, t time.Duration) bool {
	select {
	case <-time.After(t):
		return true
	case <-ctx.Done():
		return false
	}
}

// supervise kicks somebody now and then, and changes queues and agents.
func (d *day) supervise(ctx context.Context) {
	for pause(ctx, d.seconds(60, 300)) {
		id := fmt.Sprintf("queue-%d", d.number(len(d.queues)))
		q := d.queue(id)
		s, err := d.centre.Stats("c", id)
		if err != nil || s.Waiting < 0 {
			d.t.Errorf("stats %+v: %v", s, err)
		}
		d.centre.SetQueue(q)
		var first string
		d.centre.with("c", func(f *floor, _ time.Time) {
			for visit, v := range f.visits {
				if v.row.QueueID == id && (first == "" || visit < first) {
					first = visit
				}
			}
		})
		if first != "" && d.chance(20) {
			d.count("kicks")
			if err := d.centre.Kick(ctx, "c", first); err != nil && ctx.Err() == nil {
				d.t.Error(err)
			}
		}
	}
}

// queue describes a queue by its id, with rules of every kind over all of them.
func (d *day) queue(id string) resource.Queue {
	var n int
	if _, err := fmt.Sscanf(id, "queue-%d", &n); err != nil {
		d.t.Fatal(err)
	}
	methods := []string{"random", "longest_idle", "round_robin", "fewest_calls", "ring_all", "skills"}
	q := resource.Queue{
		Identity: resource.Identity{ID: id, CustomerID: "c"}, Name: id, RoutingMethod: methods[n%len(methods)],
		TagIDs: []string{fmt.Sprintf("tag-%d", n%7), fmt.Sprintf("tag-%d", n%5)}, Priority: n % 3, WrapUp: n % 4 * 5000,
		ExitKey: "1", CallbackKey: "2", Whisper: true,
	}
	if n%3 == 0 {
		q.WaitTimeout, q.OverflowQueueID = 300_000, fmt.Sprintf("queue-%d", (n+1)%len(d.queues))
	}
	if n%3 == 1 {
		q.WaitTimeout = 200_000
	}
	if n%5 == 0 {
		q.MaxWaiting, q.ServiceTimeout = 10, 500_000
	}
	return q
}

// Agent implements Ledger.
func (d *day) Agent(row resource.Agent, events ...string) {
	d.agents[row.ID] = row
	for _, e := range events {
		d.events[e]++
	}
}

// Queue implements Ledger.
func (d *day) Queue(row resource.Queue) { d.lastRow[row.ID] = row }

// Visit implements Ledger.
func (d *day) Visit(row resource.Queuecall, _ Visitor, fresh bool, events ...string) {
	r := d.visits[row.ID]
	switch {
	case fresh && r != nil, !fresh && r == nil:
		d.t.Errorf("queuecall %s: fresh is %v", row.ID, fresh)
	case fresh:
		if d.came[row.ReferenceID].IsZero() {
			d.came[row.ReferenceID] = time.Now()
		}
		r = &record{arrived: d.came[row.ReferenceID]}
		d.visits[row.ID] = r
	case r.row.Status == "done" || r.row.Status == "abandoned":
		d.t.Errorf("queuecall %s goes on after its end: %v", row.ID, events)
	}
	if slices.Contains(events, event.QueuecallConnecting) {
		d.fair(row, r)
	}
	r.row = row
	delete(d.waiting, row.ID)
	if row.Status == string(Waiting) {
		d.waiting[row.ID] = r
	}
	for _, e := range events {
		d.events[e]++
	}
}

// fair holds that nobody who waits and whom the agent could serve as well came
// before the one who is connected, or has a higher priority.
func (d *day) fair(row resource.Queuecall, c *record) {
	agent, mine := d.agents[row.ServiceAgentID], d.queues[row.QueueID]
	for _, other := range d.waiting {
		theirs := d.queues[other.row.QueueID]
		if other.row.ID == row.ID || theirs.RoutingMethod == "skills" || !common(theirs.TagIDs, agent.TagIDs) {
			continue
		}
		before := theirs.Priority > mine.Priority || theirs.Priority == mine.Priority && other.arrived.Before(c.arrived)
		if before && d.lined(other.row.ID) {
			d.t.Errorf("agent %s was given %s, though %s came %s before", agent.ID, row.ReferenceID, other.row.ReferenceID, c.arrived.Sub(other.arrived))
		}
	}
}

// lined reports whether a visit that waits is in line: not one who has yet to
// hang up before it is called back.
func (d *day) lined(id string) bool {
	v := d.centre.floors["c"].visits[id]
	return v != nil && (!v.back || d.centre.floors["c"].line.Knows(id))
}

func common(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// TestDay simulates a day of a contact centre.
func TestDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &day{
			t: t, random: rand.New(rand.NewPCG(1, 2)), busy: map[string]string{}, tally: map[string]int{},
			queues: map[string]resource.Queue{}, agents: map[string]resource.Agent{}, visits: map[string]*record{}, waiting: map[string]*record{}, came: map[string]time.Time{},
			events: map[string]int{}, lastRow: map[string]resource.Queue{},
		}
		d.centre = New(Config{Switch: d, Ledger: d, Seed: 1, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		ctx, end := context.WithCancel(t.Context())
		var owner sync.WaitGroup
		owner.Go(func() { d.centre.Run(ctx) })
		d.open()
		shift, over := context.WithCancel(ctx)
		var staff, callers sync.WaitGroup
		for n := range simulated.agents {
			staff.Go(func() { d.work(shift, fmt.Sprintf("agent-%d", n)) })
		}
		staff.Go(func() { d.supervise(shift) })
		d.arrive(&callers)
		callers.Wait()
		over()
		staff.Wait()
		time.Sleep(25 * time.Hour) // callbacks expire
		synctest.Wait()
		d.check()
		end()
		owner.Wait()
		time.Sleep(time.Hour) // timers that were started
	})
}

// open makes queues and agents known.
func (d *day) open() {
	for n := range simulated.queues {
		d.queues[fmt.Sprintf("queue-%d", n)] = resource.Queue{}
	}
	for id := range d.queues {
		d.queues[id] = d.queue(id)
		d.centre.SetQueue(d.queues[id])
	}
	for n := range simulated.agents {
		a := resource.Agent{
			Identity: resource.Identity{ID: fmt.Sprintf("agent-%d", n), CustomerID: "c"}, Status: Offline,
			TagIDs: []string{fmt.Sprintf("tag-%d", n%7), fmt.Sprintf("tag-%d", n%3)}, Skills: map[string]int{fmt.Sprintf("tag-%d", n%7): 1 + n%100},
		}
		d.agents[a.ID] = a
		d.centre.SetAgent(a)
	}
}

// arrive lets callers come, most of them at noon.
func (d *day) arrive(callers *sync.WaitGroup) {
	total := time.Duration(simulated.hours) * time.Hour
	mean := total / time.Duration(simulated.callers)
	begin := time.Now()
	for n := range simulated.callers {
		callers.Go(func() { d.visit(n) })
		part := float64(time.Since(begin)) / float64(total)
		d.mu.Lock()
		gap := d.random.ExpFloat64() / (1 + 0.9*math.Sin(2*math.Pi*(part-0.25)))
		d.mu.Unlock()
		time.Sleep(time.Duration(gap * float64(mean)))
	}
}

// check holds the end of the day against the promises.
func (d *day) check() {
	for id, a := range d.agents {
		if a.Status != Offline && a.Status != Away && a.Status != Available {
			d.t.Errorf("agent %s is left %s", id, a.Status)
		}
	}
	statuses := map[string]int{}
	for _, r := range d.visits {
		statuses[r.row.Status]++
		if r.row.TMEnd == nil {
			d.t.Errorf("queuecall %s is left %s", r.row.ID, r.row.Status)
		}
	}
	n := d.centre.Counters()
	joined, serviced, lost := d.events[event.QueuecallCreated], d.events[event.QueuecallServiced], d.events[event.QueuecallAbandoned]
	if joined != serviced+lost || serviced != d.events[event.QueuecallDone] || joined != len(d.visits) {
		d.t.Errorf("events do not add up: %v", d.events)
	}
	if n != (Counters{Joined: uint64(joined), Serviced: uint64(serviced), Abandoned: uint64(lost)}) {
		d.t.Errorf("counters %+v, events %v", n, d.events)
	}
	var rows [3]int
	for _, q := range d.lastRow {
		rows[0] += q.TotalIncomingCount
		rows[1] += q.TotalServicedCount
		rows[2] += q.TotalAbandonedCount
		if len(q.WaitQueuecallIDs)+len(q.ServiceQueuecallIDs) > 0 {
			d.t.Errorf("queue %s still lists %v, %v", q.ID, q.WaitQueuecallIDs, q.ServiceQueuecallIDs)
		}
	}
	if rows != [3]int{joined, serviced, lost} {
		d.t.Errorf("rows of queues count %v; events %d, %d, %d", rows, joined, serviced, lost)
	}
	var told []string
	for what, n := range d.tally {
		told = append(told, fmt.Sprintf("%s %d", what, n))
	}
	slices.Sort(told)
	d.t.Logf("%d callers, %d served, %d lost; %s", joined, serviced, lost, strings.Join(told, ", "))
}
