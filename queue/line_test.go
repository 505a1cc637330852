package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// bench is a line under test with a clock of its own.
type bench struct {
	*Line
	t   *testing.T
	now time.Time
}

func newBench(t *testing.T, queues map[string]Rules, agents ...string) *bench {
	b := &bench{NewLine(1), t, noon}
	for id, r := range queues {
		b.SetQueue(b.now, id, r)
	}
	for _, a := range agents {
		id, tags, _ := strings.Cut(a, ":")
		b.SetAgent(b.now, id, Profile{Tags: strings.Fields(tags)}, Available)
	}
	return b
}

func (b *bench) pass(d time.Duration) {
	b.now = b.now.Add(d)
	b.Tick(b.now)
}

func (b *bench) join(id, queue string) { b.Join(b.now, id, queue, b.now) }

// rung takes what follows and returns who is rung for whom.
func (b *bench) rung() string {
	var list []string
	for _, o := range b.Take().Offers {
		list = append(list, o.Caller+"-"+o.Agent)
	}
	return strings.Join(list, " ")
}

func (b *bench) want(step, offers string) {
	b.t.Helper()
	if got := b.rung(); got != offers {
		b.t.Fatalf("%s: rung %q, want %q", step, got, offers)
	}
}

func (b *bench) status(agent, want string) {
	b.t.Helper()
	if got := b.Status(agent); got != want {
		b.t.Fatalf("agent %s is %s, not %s", agent, got, want)
	}
}

var plain = map[string]Rules{"q": {Method: "longest_idle"}}

func TestFirstComeFirstServed(t *testing.T) {
	b := newBench(t, plain)
	for i := range 3 {
		b.join(fmt.Sprint("c", i), "q")
		b.pass(time.Second)
	}
	b.SetAgent(b.now, "a", Profile{}, Available)
	b.want("an agent comes", "c0-a")
	b.Failed(b.now, "c0", "a")
	b.want("it does not answer and rests", "")
	if got := b.InLine("q"); !slices.Equal(got, []string{"c0", "c1", "c2"}) {
		t.Fatalf("in line: %v", got)
	}
	b.pass(restFirst)
	b.want("after its rest", "c0-a")
	if !b.Accepted(b.now, "c0", "a") {
		t.Fatal("not accepted")
	}
	b.status("a", Busy)
	b.pass(time.Minute)
	b.Leave(b.now, "c0")
	b.want("the caller has left, the agent's call is not over", "")
	b.Released(b.now, "a")
	b.want("the agent is free", "c1-a")
}

func TestOldestOverAllQueues(t *testing.T) {
	b := newBench(t, map[string]Rules{"x": {Tags: []string{"x"}}, "y": {Tags: []string{"y"}}, "vip": {Tags: []string{"x"}, Priority: 1}})
	b.join("c0", "y")
	b.pass(time.Second)
	b.join("c1", "x")
	b.pass(time.Second)
	b.join("c2", "vip")
	b.SetAgent(b.now, "a", Profile{Tags: []string{"x", "y"}}, Available)
	b.want("priority goes first", "c2-a")
	b.SetAgent(b.now, "d", Profile{Tags: []string{"x", "y"}}, Available)
	b.want("then who came first", "c0-d")
	b.SetAgent(b.now, "e", Profile{Tags: []string{"z"}}, Available)
	b.want("an agent without a tag of theirs", "")
}

func TestNextAgentIsTried(t *testing.T) {
	b := newBench(t, plain, "a", "d")
	b.pass(time.Second)
	b.join("c", "q")
	b.want("the longest idle", "c-a")
	b.Failed(b.now, "c", "a")
	b.want("the other one", "c-d")
	b.status("a", Available)
	b.Failed(b.now, "c", "d")
	b.pass(restFirst)
	b.want("both were tried once; the first is rested", "c-a")
	b.Failed(b.now, "c", "a")
	b.want("the one who was tried less", "c-d")
}

// TestRest holds that an agent whose phone answers nothing is left alone ever
// longer, and at most restMost.
func TestRest(t *testing.T) {
	b := newBench(t, plain, "a")
	b.join("c", "q")
	b.want("at first", "c-a")
	for _, rest := range []time.Duration{2, 4, 8, 16, 32, 60, 60} {
		b.Failed(b.now, "c", "a")
		b.pass(rest*time.Second - time.Millisecond)
		b.want(fmt.Sprint("shortly before ", rest), "")
		b.pass(time.Millisecond)
		b.want(fmt.Sprint("after ", rest), "c-a")
	}
	b.Failed(b.now, "c", "a")
	b.SetStatus(b.now, "a", Away)
	b.SetStatus(b.now, "a", Available)
	b.want("an agent who says so is there again", "c-a")
	b.Failed(b.now, "c", "a")
	b.SetStatus(b.now, "a", Available)
	b.want("an agent who says it again", "c-a")
}

