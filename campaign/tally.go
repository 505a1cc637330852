package campaign

import (
	"context"
	"errors"
	"fmt"

	"offhook/resource"
	"offhook/store"
)

// tally is what was counted of a campaign's attempts that are over, since it was
// created. It is changed in the transaction that closes an attempt, so it agrees
// with the rows after a crash.
type tally struct {
	resource.Identity
	Counts Counts `json:"counts"`
}

var tallies = store.NewCollection[tally]("campaigntally", nil)

// count adds an attempt that is over to its campaign's tally.
func count(tx *store.Tx, c *resource.Campaigncall, o Outcome) error {
	t, err := tallies.Read(tx, c.CustomerID, c.CampaignID)
	fresh := errors.Is(err, store.ErrNotFound)
	if fresh {
		t, err = &tally{Identity: resource.Identity{ID: c.CampaignID, CustomerID: c.CustomerID}}, nil
	}
	if err != nil {
		return fmt.Errorf("tally of campaign %s: %w", c.CampaignID, err)
	}
	t.Counts.add(c, o)
	if fresh {
		return tallies.Insert(tx, t)
	}
	return tallies.Put(tx, t)
}

func (n *Counts) add(c *resource.Campaigncall, o Outcome) {
	if n.Results == nil {
		n.Results = map[string]int{}
	}
	n.Placed++
	if c.TMAnswered != nil {
		n.Answered++
	}
	if c.Abandoned {
		n.Abandoned++
	}
	n.verdict(c.AMDResult)
	n.Results[resultOf(c.HangupReason, c.AMDResult)]++
	n.outcome(o)
}

func (n *Counts) verdict(result string) {
	switch {
	case result == "human":
		n.Human++
	case isMachine(result):
		n.Machine++
	}
}

func (n *Counts) outcome(o Outcome) {
	switch o.Result {
	case ResultSuccess:
		n.Success++
	case ResultAnswered:
		n.Reached++
	case ResultExhausted:
		n.Exhausted++
	}
}

// counted returns a campaign's tally.
func (d *Dialer) counted(ctx context.Context, customerID, id string) (Counts, error) {
	t, err := tallies.Load(ctx, d.cfg.DB, customerID, id)
	if err := other(err); err != nil {
		return Counts{}, err
	}
	n := Counts{}
	if t != nil {
		n = t.Counts
	}
	if n.Results == nil {
		n.Results = map[string]int{}
	}
	return n, nil
}

// uncount forgets a campaign's tally.
func (d *Dialer) uncount(customerID, id string) {
	d.cfg.DB.Enqueue(func(tx *store.Tx) error { return other(tallies.Delete(tx, customerID, id)) })
}
