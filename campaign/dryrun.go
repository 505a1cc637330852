package campaign

import (
	"context"
	"fmt"
	"time"

	"offhook/store/rows"
)

// DryRun is what a campaign would do if it ran now. Nothing is changed.
type DryRun struct {
	CampaignID string         `json:"campaign_id"`
	Targets    int            `json:"targets"`
	Dial       int            `json:"dial"`    // would be dialled, one after the other
	Now        int            `json:"now"`     // of them those that could be dialled at this moment
	Waiting    map[string]int `json:"waiting"` // would be dialled later, by why: schedule, interval, calling_hours
	Skipped    map[string]int `json:"skipped"` // would not be dialled, by why: done, exhausted, do_not_call, no_destination, progressing
	OpensAt    *time.Time     `json:"opens_at"`
	FirstAt    *time.Time     `json:"first_at"` // when the first call could be placed
	LastsAbout int            `json:"lasts_about"`
	Faults     []string       `json:"faults"` // why it can't run at all
}

// DryRun tells what a campaign would dial now, and what not and why.
func (d *Dialer) DryRun(ctx context.Context, customerID, id string) (DryRun, error) {
	out := DryRun{CampaignID: id, Waiting: map[string]int{}, Skipped: map[string]int{}, Faults: []string{}}
	row, err := rows.Campaigns.Load(ctx, d.cfg.DB, customerID, id)
	if err != nil {
		return out, err
	}
	plan, err := rows.Outplans.Load(ctx, d.cfg.DB, customerID, row.OutplanID)
	if err != nil {
		out.Faults = append(out.Faults, fmt.Sprintf("outplan_id: there is no outplan %q", row.OutplanID))
		return out, other(err)
	}
	if row.OutdialID == "" {
		out.Faults = append(out.Faults, "outdial_id: the campaign has no outdial")
		return out, nil
	}
	rules, err := NewRules(row, plan)
	if err != nil {
		return out, err
	}
	if rules.MaxTries == ([destinations]int{}) {
		out.Faults = append(out.Faults, fmt.Sprintf("max_try_count_0 to 4 of outplan %q are 0, so nobody is dialled", plan.ID))
	}
	targets, err := targetsOf(ctx, d.cfg.DB, customerID, row.OutdialID)
	if err != nil {
		return out, err
	}
	out.Targets = len(targets)
	now := time.Now()
	if !rules.Window.Open(now) {
		if at := rules.Window.Change(now); !at.IsZero() {
			out.OpensAt = &at
		}
	}
	hours := newClocks(row.CallingHours)
	for _, t := range targets {
		p := personOf(t, &rules, hours)
		listed, err := d.listed(ctx, t, &p, &rules)
		if err != nil {
			return out, err
		}
		if listed {
			out.Skipped[ResultDoNotCall]++
			continue
		}
		out.judge(p, t.Status, t.Result, &rules, now)
	}
	out.LastsAbout = int(float64(out.Dial) / rules.Rate)
	return out, nil
}

// judge counts one target.
func (o *DryRun) judge(p Person, status, result string, r *Rules, now time.Time) {
	i, left := p.next(r)
	switch {
	case status == targetDone && result != "" && result != ResultSuccess:
		o.Skipped[result]++
		return
	case status != targetIdle:
		o.Skipped[status]++
		return
	case p.Has == ([destinations]bool{}):
		o.Skipped["no_destination"]++
		return
	case !left:
		o.Skipped[ResultExhausted]++
		return
	}
	o.Dial++
	at := now
	switch {
	case o.OpensAt != nil:
		o.Waiting[WaitSchedule]++
		at = *o.OpensAt
	case p.Due.After(now):
		o.Waiting[WaitInterval]++
	case opens(p.hours[i], now).After(now):
		o.Waiting[WaitHours]++
		at = opens(p.hours[i], now)
	default:
		o.Now++
	}
	if p.Due.After(at) {
		at = p.Due
	}
	if o.FirstAt == nil || at.Before(*o.FirstAt) {
		o.FirstAt = &at
	}
}
