package campaign

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// begun is an attempt that is in the store.
type begun struct {
	choice Choice
	call   resource.Campaigncall
	target resource.OutdialTarget
}

// begin writes attempts before they are placed: a row for each, its event and
// the target's new state are one transaction, so that after a crash no call is
// unknown. Targets that are gone or done meanwhile are left out.
func (s *session) begin(ctx context.Context, choices []Choice) ([]begun, error) {
	var list []begun
	var gone []string
	if s.pacer.rules.MaxPerDay > 0 {
		s.d.numbers.Lock() // two campaigns may not both take a number's last call of the day
		defer s.d.numbers.Unlock()
	}
	choices, err := s.permitted(ctx, choices)
	if err != nil {
		return nil, err
	}
	err = s.d.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		list, gone = list[:0], gone[:0]
		for _, c := range choices {
			b, err := s.beginOne(tx, c)
			if errors.Is(err, errGone) {
				gone = append(gone, c.Target)
				continue
			}
			if err != nil {
				return err
			}
			list = append(list, b)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write attempts of campaign %s: %w", s.row.ID, err)
	}
	for _, target := range gone {
		s.pacer.Drop(target)
		s.pacer.Undo(target, time.Now())
	}
	return list, nil
}

// errGone is a target that is not to be dialled any more.
var errGone = errors.New("the target is gone")

