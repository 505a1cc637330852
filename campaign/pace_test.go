package campaign

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"offhook/resource"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func person(id string, has ...int) Person {
	p := Person{ID: id}
	for _, i := range has {
		p.Has[i] = true
	}
	return p
}

func plain(tries ...int) Rules {
	r := Rules{Rate: 1000, Interval: time.Minute}
	copy(r.MaxTries[:], tries)
	return r
}

// dialled is what Next places, as text.
func dialled(p *Pacer, now time.Time) string {
	list, why, _ := p.Next(now, Agents{})
	s := ""
	for _, c := range list {
		s += fmt.Sprintf("%s.%d.%d ", c.Target, c.Index, c.Try)
	}
	return s + why
}

func TestTriesOverDestinations(t *testing.T) {
	p := NewPacer(plain(2, 0, 1))
	p.Add(person("a", 0, 1, 2))
	for i, want := range []string{"a.0.1 ", "a.0.2 ", "a.2.1 "} {
		now := noon.Add(time.Duration(i) * time.Minute)
		if got := dialled(p, now); got != want {
			t.Fatalf("try %d: %q, not %q", i, got, want)
		}
		o := p.Ended("a", now, "busy")
		if last := i == 2; o.Done != last || last && o.Result != ResultExhausted {
			t.Fatalf("try %d: %+v", i, o)
		}
	}
	if got := dialled(p, noon.Add(time.Hour)); got != WaitTargets {
		t.Errorf("then %q", got)
	}
}

func TestIntervalOfADestination(t *testing.T) {
	r := plain(1, 1, 1)
	r.Intervals[0], r.Intervals[1] = 5*time.Second, 20*time.Second
	r.Results = map[string]resource.ResultRule{"busy": {Retry: true, Interval: 1000}}
	for _, c := range []struct {
		reason string
		waits  []time.Duration
	}{{"noanswer", []time.Duration{5 * time.Second, 20 * time.Second}}, {"busy", []time.Duration{time.Second, time.Second}}} {
		p, now := NewPacer(r), noon
		p.Add(person("a", 0, 1, 2))
		for i, wait := range c.waits {
			if got := dialled(p, now); got != fmt.Sprintf("a.%d.1 ", i) {
				t.Fatalf("%s: %q", c.reason, got)
			}
			p.Ended("a", now, c.reason)
			if got := dialled(p, now.Add(wait-time.Millisecond)); got != WaitInterval {
				t.Errorf("%s: shortly before %s: %q", c.reason, wait, got)
			}
			now = now.Add(wait)
		}
	}
}

func TestIntervalDoesNotBlockOthers(t *testing.T) {
	p := NewPacer(plain(2))
	p.rules.Rate = 1
	p.Add(person("a", 0))
	p.Add(person("b", 0))
	if got := dialled(p, noon); got != "a.0.1 " {
		t.Fatal(got)
	}
	p.Ended("a", noon, "noanswer")
	if got := dialled(p, noon.Add(time.Second)); got != "b.0.1 "+WaitInterval {
		t.Fatal(got)
	}
	p.Ended("b", noon.Add(2*time.Second), "noanswer")
	_, why, wake := p.Next(noon.Add(3*time.Second), Agents{})
	if why != WaitInterval || !wake.Equal(noon.Add(time.Minute)) {
		t.Fatalf("%q until %s", why, wake)
	}
	if got := dialled(p, wake); got != "a.0.2 "+WaitInterval {
		t.Fatal(got)
	}
}

