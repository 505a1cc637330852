package campaign

import (
	"context"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// Stats is how a campaign does. Everything is counted since it was created, over
// restarts of the server, but for the averages and rates of what runs now.
type Stats struct {
	ID         string `json:"id"` // the campaign's, as in every event
	CampaignID string `json:"campaign_id"`
	Status     string `json:"status"`
	WaitingFor string `json:"waiting_for"`

	Targets     int `json:"targets"`
	Left        int `json:"left"` // targets that are not done
	Progressing int `json:"progressing"`
	Done        int `json:"done"`
	Attempts    int `json:"attempts"`

	Progress
}

// Progress is what a campaign has done so far, and how fast it is.
type Progress struct {
	Live        int            `json:"live"`
	Ringing     int            `json:"ringing"`
	Placed      int            `json:"placed"`
	Answered    int            `json:"answered"`
	Human       int            `json:"human"`
	Machine     int            `json:"machine"`
	Abandoned   int            `json:"abandoned"`
	Success     int            `json:"success"`
	BrokenOff   int            `json:"broken_off"` // answered, but the call did not come to its end
	Exhausted   int            `json:"exhausted"`
	Results     map[string]int `json:"results"`      // of calls, by hang-up reason; machine, fax and sit after such a verdict
	AbandonRate float64        `json:"abandon_rate"` // of the people who answered
	AnswerRate  float64        `json:"answer_rate"`  // of the calls that have ended, the last ones above all
	AverageRing int            `json:"average_ring"` // milliseconds until an answer
	AverageTalk int            `json:"average_talk"` // milliseconds with an agent
	Pace        float64        `json:"pace"`         // calls a second at most
}

// Stats tells how a campaign does.
func (d *Dialer) Stats(ctx context.Context, customerID, id string) (Stats, error) {
	row, err := rows.Campaigns.Load(ctx, d.cfg.DB, customerID, id)
	if err != nil {
		return Stats{}, err
	}
	out := Stats{ID: id, CampaignID: id, Status: row.Status, WaitingFor: row.WaitingFor}
	if err := d.countRows(ctx, row, &out); err != nil {
		return out, err
	}
	before, err := d.counted(ctx, customerID, id)
	if err != nil {
		return out, err
	}
	out.Progress = progressOf(before)
	s := d.find(customerID, id)
	if s == nil {
		return out, nil
	}
	now := make(chan Progress, 1)
	s.post(func(time.Time) {
		if s.pacer != nil {
			now <- s.progress()
		} else {
			now <- out.Progress
		}
	})
	select {
	case out.Progress = <-now:
		return out, nil
	case <-s.gone: // it came to its end meanwhile
		return out, nil
	case <-d.ctx.Done():
		return out, ErrClosed
	case <-ctx.Done():
		return out, context.Cause(ctx)
	}
}

// countRows counts what is in the store.
func (d *Dialer) countRows(ctx context.Context, row *resource.Campaign, out *Stats) error {
	parent := store.Filter{Key: rows.KeyParent, Value: row.OutdialID}
	var err error
	count := func(filters ...store.Filter) (n int) {
		if err == nil && filters[0].Value != "" {
			n, err = rows.OutdialTargets.Count(ctx, d.cfg.DB, row.CustomerID, filters...)
		}
		return n
	}
	out.Targets = count(parent)
	out.Done = count(parent, store.Filter{Key: rows.KeyStatus, Value: targetDone})
	out.Progressing = count(parent, store.Filter{Key: rows.KeyStatus, Value: targetProgressing})
	out.Left = out.Targets - out.Done
	if err != nil {
		return err
	}
	out.Attempts, err = rows.Campaigncalls.Count(ctx, d.cfg.DB, row.CustomerID, store.Filter{Key: rows.KeyParent, Value: row.ID})
	return err
}

// progressOf is what was counted, of a campaign that does not run.
func progressOf(c Counts) Progress {
	out := Progress{
		Placed: c.Placed, Answered: c.Answered, Human: c.Human, Machine: c.Machine,
		Abandoned: c.Abandoned, Success: c.Success, BrokenOff: c.Reached, Exhausted: c.Exhausted, Results: c.Results,
	}
	if people := c.Answered - c.Machine; people > 0 {
		out.AbandonRate = float64(c.Abandoned) / float64(people)
	}
	return out
}

// progress is what the session's pacer counted.
func (s *session) progress() Progress {
	p := s.pacer
	out := progressOf(p.Counts())
	out.Live, out.Ringing, out.Pace = p.Live(), p.Ringing(), p.rules.Rate
	out.AverageRing, out.AverageTalk = int(p.measure.ring.Milliseconds()), int(p.measure.talk.Milliseconds())
	if p.measure.tries > 0 {
		out.AnswerRate = p.measure.people / p.measure.tries
	}
	return out
}

// EventStats tells what a running campaign has done so far.
const EventStats = "campaign_stats"

// toldEvery is how often that is told while anything happens.
const toldEvery = 10 * time.Second

// tell publishes the progress, not too often. It returns when it has to be
// looked at again; the zero time: nothing has happened.
func (s *session) tell(now time.Time) time.Time {
	n := &s.pacer.counts
	count := 3*n.Placed + 2*n.Answered + n.Abandoned + n.Human + n.Machine - s.pacer.Live()
	if count == s.toldCount {
		return time.Time{}
	}
	if at := s.told.Add(toldEvery); now.Before(at) && s.row.Status == statusRun {
		return at
	}
	s.told, s.toldCount = now, count
	if err := s.publish(); err != nil {
		s.d.cfg.Logger.Warn("progress not told", "campaign", s.row.ID, "error", err)
	}
	return time.Time{}
}

// publish tells what the campaign has done so far, as Stats does.
func (s *session) publish() error {
	ctx := context.WithoutCancel(s.d.ctx)
	if err := s.d.cfg.DB.Flush(ctx); err != nil {
		return err
	}
	data := Stats{ID: s.row.ID, CampaignID: s.row.ID, Status: s.row.Status, WaitingFor: s.row.WaitingFor, Progress: s.progress()}
	if err := s.d.countRows(ctx, &s.row, &data); err != nil {
		return err
	}
	e := event.With(EventStats, s.row.CustomerID, s.row.ID, "", data)
	s.d.cfg.DB.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) })
	return nil
}
