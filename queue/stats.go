package queue

import (
	"fmt"
	"time"
)

// defaultLevel is within what time a caller should be answered where the queue
// says nothing.
const defaultLevel = 20 * time.Second

// tally is what is counted of a queue since the start.
type tally struct {
	joined, answered, inLevel, abandoned, done int
	calledBack                                 int
	waited, talkedFor                          time.Duration
}

func (t *tally) answer(waited, level time.Duration) {
	t.answered++
	t.waited += waited
	if waited <= level {
		t.inLevel++
	}
}

func (t *tally) talked(d time.Duration) {
	t.done++
	t.talkedFor += d
}

func (d *desk) level() time.Duration {
	if d.row.ServiceLevel > 0 {
		return milliseconds(d.row.ServiceLevel)
	}
	return defaultLevel
}

// Stats is how a queue does now, and since the server started. Times are in
// milliseconds.
type Stats struct {
	QueueID               string         `json:"queue_id"`
	Waiting               int            `json:"waiting"`
	LongestWait           int            `json:"longest_wait"`
	Callbacks             int            `json:"callbacks"`     // promised; waiting counts those that are in line
	WaitEstimate          int            `json:"wait_estimate"` // of the next caller
	Serving               int            `json:"serving"`
	Joined                int            `json:"joined"`
	Answered              int            `json:"answered"`
	AnsweredInServiceTime int            `json:"answered_in_service_level"`
	CalledBack            int            `json:"called_back"`   // people who answered their callback
	ServiceLevel          float64        `json:"service_level"` // percent of the answered
	ServiceLevelTime      int            `json:"service_level_time"`
	Abandoned             int            `json:"abandoned"`
	AverageWait           int            `json:"average_wait"` // of the answered
	AverageTalk           int            `json:"average_talk"`
	Agents                map[string]int `json:"agents"` // by status
}

// Stats tells how a queue does; ErrUnknown when there is none.
func (c *Centre) Stats(customerID, queueID string) (Stats, error) {
	s := Stats{QueueID: queueID}
	err := ErrClosed
	c.with(customerID, func(f *floor, now time.Time) {
		d := f.desks[queueID]
		if d == nil {
			err = fmt.Errorf("queue %q: %w", queueID, ErrUnknown)
			return
		}
		err = nil
		t := d.tally
		s.Waiting, s.Serving, s.Agents = f.line.Waits(queueID), len(d.serving), f.line.Staff(queueID)
		s.LongestWait = int(f.longestWait(now, queueID).Milliseconds())
		s.WaitEstimate = seconds(f.line.Outlook(queueID).Wait(s.Waiting+1, now)) * 1000
		s.Joined, s.Answered, s.AnsweredInServiceTime, s.Abandoned = t.joined, t.answered, t.inLevel, t.abandoned
		s.CalledBack, s.Callbacks = t.calledBack, f.callbacks(queueID)
		s.ServiceLevelTime = int(d.level().Milliseconds())
		if t.answered > 0 {
			s.ServiceLevel = 100 * float64(t.inLevel) / float64(t.answered)
			s.AverageWait = int(t.waited.Milliseconds()) / t.answered
		}
		if t.done > 0 {
			s.AverageTalk = int(t.talkedFor.Milliseconds()) / t.done
		}
	})
	return s, err
}

// callbacks is how many people of a queue have yet to be called back.
func (f *floor) callbacks(queueID string) (n int) {
	for _, v := range f.visits {
		if v.back && v.served.IsZero() && v.row.QueueID == queueID {
			n++
		}
	}
	return n
}

// longestWait is how long the first in a line has waited who is on the line: who
// is called back may do something else meanwhile.
func (f *floor) longestWait(now time.Time, queueID string) time.Duration {
	for _, id := range f.line.InLine(queueID) {
		if v := f.visits[id]; v != nil && !v.back {
			return now.Sub(v.arrived)
		}
	}
	return 0
}
