package campaign

import (
	"cmp"
	"context"
	"errors"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// What rang when the last process ended is in the dark: the phone may still ring,
// and somebody may have answered whom nobody heard. Such a target is not dialled
// before that is known, or can't be any more: until the phone has rung for as long
// as it may, and in any case for strayGrace after the start. A peer sends an
// answer that nobody acknowledges every four seconds (T2 of RFC 3261), so within
// that time an answer of before the start is heard.

// strayGrace is how long after the start answers to the last process are waited
// for at least.
const strayGrace = 5 * time.Second

// defaultRing is how long a phone rings where neither campaign nor outplan tell.
const defaultRing = time.Minute

// darkTry is an attempt of which it is not known whether somebody answered.
type darkTry struct {
	call  resource.Campaigncall
	plan  resource.Outplan
	timer *time.Timer
}

// darken keeps an attempt open until it is known what became of it.
func (d *Dialer) darken(ctx context.Context, c resource.Campaigncall) error {
	t := &darkTry{call: c}
	ring := time.Duration(0)
	row, err := rows.Campaigns.Load(ctx, d.cfg.DB, c.CustomerID, c.CampaignID)
	if other(err) != nil {
		return err
	}
	if err == nil {
		ring = milliseconds(row.DialTimeout)
	}
	plan, err := rows.Outplans.Load(ctx, d.cfg.DB, c.CustomerID, c.OutplanID)
	if other(err) != nil {
		return err
	}
	if err == nil {
		t.plan = *plan
		ring = cmp.Or(ring, milliseconds(plan.DialTimeout))
	}
	wait := d.cfg.Grace
	if c.TMCreate != nil {
		wait = max(wait, time.Until(c.TMCreate.Add(cmp.Or(ring, defaultRing)))+d.cfg.Grace)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dark[c.ReferenceID] = t
	t.timer = time.AfterFunc(wait, func() { d.lighten(c.ReferenceID, false) })
	return nil
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// Stray is told of the final response to a call of an earlier process, by the id
// of the call or groupcall, and reports whether an answer is to be hung up: when
// it is written down, which for the first time that it is heard it is not. It does
// not block.
func (d *Dialer) Stray(ref string, status int) bool {
	d.mu.Lock()
	t, written, answered := d.dark[ref], d.answered[ref], status < 300
	d.mu.Unlock()
	if t == nil {
		return written
	}
	group := t.call.Destination.Type == resource.TypeExtension || t.call.Destination.Type == resource.TypeAgent
	if answered || !group { // another phone of a group may still ring
		d.lighten(ref, answered)
	}
	return false
}

// lighten ends the wait for what became of an attempt.
func (d *Dialer) lighten(ref string, answered bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.dark[ref]
	if t == nil || d.closed { // the next process asks again
		return
	}
	delete(d.dark, ref)
	t.timer.Stop()
	d.work.Go(func() {
		if err := d.settle(t, answered); err != nil {
			d.cfg.Logger.Error("attempt of the last run not closed", "campaigncall", t.call.ID, "error", err)
		}
	})
}

// settle closes an attempt of the last process. Nobody is called again who
// answered, and nobody is given up because a process ended: a try that was cut
// off is given back when it was the last.
func (d *Dialer) settle(t *darkTry, answered bool) error {
	ctx := context.WithoutCancel(d.ctx)
	c, o := t.call, Outcome{}
	if answered {
		o, c.TMAnswered = Outcome{Done: true, Result: ResultAnswered}, resource.Now()
	}
	c.Status, c.Result, c.HangupReason, c.TMEnd = callDone, "fail", causeRestart, resource.Now()
	err := d.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		if err := finish(tx, c, o); err != nil || answered {
			return err
		}
		return change(tx, c, func(target *resource.OutdialTarget) { giveBackLast(target, c.DestinationIndex, &t.plan) })
	})
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.answered[c.ReferenceID] = answered
	d.mu.Unlock()
	target, err := rows.OutdialTargets.Load(ctx, d.cfg.DB, c.CustomerID, c.OutdialTargetID)
	if err != nil {
		return other(err)
	}
	if s := d.find(c.CustomerID, c.CampaignID); s != nil {
		s.post(func(time.Time) { s.lit(ctx, target) })
	}
	return nil
}

// lit goes on with a target whose last attempt is closed.
func (s *session) lit(ctx context.Context, t *resource.OutdialTarget) {
	if s.pacer == nil {
		return
	}
	if err := s.recount(ctx); err != nil {
		s.d.cfg.Logger.Warn("campaign counted without its last run", "campaign", s.row.ID, "error", err)
	}
	s.add(t)
}

// giveBackLast takes a try back when the target has none left without it.
func giveBackLast(t *resource.OutdialTarget, index int, plan *resource.Outplan) {
	r, err := NewRules(&resource.Campaign{}, plan)
	if err != nil {
		return // never: there is no schedule
	}
	p := personOf(t, &r, nil)
	if _, left := p.next(&r); !left && *triesOf(t, index) > 0 {
		*triesOf(t, index)--
	}
}

// inTheDark reports whether a target, or with an empty id any of a campaign, may
// have been answered in the last process.
func (d *Dialer) inTheDark(customerID, campaignID, target string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, t := range d.dark {
		c := &t.call
		if c.CustomerID == customerID && (c.OutdialTargetID == target || target == "" && c.CampaignID == campaignID) {
			return true
		}
	}
	return false
}

// other drops the error that there is no such row.
func other(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
