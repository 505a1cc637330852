package conference

import (
	"context"
	"time"

	"offhook/resource"
)

// endTime bounds how long the end of an expired conference may take.
const endTime = 30 * time.Second

// alarm is the end of a conference that has a timeout.
type alarm struct{ timer *time.Timer }

// Changed lets a conference heed its changed row at once: rules hold from now
// on, and its timeout counts from its creation.
func (r *Rooms) Changed(c *resource.Conference, deleted bool) {
	k := key{c.CustomerID, c.ID}
	r.mu.Lock()
	defer r.mu.Unlock()
	if room := r.rooms[k]; room != nil && !deleted {
		room.rules = *c
		if !c.StartOnModerator {
			room.begin()
		}
	}
	if a := r.alarms[k]; a != nil {
		a.timer.Stop()
		delete(r.alarms, k)
	}
	if deleted || c.Timeout <= 0 || c.Status != active || c.TMCreate == nil {
		return
	}
	left := time.Until(c.TMCreate.Add(time.Duration(c.Timeout) * time.Second))
	a := &alarm{}
	a.timer = time.AfterFunc(max(left, 0), func() { r.expire(k, a) })
	r.alarms[k] = a
}

// expire ends a conference whose time is over.
func (r *Rooms) expire(k key, a *alarm) {
	r.mu.Lock()
	due := r.alarms[k] == a // else it changed, or the server stops
	if due {
		delete(r.alarms, k)
		r.work.Add(1)
	}
	r.mu.Unlock()
	if !due {
		return
	}
	defer r.work.Done()
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if err := r.End(ctx, k.customerID, k.id); err != nil {
		r.cfg.Logger.Error("end of a conference", "conference", k.id, "error", err)
	}
}
