package campaign

import (
	"context"
	"errors"
	"slices"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// day is the time in which calls to one number are counted.
const day = 24 * time.Hour

// permitted leaves out what must not be dialled: targets whose number is on the
// list of those who do not want calls are done, and those whose number had its
// calls of a day wait.
func (s *session) permitted(ctx context.Context, choices []Choice) ([]Choice, error) {
	var list []Choice
	batch := map[string]int{}
	for _, c := range choices {
		t, err := rows.OutdialTargets.Load(ctx, s.d.cfg.DB, s.row.CustomerID, c.Target)
		if errors.Is(err, store.ErrNotFound) {
			list = append(list, c) // what is gone is found out in the transaction
			continue
		}
		if err != nil {
			return nil, err
		}
		number := ""
		if a := addressOf(t, c.Index); a != nil {
			number = a.Target
		}
		refused, err := s.d.refuses(ctx, t.CustomerID, number)
		if err != nil {
			return nil, err
		}
		due, err := s.rest(ctx, number, batch[number])
		switch {
		case err != nil:
			return nil, err
		case refused:
			s.pacer.Undo(c.Target, time.Now())
			s.pacer.Drop(c.Target)
			s.book.settle(t.CustomerID, t.ID, ResultDoNotCall)
		case !due.IsZero():
			s.pacer.Undo(c.Target, due)
		default:
			batch[number]++
			list = append(list, c)
		}
	}
	return list, nil
}

// refuses reports whether a customer's list says not to call a number.
func (d *Dialer) refuses(ctx context.Context, customerID, number string) (bool, error) {
	found, err := rows.DoNotCalls.Find(ctx, d.cfg.DB, rows.KeyNumber, resource.PlainNumber(number))
	return slices.ContainsFunc(found, func(n *resource.DoNotCall) bool { return n.CustomerID == customerID }), err
}

// listed reports whether a target's next destination is on that list.
func (d *Dialer) listed(ctx context.Context, t *resource.OutdialTarget, p *Person, r *Rules) (bool, error) {
	i, left := p.next(r)
	if !left || t.Status == targetDone {
		return false, nil
	}
	return d.refuses(ctx, t.CustomerID, addressOf(t, i).Target)
}

// rest returns when a number may be called again that had its calls of a day,
// with more that are about to be placed; the zero time: now.
func (s *session) rest(ctx context.Context, number string, more int) (time.Time, error) {
	limit := s.pacer.rules.MaxPerDay
	if limit == 0 || number == "" {
		return time.Time{}, nil
	}
	calls, err := rows.Campaigncalls.Find(ctx, s.d.cfg.DB, rows.KeyNumber, number)
	if err != nil {
		return time.Time{}, err
	}
	now := time.Now()
	var recent []time.Time
	for _, c := range calls {
		if c.CustomerID == s.row.CustomerID && c.TMCreate != nil && c.TMCreate.After(now.Add(-day)) {
			recent = append(recent, *c.TMCreate)
		}
	}
	for range more {
		recent = append(recent, now)
	}
	if len(recent) < limit {
		return time.Time{}, nil
	}
	slices.SortFunc(recent, time.Time.Compare)
	return recent[len(recent)-limit].Add(day), nil
}