func TestStatusWhileRung(t *testing.T) {
	b := newBench(t, plain, "a", "d")
	b.join("c", "q")
	b.want("rung", "c-a")
	b.SetStatus(b.now, "a", Offline)
	s := b.Take()
	if len(s.Withdrawn) != 1 || s.Withdrawn[0] != (Offer{"c", "a"}) || len(s.Offers) != 1 || s.Offers[0].Agent != "d" {
		t.Fatalf("step %+v", s)
	}
	b.status("a", Offline)
	if b.Accepted(b.now, "c", "a") {
		t.Error("an answer that comes too late is taken")
	}
	b.SetStatus(b.now, "d", Available)
	b.status("d", Ringing)
}

func TestStatusInACall(t *testing.T) {
	b := newBench(t, map[string]Rules{"q": {WrapUp: 10 * time.Second}}, "a")
	serve := func(id string) {
		t.Helper()
		b.join(id, "q")
		b.want("rung", id+"-a")
		if !b.Accepted(b.now, id, "a") {
			t.Fatal("not accepted")
		}
		b.Leave(b.now, id)
	}
	serve("c0")
	b.SetStatus(b.now, "a", Away)
	b.status("a", Busy)
	b.Released(b.now, "a")
	b.status("a", Away)
	b.SetStatus(b.now, "a", Available)
	serve("c1")
	b.Released(b.now, "a")
	b.status("a", WrapUp)
	b.join("c2", "q")
	b.want("wraps up", "")
	b.pass(10 * time.Second)
	b.want("has wrapped up", "c2-a")
	b.Accepted(b.now, "c2", "a")
	b.Leave(b.now, "c2")
	b.Released(b.now, "a")
	b.SetStatus(b.now, "a", Available)
	b.status("a", Available) // ends the wrap-up
}

func TestRingAll(t *testing.T) {
	b := newBench(t, map[string]Rules{"q": {Method: "ring_all"}}, "a", "d")
	b.join("c0", "q")
	b.want("everybody", "c0-a c0-d")
	b.pass(time.Second)
	b.join("c1", "q")
	b.SetAgent(b.now, "e", Profile{}, Available)
	b.want("one more, for the first", "c0-e")
	b.Failed(b.now, "c0", "e")
	b.want("one less", "")
	if !b.Accepted(b.now, "c0", "d") {
		t.Fatal("not accepted")
	}
	b.want("the others ring for the next", "c1-a")
	if b.Accepted(b.now, "c0", "a") {
		t.Error("two agents for one caller")
	}
	b.Leave(b.now, "c1")
	b.status("a", Available)
}

func TestMethods(t *testing.T) {
	tests := []struct {
		method string
		want   string // agents of six callers, each served for a second
	}{
		{"longest_idle", "a b c a b c"},
		{"round_robin", "a b c a b c"},
		{"fewest_calls", "a b c a b c"},
	}
	for _, test := range tests {
		t.Run(test.method, func(t *testing.T) {
			b := newBench(t, map[string]Rules{"q": {Method: test.method}}, "a", "b", "c")
			var got []string
			for i := range 6 {
				b.pass(time.Second)
				id := fmt.Sprint(i)
				b.join(id, "q")
				_, agent, _ := strings.Cut(b.rung(), "-")
				got = append(got, agent)
				b.Accepted(b.now, id, agent)
				b.pass(time.Second)
				b.Leave(b.now, id)
				b.Released(b.now, agent)
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("served by %s, want %s", s, test.want)
			}
		})
	}
}

func TestRandomReachesEverybody(t *testing.T) {
	b := newBench(t, map[string]Rules{"q": {Method: "random"}}, "a", "b", "c", "d")
	served := map[string]int{}
	for i := range 400 {
		id := fmt.Sprint(i)
		b.join(id, "q")
		_, agent, _ := strings.Cut(b.rung(), "-")
		served[agent]++
		b.Accepted(b.now, id, agent)
		b.Leave(b.now, id)
		b.Released(b.now, agent)
	}
	for agent, n := range served {
		if n < 60 || n > 140 {
			t.Errorf("agent %s served %d of 400", agent, n)
		}
	}
}

