package campaign

import (
	"cmp"
	"fmt"
	"time"

	"offhook/resource"
)

// destinations is how many addresses a target may have.
const destinations = 5

// defaultRate is how many calls a second a campaign places that says nothing.
const defaultRate = 2

// defaultAbandon is the share of answered people that may meet no agent, where
// a campaign says nothing: what most telephone laws allow.
const defaultAbandon = 0.03

// Rules are what a campaign and its outplan say about dialling.
type Rules struct {
	MaxConcurrent int                         // calls up at the same time; 0: no limit
	Rate          float64                     // calls a second
	Interval      time.Duration               // between the end of one try of a target and the next try
	Intervals     [destinations]time.Duration // the same after a try of one destination; 0: Interval
	MaxTries      [destinations]int
	Window        *Window
	Results       map[string]resource.ResultRule // by result of a call; see Rules.judge
	MaxPerDay     int                            // calls to one number within 24 hours; 0: no limit
	Queue         bool                           // answered calls need an agent
	ServiceLevel  int                            // with Queue: percent of free agents to dial for
	MaxAbandon    float64                        // with Queue: share of answered people that may meet no agent
}

// NewRules reads the rules of a campaign.
func NewRules(c *resource.Campaign, p *resource.Outplan) (Rules, error) {
	w, err := NewWindow(c.Schedule)
	if err != nil {
		return Rules{}, fmt.Errorf("campaign %s: %w", c.ID, err)
	}
	r := Rules{
		MaxConcurrent: c.MaxConcurrentCalls, Rate: c.CallsPerSecond,
		Interval: time.Duration(p.TryInterval) * time.Millisecond,
		MaxTries: [destinations]int{p.MaxTryCount0, p.MaxTryCount1, p.MaxTryCount2, p.MaxTryCount3, p.MaxTryCount4},
		Intervals: [destinations]time.Duration{
			milliseconds(p.TryInterval0), milliseconds(p.TryInterval1), milliseconds(p.TryInterval2),
			milliseconds(p.TryInterval3), milliseconds(p.TryInterval4),
		},
		Window: w, Results: p.ResultRules, MaxPerDay: c.MaxAttemptsPerDay, Queue: c.QueueID != "", ServiceLevel: c.ServiceLevel, MaxAbandon: c.MaxAbandonRate,
	}
	if r.Rate <= 0 {
		r.Rate = defaultRate
	}
	if r.MaxAbandon <= 0 {
		r.MaxAbandon = defaultAbandon
	}
	return r, nil
}

// interval is how long a target is left alone after a try of a destination.
func (r *Rules) interval(index int) time.Duration { return cmp.Or(r.Intervals[index], r.Interval) }

// gap is the time between two calls.
func (r *Rules) gap() time.Duration { return time.Duration(float64(time.Second) / r.Rate) }

// Causes of results beside the API's hang-up reasons.
const (
	causeNormal  = "normal"
	causeAMD     = "amd"
	causeRestart = "restart"
	causeMachine = "machine"
)

// Results of targets that are done.
const (
	ResultSuccess   = "success"   // a call came to its normal end
	ResultAnswered  = "answered"  // answered, but the call broke off: nobody is called twice
	ResultExhausted = "exhausted" // all tries are used
	ResultDoNotCall = "do_not_call"
)

// Outcome is what the end of a call means.
type Outcome struct {
	Success bool   // the call did what it was for
	Done    bool   // the target is not dialled any more
	Result  string // of the target, when it is done

	Abandoned bool // the person met no agent in time
}

// judge says what follows from the end of a call to a destination, and after
// what time the target may be tried again. Whoever answered in person is never
// called twice. A rule of the outplan goes first for all others; else a machine
// that got its message, and a machine whose call broke off, are done, and
// everything else is tried again while there are tries.
func (r *Rules) judge(index int, answered bool, reason, verdict string) (Outcome, time.Duration) {
	o := Outcome{Success: answered && reason == causeNormal}
	result := resultOf(reason, verdict)
	rule, ruled := r.Results[result]
	again := !answered || reason == causeAMD
	if machine := !answered || reason == causeAMD || isMachine(verdict); ruled && machine {
		again = rule.Retry
	}
	if again {
		wait := r.interval(index)
		if rule.Interval > 0 {
			wait = time.Duration(rule.Interval) * time.Millisecond
		}
		return o, wait
	}
	o.Done = true
	switch {
	case o.Success:
		o.Result = ResultSuccess
	case answered && reason != causeAMD:
		o.Result = ResultAnswered
	default:
		o.Result = result
	}
	return o, 0
}
