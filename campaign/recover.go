package campaign

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// recover closes the attempts that were open when the last process ended. What
// had been answered is not dialled again; what was not placed is taken back; of
// what rang it has yet to be seen whether somebody answered.
func (d *Dialer) recover(ctx context.Context) error {
	open, err := rows.Campaigncalls.Find(ctx, d.cfg.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	for _, c := range open {
		if err := d.close(ctx, *c); err != nil {
			return fmt.Errorf("close campaigncall %s of the last run: %w", c.ID, err)
		}
	}
	return nil
}

func (d *Dialer) close(ctx context.Context, c resource.Campaigncall) error {
	answered, reason, placed, err := d.fate(ctx, c)
	if err != nil {
		return err
	}
	if placed && answered {
		d.mu.Lock()
		d.answered[c.ReferenceID] = true // its acknowledgement may have been cut off
		d.mu.Unlock()
		if c.TMAnswered == nil {
			c.TMAnswered = resource.Now()
		}
	}
	if placed && !answered && reason == causeRestart {
		return d.darken(ctx, c)
	}
	if !placed {
		return d.cfg.DB.Write(ctx, func(tx *store.Tx) error { return unplace(tx, c) })
	}
	var rules Rules
	if plan, err := rows.Outplans.Load(ctx, d.cfg.DB, c.CustomerID, c.OutplanID); err == nil {
		rules.Results = plan.ResultRules
	}
	o, _ := rules.judge(c.DestinationIndex, answered, reason, c.AMDResult)
	c.Status, c.Result, c.HangupReason, c.TMEnd = callDone, "fail", reason, resource.Now()
	if o.Success {
		c.Result = "success"
	}
	return d.cfg.DB.Write(ctx, func(tx *store.Tx) error { return finish(tx, c, o) })
}

// fate finds out how the call of an attempt ended.
func (d *Dialer) fate(ctx context.Context, c resource.Campaigncall) (answered bool, reason string, placed bool, err error) {
	db := d.cfg.DB
	if c.ReferenceType == "flow" {
		_, err := rows.Activeflows.Load(ctx, db, c.CustomerID, c.ReferenceID)
		return true, causeRestart, !errors.Is(err, store.ErrNotFound), other(err)
	}
	id := c.ReferenceID
	group, err := rows.Groupcalls.Load(ctx, db, c.CustomerID, id)
	if other(err) != nil {
		return false, "", false, err
	}
	if err == nil {
		if group.AnswerCallID == "" {
			return c.Status == callProgressing, causeRestart, true, nil
		}
		id = group.AnswerCallID
	}
	call, err := rows.Calls.Load(ctx, db, c.CustomerID, id)
	if errors.Is(err, store.ErrNotFound) {
		return false, causeRestart, group != nil, nil
	}
	if err != nil {
		return false, "", false, err
	}
	return call.TMProgressing != nil || c.Status == callProgressing, cmp.Or(call.HangupReason, causeRestart), true, nil
}
