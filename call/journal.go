package call

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"offhook/event"
	"offhook/recorder"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// route adds the flow's own receiver to an event of the call.
func (c *Call) route(e resource.Event) resource.Event {
	e.WebhookURI, e.Webhook = c.webhook.URI, c.webhook.Method
	return e
}

// create writes the call's first row with its events, in one transaction, and
// lets the call be found: not before, or a hang-up could be written ahead of
// it. The caller holds the lock; the row is written behind its back, in order.
func (c *Call) create(events ...resource.Event) {
	row := c.copyRow()
	c.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		if err := rows.Calls.Insert(tx, &row); err != nil {
			return fmt.Errorf("call %s: %w", row.ID, err)
		}
		return emit(tx, events)
	})
	c.x.add(c)
}

// save writes the call's row with events. The caller holds the lock.
func (c *Call) save(events ...resource.Event) {
	row := c.copyRow()
	for i := range events {
		events[i] = c.route(events[i])
	}
	c.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		if err := rows.Calls.Put(tx, &row); err != nil {
			return fmt.Errorf("call %s: %w", row.ID, err)
		}
		return emit(tx, events)
	})
}

func emit(tx *store.Tx, events []resource.Event) error {
	for _, e := range events {
		if err := tx.Emit(e); err != nil {
			return err
		}
	}
	return nil
}

// Emit publishes an event of the call behind all that it published before.
func (c *Call) Emit(e resource.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e = c.route(e)
	c.x.cfg.DB.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) })
}

// quality tells how the leg sounds.
func (l *Leg) quality() *resource.CallMedia {
	s := l.port.Stats()
	l.mu.Lock()
	codec := l.medium.Codec.Name
	l.mu.Unlock()
	return &resource.CallMedia{
		Path:            l.port.Describe(),
		Codec:           codec,
		PacketsReceived: s.Received.Packets, PacketsSent: s.Sent.Packets,
		PacketsLost: s.Received.Lost, PacketsLate: s.Late, RemoteLost: s.Sent.Lost,
		JitterMS: milliseconds(s.Received.Jitter), RoundTripMS: milliseconds(s.RTT), BufferMS: milliseconds(s.Delay),
		MOS: s.Received.MOS,
	}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// recover closes what was open when the last process died: calls end with a
// cause of their own, recordings keep what was written.
func (x *Exchange) recover(ctx context.Context) error {
	files, err := x.recoverFiles()
	if err != nil {
		return err
	}
	recordings, err := rows.Recordings.Find(ctx, x.cfg.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	calls, err := rows.Calls.Find(ctx, x.cfg.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	groups, err := rows.Groupcalls.Find(ctx, x.cfg.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	finished := make([]resource.Event, len(recordings))
	for i, r := range recordings {
		f := files[x.RecordingFile(r)]
		r.Status, r.EndReason, r.TMEnd = "ended", ReasonRestart, x.lastSeen(r.TMStart)
		r.Duration, r.Size = f.Duration.Round(time.Millisecond).Seconds(), f.Size
		finished[i] = x.RecordingFinished(*r)
	}
	return x.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		for _, r := range recordings {
			if err := rows.Recordings.Put(tx, r); err != nil {
				return err
			}
		}
		if err := emit(tx, finished); err != nil {
			return err
		}
		for _, c := range calls {
			if err := x.closeCall(tx, c); err != nil {
				return err
			}
		}
		who := answeredIn(calls)
		for _, g := range groups {
			g.AnswerCallID = cmp.Or(g.AnswerCallID, who[g.ID])
			g.Status = resource.StatusHangup
			if err := rows.Groupcalls.Put(tx, g); err != nil {
				return err
			}
			if err := tx.Emit(event.OfGroupcall(event.GroupcallHangup, *g)); err != nil {
				return err
			}
		}
		return nil
	})
}

// recoverFiles makes whole what was being recorded, and returns it by path. A
// customer whose files can't be mended is logged and keeps nobody from serving.
func (x *Exchange) recoverFiles() (map[string]recorder.Result, error) {
	files := map[string]recorder.Result{}
	dirs, err := os.ReadDir(x.cfg.RecordingDir)
	if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	for _, d := range dirs {
		found, err := recorder.Recover(filepath.Join(x.cfg.RecordingDir, d.Name()))
		if err != nil {
			x.cfg.Logger.Error("recover recordings", "customer", d.Name(), "error", err)
		}
		for _, f := range found {
			files[f.Path] = f
		}
	}
	return files, nil
}

// lastSeen is when something that was up when the last process died is known to
// have been up last: not before changed, the last that was written of it.
func (x *Exchange) lastSeen(changed *time.Time) *time.Time {
	end := resource.Now()
	if at := x.cfg.LastAlive.UTC().Truncate(time.Microsecond); !at.IsZero() && at.Before(*end) {
		end = &at
	}
	if changed != nil && (changed.After(*end) || x.cfg.LastAlive.IsZero()) {
		end = changed
	}
	return end
}

// closeCall ends a row whose call the last process took with it.
func (x *Exchange) closeCall(tx *store.Tx, c *resource.Call) error {
	c.Status, c.TMHangup, c.Action = resource.StatusHangup, x.lastSeen(c.TMUpdate), nil
	c.HangupBy, c.HangupReason = "local", ReasonRestart
	c.HangupDetail = "the server was restarted while the call was up"
	if c.TMProgressing != nil {
		c.Duration = max(0, int(c.TMHangup.Sub(*c.TMProgressing).Seconds()))
	}
	if err := rows.Calls.Put(tx, c); err != nil {
		return err
	}
	return emit(tx, []resource.Event{event.OfCall(event.CallHangup, *c), event.OfCall(event.CallHungup, *c)})
}

// CauseOfEnded is the cause of a customer's call that is over; normal when the
// call is unknown or still up.
func (x *Exchange) CauseOfEnded(ctx context.Context, customerID, id string) Cause {
	row, err := rows.Calls.Load(ctx, x.cfg.DB, customerID, id)
	if err != nil || row.Status != resource.StatusHangup {
		return CauseOf(ReasonNormal)
	}
	return CauseOf(row.HangupReason)
}