func (s *session) beginOne(tx *store.Tx, c Choice) (begun, error) {
	b := begun{choice: c}
	t, err := rows.OutdialTargets.Update(tx, s.row.CustomerID, c.Target, func(t *resource.OutdialTarget) error {
		if t.Status == targetDone || addressOf(t, c.Index) == nil {
			return errGone
		}
		t.Status = targetProgressing
		*triesOf(t, c.Index) = c.Try
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return b, errGone
	}
	if err != nil {
		return b, err
	}
	b.target = *t
	b.call = resource.Campaigncall{
		Identity:   resource.Identity{ID: resource.NewID(), CustomerID: s.row.CustomerID},
		CampaignID: s.row.ID, OutplanID: s.plan.ID, OutdialID: t.OutdialID, OutdialTargetID: t.ID, QueueID: s.row.QueueID,
		FlowID: s.row.FlowID, ReferenceType: "call", ReferenceID: resource.NewID(), Status: callDialing,
		Source: s.plan.Source, Destination: *addressOf(t, c.Index), DestinationIndex: c.Index, TryCount: c.Try,
	}
	if s.row.Type == "flow" {
		b.call.ReferenceType = "flow"
	}
	if err := rows.Campaigncalls.Insert(tx, &b.call); err != nil {
		return b, err
	}
	return b, tx.Emit(ofCall(event.CampaigncallCreated, b.call))
}

// Statuses of targets and of campaigncalls.
const (
	targetIdle        = "idle"
	targetProgressing = "progressing"
	targetDone        = "done"

	callDialing     = "dialing"
	callProgressing = "progressing"
	callDone        = "done"
)

// ofCall makes an event of an attempt, in order with those of its call.
func ofCall(name string, c resource.Campaigncall) resource.Event {
	return event.Of(name, &c, c.ReferenceID)
}

// answered notes in the store that somebody picked up.
func (l ledger) answered(c resource.Campaigncall) {
	l.db.Enqueue(func(tx *store.Tx) error {
		if err := rows.Campaigncalls.Put(tx, &c); err != nil {
			return err
		}
		return tx.Emit(ofCall(event.CampaigncallUpdated, c))
	})
}

// ledger writes what happens to attempts.
type ledger struct{ db *store.DB }

// ended notes the end of an attempt and what it means for the target.
func (l ledger) ended(c resource.Campaigncall, o Outcome) {
	l.db.Enqueue(func(tx *store.Tx) error { return finish(tx, c, o) })
}

// finish closes an attempt's row and frees or closes its target.
func finish(tx *store.Tx, c resource.Campaigncall, o Outcome) error {
	if err := rows.Campaigncalls.Put(tx, &c); err != nil {
		return err
	}
	if err := count(tx, &c, o); err != nil {
		return err
	}
	err := change(tx, c, func(t *resource.OutdialTarget) {
		t.Status, t.Result = targetIdle, ""
		if o.Done {
			t.Status, t.Result = targetDone, o.Result
		}
	})
	if err != nil {
		return err
	}
	return tx.Emit(ofCall(event.CampaigncallUpdated, c))
}

// change changes the target of an attempt, unless it was deleted meanwhile.
func change(tx *store.Tx, c resource.Campaigncall, fn func(*resource.OutdialTarget)) error {
	_, err := rows.OutdialTargets.Update(tx, c.CustomerID, c.OutdialTargetID, func(t *resource.OutdialTarget) error {
		fn(t)
		return nil
	})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}

// undo takes back attempts that were not placed: as if they had not been.
func (l ledger) undo(calls ...resource.Campaigncall) {
	l.db.Enqueue(func(tx *store.Tx) error {
		for _, c := range calls {
			if err := unplace(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
}

func unplace(tx *store.Tx, c resource.Campaigncall) error {
	if err := rows.Campaigncalls.Delete(tx, c.CustomerID, c.ID); err != nil {
		return err
	}
	err := change(tx, c, func(t *resource.OutdialTarget) {
		t.Status = targetIdle
		if n := triesOf(t, c.DestinationIndex); *n > 0 {
			*n--
		}
	})
	if err != nil {
		return err
	}
	c.TMDelete = resource.Now()
	return tx.Emit(ofCall(event.CampaigncallDeleted, c))
}

// exhaust closes a target that has no tries left.
func (l ledger) exhaust(customerID, id string) { l.settle(customerID, id, ResultExhausted) }

// settle closes a target without a call.
func (l ledger) settle(customerID, id, result string) {
	l.db.Enqueue(func(tx *store.Tx) error {
		return change(tx, resource.Campaigncall{Identity: resource.Identity{CustomerID: customerID}, OutdialTargetID: id},
			func(t *resource.OutdialTarget) { t.Status, t.Result = targetDone, result })
	})
}

// setStatus changes what users see of a campaign, and tells it by an event when
// there is a name for it.
func (l ledger) setStatus(ctx context.Context, customerID, id, name string, fn func(*resource.Campaign)) (*resource.Campaign, error) {
	var row *resource.Campaign
	err := l.db.Write(ctx, func(tx *store.Tx) (err error) {
		row, err = rows.Campaigns.Update(tx, customerID, id, func(c *resource.Campaign) error { fn(c); return nil })
		if err != nil {
			return err
		}
		told := *row
		if told.Actions == nil {
			told.Actions = []resource.Action{}
		}
		return tx.Emit(event.Of(name, &told, ""))
	})
	return row, err
}

// addressOf is a target's destination, nil when it has none there.
func addressOf(t *resource.OutdialTarget, i int) *resource.Address {
	return [destinations]*resource.Address{t.Destination0, t.Destination1, t.Destination2, t.Destination3, t.Destination4}[i]
}

// triesOf is where a target counts the tries of a destination.
func triesOf(t *resource.OutdialTarget, i int) *int {
	return [destinations]*int{&t.TryCount0, &t.TryCount1, &t.TryCount2, &t.TryCount3, &t.TryCount4}[i]
}

// personOf is what the Pacer needs of a target. One that was tried is due an
// interval after it was written last, which was at the end of the try.
func personOf(t *resource.OutdialTarget, r *Rules, hours *clocks) Person {
	p := Person{ID: t.ID}
	last := -1 // destinations are tried in order
	for i := range destinations {
		p.Has[i], p.Tries[i], p.hours[i] = addressOf(t, i) != nil, *triesOf(t, i), hours.of(addressOf(t, i))
		if p.Tries[i] > 0 {
			last = i
		}
	}
	switch {
	case last >= 0 && t.TMUpdate != nil:
		p.Due = t.TMUpdate.Add(r.interval(last))
	case t.TMCreate != nil:
		p.Due = *t.TMCreate
	}
	return p
}

// variables are what the flow of an attempt knows of its target. When the
// target's data is a JSON object, each of its fields is one too.
func variables(c *resource.Campaign, b *begun) map[string]string {
	v := map[string]string{
		"voipbin.campaign.id": c.ID, "voipbin.campaign.name": c.Name, "voipbin.campaigncall.id": b.call.ID,
		"voipbin.outdial.id":       b.target.OutdialID,
		"voipbin.outdialtarget.id": b.target.ID, "voipbin.outdialtarget.name": b.target.Name,
		"voipbin.outdialtarget.detail": b.target.Detail, "voipbin.outdialtarget.data": b.target.Data,
	}
	var fields map[string]any
	if json.Unmarshal([]byte(b.target.Data), &fields) != nil {
		return v
	}
	for name, value := range fields {
		text, isText := value.(string)
		if !isText {
			raw, err := json.Marshal(value)
			if err != nil {
				continue
			}
			text = string(raw)
		}
		v["voipbin.outdialtarget.data."+name] = text
	}
	return v
}
