package campaign

import (
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
	MaxConcurrent int           // calls up at the same time; 0: no limit
	Rate          float64       // calls a second
	Interval      time.Duration // between the end of one try of a target and the next try
	MaxTries      [destinations]int
	Window        *Window
	Queue         bool    // answered calls need an agent
	ServiceLevel  int     // with Queue: percent of free agents to dial for
	MaxAbandon    float64 // with Queue: share of answered people that may meet no agent
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
		Window:   w, Queue: c.QueueID != "", ServiceLevel: c.ServiceLevel, MaxAbandon: c.MaxAbandonRate,
	}
	if r.Rate <= 0 {
		r.Rate = defaultRate
	}
	if r.MaxAbandon <= 0 {
		r.MaxAbandon = defaultAbandon
	}
	return r, nil
}

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
)

// Outcome is what the end of a call means.
type Outcome struct {
	Success bool   // the call did what it was for
	Done    bool   // the target is not dialled any more
	Result  string // of the target, when it is done
}

// judge applies the rules of results: a normal end is a success, an answering
// machine that the flow hung up on is tried again, and whoever else answered is
// not called twice. Everything else is tried again while there are tries.
func judge(answered bool, reason string) Outcome {
	switch {
	case reason == causeNormal && answered:
		return Outcome{Success: true, Done: true, Result: ResultSuccess}
	case answered && reason != causeAMD:
		return Outcome{Done: true, Result: ResultAnswered}
	}
	return Outcome{}
}
