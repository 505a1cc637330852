package conference

import (
	"context"
	"fmt"
	"slices"

	"offhook/event"
	"offhook/flow"
	"offhook/media/tone"
	"offhook/recorder"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// recording is one of a whole conference that is being made.
type recording struct {
	room   *room
	row    resource.Recording // Rooms.mu guards it
	file   *recorder.Recording
	detach func()
	ended  chan struct{} // closed when the file is whole and the row says so
}

// RecordStart records everything that is said and played in a conference, as
// one channel, until RecordStop, the request's bounds or the last member's
// leaving. ErrEmpty when nobody is in it.
func (r *Rooms) RecordStart(ctx context.Context, customerID, conferenceID string, o flow.RecordRequest) (resource.Recording, error) {
	k := key{customerID, conferenceID}
	if o.Beep {
		if err := r.beep(ctx, k); err != nil {
			return resource.Recording{}, err
		}
	}
	row, err := r.record(k, o)
	if err != nil {
		return row, err
	}
	return row, r.cfg.DB.Flush(ctx)
}

// beep plays a tone to everybody and waits for its end.
func (r *Rooms) beep(ctx context.Context, k key) error {
	r.mu.Lock()
	room := r.rooms[k]
	if room == nil || room.bridge == nil {
		r.mu.Unlock()
		return ErrEmpty
	}
	p := room.bridge.Play(tone.New(rate, tone.Beep()))
	r.mu.Unlock()
	select {
	case <-p.Done():
		return nil
	case <-ctx.Done():
		p.Stop()
		return context.Cause(ctx)
	}
}

func (r *Rooms) record(k key, o flow.RecordRequest) (resource.Recording, error) {
	r.mu.Lock() // a recording that ends at once waits for its fields
	defer r.mu.Unlock()
	room := r.rooms[k]
	if room == nil || room.bridge == nil {
		return resource.Recording{}, ErrEmpty
	}
	rec := &recording{room: room, row: newRow(k, o), ended: make(chan struct{})}
	file, err := recorder.Start(recorder.Options{
		Path: r.cfg.Exchange.RecordingFile(&rec.row), Format: recorder.Format(rec.row.Format), Rate: rate,
		Direction: recorder.In, Channels: 1, MaxDuration: o.Duration, Silence: o.Silence, Logger: r.cfg.Logger,
		OnEnd: func(res recorder.Result) { r.recorded(rec, res) },
	})
	if err != nil {
		return rec.row, fmt.Errorf("start a recording: %w", err)
	}
	rec.file, rec.detach = file, room.bridge.Attach(file, rate)
	room.recordings = append(room.recordings, rec)
	row := rec.row
	r.cfg.DB.Enqueue(func(tx *store.Tx) error {
		row := row // the store completes it
		if err := rows.Recordings.Insert(tx, &row); err != nil {
			return err
		}
		if err := tx.Emit(event.RecordingStarted(row)); err != nil {
			return err
		}
		return update(tx, k, func(c *resource.Conference) bool {
			c.RecordingID, c.RecordingIDs = row.ID, append(c.RecordingIDs, row.ID)
			return true
		})
	})
	return row, nil
}

func newRow(k key, o flow.RecordRequest) resource.Recording {
	row := resource.Recording{
		Identity:      resource.Identity{ID: resource.NewID(), CustomerID: k.customerID, TMCreate: resource.Now()},
		ReferenceType: "conference", ReferenceID: k.id, Status: "recording", Format: o.Format,
		Direction: "both", Channels: 1, OnEndFlowID: o.OnEndFlowID, TMStart: resource.Now(),
	}
	if row.Format == "" {
		row.Format = string(recorder.WAV)
	}
	return row
}

// RecordStop ends a conference's newest recording and returns when its file is
// whole; nothing when there is none.
func (r *Rooms) RecordStop(ctx context.Context, customerID, conferenceID string) error {
	r.mu.Lock()
	room := r.rooms[key{customerID, conferenceID}]
	if room == nil || len(room.recordings) == 0 {
		r.mu.Unlock()
		return nil
	}
	rec := room.recordings[len(room.recordings)-1]
	r.mu.Unlock()
	r.stop(rec, "stop")
	return r.cfg.DB.Flush(ctx)
}

// stop ends a recording and waits until its file is whole.
func (r *Rooms) stop(rec *recording, reason string) {
	r.mu.Lock()
	if rec.row.EndReason == "" {
		rec.row.EndReason = reason
	}
	r.mu.Unlock()
	rec.detach()
	rec.file.Stop()
	<-rec.ended
}

// recorded notes that a recording's file is whole. It runs on the recorder's
// own goroutine.
func (r *Rooms) recorded(rec *recording, res recorder.Result) {
	r.mu.Lock()
	row := &rec.row
	if row.EndReason == "" {
		row.EndReason = string(res.Reason)
	}
	row.Status, row.TMEnd = "ended", resource.Now()
	row.Duration, row.Size = res.Duration.Seconds(), res.Size
	room := rec.room
	room.recordings = slices.DeleteFunc(room.recordings, func(other *recording) bool { return other == rec })
	newest := ""
	if n := len(room.recordings); n > 0 {
		newest = room.recordings[n-1].row.ID
	}
	done := *row
	finished := r.cfg.Exchange.RecordingFinished(done)
	rec.detach()
	r.cfg.DB.Enqueue(func(tx *store.Tx) error {
		row := done // the store completes it
		if err := rows.Recordings.Put(tx, &row); err != nil {
			return err
		}
		if err := tx.Emit(finished); err != nil {
			return err
		}
		return update(tx, room.key, func(c *resource.Conference) bool {
			if c.RecordingID != done.ID {
				return false
			}
			c.RecordingID = newest
			return true
		})
	})
	r.mu.Unlock()
	close(rec.ended)
	if res.Dropped > 0 {
		r.cfg.Logger.Warn("recording lost sound", "recording", done.ID, "frames", res.Dropped)
	}
	if r.cfg.Recorded != nil {
		r.cfg.Recorded(done)
	}
}