func TestSkillsRelax(t *testing.T) {
	b := newBench(t, map[string]Rules{"q": {Method: "skills", Tags: []string{"x", "y"}}})
	b.SetAgent(b.now, "best", Profile{Tags: []string{"x", "y"}, Skills: map[string]int{"x": 90, "y": 70}}, Available) // 80
	b.SetAgent(b.now, "fair", Profile{Tags: []string{"x"}}, Available)                                                // 25
	b.join("c0", "q")
	b.want("the best", "c0-best")
	b.Accepted(b.now, "c0", "best")
	b.pass(time.Second)
	b.join("c1", "q")
	b.want("waits for the best", "")
	b.pass(6*relaxEvery - time.Millisecond)
	b.want("asks for 30", "")
	b.pass(time.Millisecond)
	b.want("asks for 20", "c1-fair")
	b.Take()
	b.pass(time.Second)
	b.Accepted(b.now, "c1", "fair")
	b.SetAgent(b.now, "poor", Profile{Tags: []string{"y"}, Skills: map[string]int{"y": 20}}, Available) // 10
	b.join("c2", "q")
	b.want("waits while better ones are logged in", "")
	b.SetStatus(b.now, "best", Away)
	b.SetStatus(b.now, "fair", Away)
	b.Released(b.now, "best")
	b.Released(b.now, "fair")
	b.pass(0)
	b.want("nobody better will come", "c2-poor")
}

func TestDropQueue(t *testing.T) {
	b := newBench(t, map[string]Rules{"q": {}, "r": {}}, "a")
	b.join("c0", "q")
	b.pass(time.Second)
	b.join("c1", "q")
	b.join("c2", "r")
	b.want("rung", "c0-a")
	if left := b.DropQueue(b.now, "q"); !slices.Equal(left, []string{"c0", "c1"}) {
		t.Errorf("left: %v", left)
	}
	b.want("the agent serves the other queue", "c2-a")
	if b.Join(b.now, "c3", "q", b.now) {
		t.Error("joined a queue that is gone")
	}
}

func TestDropAgent(t *testing.T) {
	b := newBench(t, plain, "a", "d")
	b.join("c", "q")
	b.want("rung", "c-a")
	b.DropAgent(b.now, "a")
	b.want("the next", "c-d")
	b.Accepted(b.now, "c", "d")
	b.DropAgent(b.now, "d")
	b.Leave(b.now, "c")
	b.Released(b.now, "d")
	if b.Waits("q") != 0 || len(b.callers)+len(b.agents) != 0 {
		t.Error("something is left")
	}
}

func TestTagsChange(t *testing.T) {
	b := newBench(t, map[string]Rules{"q": {Tags: []string{"x"}}}, "a:y")
	b.join("c", "q")
	b.want("nobody serves", "")
	if b.Staffed("q") {
		t.Error("staffed")
	}
	b.SetQueue(b.now, "q", Rules{Tags: []string{"x", "y"}})
	b.want("the queue asks for less", "c-a")
	b.SetAgent(b.now, "d", Profile{Tags: []string{"z"}}, Available)
	b.join("c2", "q")
	b.want("no tag", "")
	b.SetAgent(b.now, "d", Profile{Tags: []string{"x"}}, Offline) // the status of a known agent stays
	b.want("the agent learns", "c2-d")
}

func TestOutlook(t *testing.T) {
	b := newBench(t, plain)
	wait := func(queue string, place int) time.Duration { return b.Outlook(queue).Wait(place, b.now) }
	if wait("q", 1) != 0 {
		t.Error("an outlook without agents")
	}
	b.SetAgent(b.now, "a", Profile{}, Available)
	b.SetAgent(b.now, "d", Profile{}, Available)
	if got := wait("q", 1); got != firstCycle/2 {
		t.Errorf("%v at first", got)
	}
	b.join("c", "q")
	b.Accepted(b.now, "c", b.Take().Offers[0].Agent)
	b.pass(time.Minute)
	b.Leave(b.now, "c")
	b.Released(b.now, "a")
	if got := wait("q", 3); got != 90*time.Second {
		t.Errorf("%v for the third after a call of a minute", got)
	}
}

// TestOutlookOverQueues holds that who waits elsewhere for the same agents is
// counted: those who came before, and all of a higher priority.
func TestOutlookOverQueues(t *testing.T) {
	b := newBench(t, map[string]Rules{"q": {Tags: []string{"q"}}, "r": {Tags: []string{"r"}}, "vip": {Tags: []string{"vip"}, Priority: 1}},
		"a:q r vip", "d:r")
	for _, q := range []string{"q", "r"} { // a is taken, then d
		b.join("first "+q, q)
		b.Accepted(b.now, "first "+q, b.Take().Offers[0].Agent)
	}
	for i := range 4 {
		b.join(fmt.Sprint("before", i), "r")
	}
	b.pass(time.Second)
	came := b.now
	b.join("mine", "q")
	b.pass(time.Second)
	b.join("after", "r")
	b.join("rich", "vip")
	// Its own place, half of the four before it in r, where one of two agents is
	// ours, and the one of the higher priority.
	if got, want := b.Outlook("q").Wait(1, came), (1+2+1)*firstCycle; got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got := b.Outlook("vip").Wait(1, b.now); got != firstCycle {
		t.Errorf("%v with the highest priority", got)
	}
}
