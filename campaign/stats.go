package campaign

import (
	"context"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// Stats is how a campaign does. Targets and attempts are all that there are;
// the rest counts since the campaign was started last.
type Stats struct {
	CampaignID string `json:"campaign_id"`
	Status     string `json:"status"`
	WaitingFor string `json:"waiting_for"`

	Targets     int `json:"targets"`
	Left        int `json:"left"` // targets that are not done
	Progressing int `json:"progressing"`
	Done        int `json:"done"`
	Attempts    int `json:"attempts"`

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
	out := Stats{CampaignID: id, Status: row.Status, WaitingFor: row.WaitingFor, Results: map[string]int{}}
	if err := d.countRows(ctx, row, &out); err != nil {
		return out, err
	}
	s := d.find(customerID, id)
	if s == nil {
		return out, nil
	}
	done := make(chan struct{})
	s.post(func(time.Time) {
		defer close(done)
		if s.pacer != nil {
			s.pacer.describe(&out)
		}
	})
	select {
	case <-done:
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

// describe fills in what a Pacer knows.
func (p *Pacer) describe(out *Stats) {
	c := p.Counts()
	out.Live, out.Ringing, out.Placed, out.Answered = p.Live(), p.Ringing(), c.Placed, c.Answered
	out.Human, out.Machine, out.Abandoned = c.Human, c.Machine, c.Abandoned
	out.Success, out.BrokenOff, out.Exhausted, out.Results = c.Success, c.Reached, c.Exhausted, c.Results
	if people := c.Answered - c.Machine; people > 0 {
		out.AbandonRate = float64(c.Abandoned) / float64(people)
	}
	if p.measure.tries > 0 {
		out.AnswerRate = p.measure.people / p.measure.tries
	}
	out.AverageRing, out.AverageTalk = int(p.measure.ring.Milliseconds()), int(p.measure.talk.Milliseconds())
	out.Pace = p.rules.Rate
}