func TestResults(t *testing.T) {
	for _, c := range []struct {
		reason, verdict string
		answered        bool
		want            Outcome
	}{
		{"normal", "human", true, Outcome{Success: true, Done: true, Result: ResultSuccess}},
		{"normal", "machine", true, Outcome{Success: true, Done: true, Result: ResultSuccess}},
		{"amd", "machine", true, Outcome{}},
		{"busy", "", false, Outcome{}},
		{"noanswer", "", false, Outcome{}},
		{"dialout", "", false, Outcome{}},
		{"failed", "", false, Outcome{}},
		{"cancel", "", false, Outcome{}},
		{"normal", "", false, Outcome{}}, // taken back before an answer
		{"media_lost", "human", true, Outcome{Done: true, Result: ResultAnswered}},
		{"timeout", "", true, Outcome{Done: true, Result: ResultAnswered}},
		{"restart", "", true, Outcome{Done: true, Result: ResultAnswered}},
		{"restart", "", false, Outcome{}},
	} {
		t.Run(fmt.Sprint(c.reason, c.verdict, c.answered), func(t *testing.T) {
			p := NewPacer(plain(2))
			p.Add(person("a", 0))
			p.Next(noon, Agents{})
			if c.answered {
				p.Answered("a", noon)
			}
			if c.verdict != "" {
				p.Verdict("a", c.verdict)
			}
			if got := p.Ended("a", noon, c.reason); got != c.want {
				t.Errorf("%+v", got)
			}
			if again := p.Left() == 1; again == c.want.Done {
				t.Errorf("dialled again: %v", again)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	p := NewPacer(plain(1))
	p.rules.MaxConcurrent = 2
	for _, id := range []string{"a", "b", "c"} {
		p.Add(person(id, 0))
	}
	list, _, wake := p.Next(noon, Agents{})
	if len(list) != 1 || !wake.Equal(noon.Add(time.Millisecond)) {
		t.Fatalf("%v until %s", list, wake)
	}
	if list, why, _ := p.Next(noon.Add(time.Millisecond), Agents{}); len(list) != 1 || why != "" && why != WaitCapacity {
		t.Fatal(list, why)
	}
	if got := dialled(p, noon.Add(time.Second)); got != WaitCapacity {
		t.Fatal(got)
	}
	p.Answered("a", noon) // still up
	if got := dialled(p, noon.Add(time.Second)); got != WaitCapacity {
		t.Fatal(got)
	}
	p.Ended("a", noon, "normal")
	if got := dialled(p, noon.Add(time.Second)); got != "c.0.1 " {
		t.Fatal(got)
	}
}

func TestUndoIsAsIfNothingHadBeen(t *testing.T) {
	p := NewPacer(plain(1))
	p.Add(person("a", 0))
	p.Next(noon, Agents{})
	p.Undo("a", noon.Add(time.Second))
	if c := p.Counts(); c.Placed != 0 || p.Live() != 0 {
		t.Fatalf("%+v", c)
	}
	if got := dialled(p, noon.Add(time.Second)); got != "a.0.1 " {
		t.Fatal(got)
	}
}

func TestDroppedIsNotDialled(t *testing.T) {
	p := NewPacer(plain(3))
	p.Add(person("a", 0))
	p.Add(person("b", 0))
	p.Drop("a")
	if got := dialled(p, noon); got != "b.0.1 " {
		t.Fatal(got)
	}
	p.Drop("b") // while its call is up
	if o := p.Ended("b", noon, "busy"); o != (Outcome{}) {
		t.Fatalf("%+v", o)
	}
	if got := dialled(p, noon.Add(time.Hour)); got != WaitTargets {
		t.Fatal(got)
	}
}

func TestServiceLevel(t *testing.T) {
	for _, c := range []struct{ level, free, want int }{{100, 3, 3}, {50, 5, 2}, {0, 5, 0}, {100, 0, 0}, {200, 3, 3}} {
		p := NewPacer(Rules{Rate: 1000, MaxTries: [5]int{1}, Queue: true, ServiceLevel: c.level, MaxAbandon: 0.03})
		for i := range 20 {
			p.Add(person(fmt.Sprint(i), 0))
		}
		placed := 0
		for i := range 100 {
			list, _, _ := p.Next(noon.Add(time.Duration(i)*time.Millisecond), Agents{Free: c.free})
			placed += len(list)
		}
		if placed != c.want {
			t.Errorf("%d %% of %d agents: %d calls", c.level, c.free, placed)
		}
	}
}

func TestAbandoned(t *testing.T) {
	for _, c := range []struct {
		name   string
		served time.Duration // after asking for an agent, 0: never
		ended  time.Duration
		want   int
	}{
		{"in time", time.Second, time.Minute, 0},
		{"too late", 3 * time.Second, time.Minute, 1},
		{"never", 0, time.Minute, 1},
		{"gives up at once", 0, time.Second, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := NewPacer(Rules{Rate: 1, MaxTries: [5]int{1}, Queue: true, ServiceLevel: 100})
			p.Add(person("a", 0))
			p.Next(noon, Agents{Free: 1})
			p.Answered("a", noon)
			p.Queued("a", noon)
			for d := time.Duration(0); d < c.ended; d += 500 * time.Millisecond {
				if d == c.served && d > 0 {
					p.Served("a", noon.Add(d))
				}
				p.Next(noon.Add(d), Agents{})
			}
			p.Ended("a", noon.Add(c.ended), "normal")
			if got := p.Counts().Abandoned; got != c.want {
				t.Errorf("abandoned %d", got)
			}
		})
	}
}

// TestServedTooLate holds that a person who waited too long is counted even if
// nobody asked for the next call meanwhile.
func TestServedTooLate(t *testing.T) {
	for after, want := range map[time.Duration]int{answerTime - time.Millisecond: 0, answerTime: 1} {
		p := NewPacer(Rules{Rate: 1, MaxTries: [5]int{1}, Queue: true, ServiceLevel: 100})
		p.Add(person("a", 0))
		p.Next(noon, Agents{Free: 1})
		p.Answered("a", noon)
		p.Queued("a", noon)
		p.Served("a", noon.Add(after))
		if o := p.Ended("a", noon.Add(time.Minute), "normal"); p.Counts().Abandoned != want || o.Abandoned != (want == 1) {
			t.Errorf("served after %s: %d abandoned, %+v", after, p.Counts().Abandoned, o)
		}
	}
}

func TestExcess(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		waiting, ringing, agents := random.IntN(4), 1+random.IntN(60), float64(random.IntN(30))
		rate := random.Float64()
		sum := 0
		const rounds = 20000
		for range rounds {
			n := waiting
			for range ringing {
				if random.Float64() < rate {
					n++
				}
			}
			sum += max(0, n-int(agents))
		}
		got, want := excess(waiting, ringing, rate, agents), float64(sum)/rounds
		if got < want-0.1-want*0.05 || got > want+0.1+want*0.05 {
			t.Errorf("excess(%d, %d, %.2f, %.0f) = %.3f, counted %.3f", waiting, ringing, rate, agents, got, want)
		}
	}
	if got := excess(0, 1_000_000, 0.5, 400_000); got < 99_999 || got > 100_001 {
		t.Errorf("of a million: %f", got)
	}
}

func TestRulesOfResults(t *testing.T) {
	r := plain(3)
	r.Results = map[string]resource.ResultRule{
		"busy": {Retry: true, Interval: 5000}, "failed": {}, "machine": {Retry: true}, "amd": {}, "media_lost": {Retry: true},
	}
	for _, c := range []struct {
		reason, verdict string
		answered        bool
		want            Outcome
		wait            time.Duration
	}{
		{"busy", "", false, Outcome{}, 5 * time.Second},
		{"noanswer", "", false, Outcome{}, time.Minute},
		{"failed", "", false, Outcome{Done: true, Result: "failed"}, 0},
		{"normal", "machine", true, Outcome{Success: true}, time.Minute},
		{"amd", "machine", true, Outcome{Done: true, Result: "amd"}, 0},
		{"normal", "human", true, Outcome{Success: true, Done: true, Result: ResultSuccess}, 0},
		{"media_lost", "human", true, Outcome{Done: true, Result: ResultAnswered}, 0}, // no rule calls a person twice
	} {
		got, wait := r.judge(0, c.answered, c.reason, c.verdict)
		if got != c.want || wait != c.wait {
			t.Errorf("%+v: %+v %s", c, got, wait)
		}
	}
}
