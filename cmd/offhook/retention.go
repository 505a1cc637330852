package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// retentionInterval is how often old recordings are looked for.
const retentionInterval = 10 * time.Minute

// startRetention deletes recordings that are too old or too many, now and then.
func (s *Server) startRetention(context.Context) error {
	if s.cfg.Recording.MaxAge <= 0 && s.cfg.Recording.MaxSize <= 0 {
		return nil
	}
	go func() {
		tick := time.NewTicker(retentionInterval)
		defer tick.Stop()
		for {
			if err := s.retain(s.live, time.Now()); err != nil && s.live.Err() == nil {
				s.log.Error("retention of recordings", "error", err)
			}
			select {
			case <-tick.C:
			case <-s.live.Done():
				return
			}
		}
	}()
	return nil
}

// retain deletes finished recordings older than max_age, and the oldest above
// max_size, of all customers together.
func (s *Server) retain(ctx context.Context, now time.Time) error {
	all, err := rows.Recordings.Everything(ctx, s.db) // oldest first
	if err != nil {
		return err
	}
	var total int64
	for _, r := range all {
		total += r.Size
	}
	keep := s.cfg.Recording
	for _, r := range all {
		if r.Status != "ended" || r.TMEnd == nil {
			continue
		}
		old := keep.MaxAge > 0 && now.Sub(*r.TMEnd) > keep.MaxAge
		much := keep.MaxSize > 0 && total > keep.MaxSize
		if !old && !much {
			continue
		}
		if err := s.dropRecording(ctx, r); err != nil {
			return err
		}
		total -= r.Size
		s.log.Info("recording deleted", "recording", r.ID, "old", old, "too_many", much)
	}
	return nil
}

// dropRecording deletes a recording's file, then its row.
func (s *Server) dropRecording(ctx context.Context, r *resource.Recording) error {
	if err := os.Remove(s.exchange.RecordingFile(r)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return s.db.Write(ctx, func(tx *store.Tx) error { return rows.Recordings.Delete(tx, r.CustomerID, r.ID) })
}
