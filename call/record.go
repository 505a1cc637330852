package call

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"offhook/event"
	"offhook/media/tone"
	"offhook/recorder"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// RecordOptions describe a recording of a call.
type RecordOptions struct {
	Format      string // wav or mp3; empty: wav
	Direction   string // in, out or both; empty: both
	Mix         bool   // both in one channel
	Duration    time.Duration
	Silence     time.Duration // ends after so much silence; 0: never
	EndKeys     string        // any of these keys ends it; "any" stands for all
	Beep        bool
	OnEndFlowID string
}

// recording is one that is being made.
type recording struct {
	row    resource.Recording
	file   *recorder.Recording
	detach func()
	ended  chan struct{} // closed when the file is whole and the row says so
}

// RecordingFile is where a recording's file is, under its final name.
func (x *Exchange) RecordingFile(r *resource.Recording) string {
	return filepath.Join(x.cfg.RecordingDir, r.CustomerID, r.ID+"."+r.Format)
}

// RecordStart starts a recording and returns at once with its row.
func (c *Call) RecordStart(ctx context.Context, o RecordOptions) (resource.Recording, error) {
	r, err := c.record(ctx, o)
	if err != nil {
		return resource.Recording{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.row, nil
}

// RecordVoice records the party until the options end it, a key is pressed or
// the party hangs up, and returns the finished recording.
func (c *Call) RecordVoice(ctx context.Context, o RecordOptions) (resource.Recording, error) {
	o.Direction = "in"
	r, err := c.record(ctx, o)
	if err != nil {
		return resource.Recording{}, err
	}
	select {
	case <-r.ended:
	case <-ctx.Done():
		c.end(r, "hangup")
		<-r.ended
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.row, context.Cause(ctx)
}

// record starts a recording.
func (c *Call) record(ctx context.Context, o RecordOptions) (*recording, error) {
	if c.status() != resource.StatusProgressing {
		return nil, ErrState
	}
	if o.Beep {
		if err := c.stage.perform(ctx, layerPrompt, tone.New(c.rate(), tone.Beep()), nil); err != nil {
			return nil, err
		}
	}
	r := &recording{ended: make(chan struct{}), row: c.recordingRow(o)}
	rate := c.rate()
	if r.row.Format == string(recorder.MP3) {
		rate = recorder.RateFor(recorder.MP3, rate)
	}
	if err := c.beginRecording(r, o, rate); err != nil {
		return nil, err
	}
	if o.EndKeys != "" && o.EndKeys != "none" {
		c.endAtKey(r, o.EndKeys)
	}
	return r, nil
}

// beginRecording opens the file and attaches it to the call's sound. The lock
// is held throughout: a recording that ends at once waits for its fields and
// for its row, and a call that ends meanwhile either finds the recording or
// leaves it unbegun.
func (c *Call) beginRecording(r *recording, o RecordOptions, rate int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending != nil || c.leg == nil {
		return ErrState
	}
	file, err := recorder.Start(recorder.Options{
		Path: c.x.RecordingFile(&r.row), Format: recorder.Format(r.row.Format), Channels: r.row.Channels,
		Direction: recorder.Direction(r.row.Direction),
		Rate:      rate, MaxDuration: o.Duration, Silence: o.Silence, Logger: c.x.cfg.Logger,
		OnEnd: func(res recorder.Result) { c.recorded(r, res) },
	})
	if err != nil {
		return fmt.Errorf("start a recording: %w", err)
	}
	r.file = file
	r.detach = c.leg.port.Attach(file, rate)
	c.recordings = append(c.recordings, r)
	c.row.RecordingID = r.row.ID
	c.row.RecordingIDs = append(c.row.RecordingIDs, r.row.ID)
	row, began := r.row, c.route(event.RecordingStarted(r.row))
	c.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		if err := rows.Recordings.Insert(tx, &row); err != nil {
			return err
		}
		return tx.Emit(began)
	})
	return nil
}

func (c *Call) recordingRow(o RecordOptions) resource.Recording {
	c.mu.Lock()
	defer c.mu.Unlock()
	row := resource.Recording{
		Identity:     resource.Identity{ID: resource.NewID(), CustomerID: c.row.CustomerID, TMCreate: resource.Now()},
		ActiveflowID: c.row.ActiveflowID, ReferenceType: "call", ReferenceID: c.row.ID, Status: "recording",
		Format: o.Format, Direction: o.Direction, Channels: 1, OnEndFlowID: o.OnEndFlowID, TMStart: resource.Now(),
	}
	if row.Format == "" {
		row.Format = "wav"
	}
	if row.Direction == "" {
		row.Direction = "both"
	}
	if row.Direction == "both" && !o.Mix {
		row.Channels = 2
	}
	return row
}

// endAtKey ends a recording when the party presses one of keys.
func (c *Call) endAtKey(r *recording, keys string) {
	pressed, stop := c.keys.watch()
	c.x.work.Go(func() {
		defer stop()
		for {
			select {
			case k := <-pressed:
				if keys == "any" || strings.IndexByte(keys, k.Key) >= 0 {
					c.end(r, "key")
					return
				}
			case <-r.ended:
				return
			case <-c.done:
				return
			}
		}
	})
}

// RecordStop ends the newest recording that is still being made, and waits
// until its file is whole. It reports false when there is none.
func (c *Call) RecordStop() bool {
	c.mu.Lock()
	if len(c.recordings) == 0 {
		c.mu.Unlock()
		return false
	}
	r := c.recordings[len(c.recordings)-1]
	c.mu.Unlock()
	c.end(r, "stop")
	<-r.ended
	return true
}

// RecordPause pauses the newest recording or resumes it; a pause is silence in
// the file, so the timeline stays true. It reports false when there is none.
func (c *Call) RecordPause(on bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.recordings) == 0 {
		return false
	}
	file := c.recordings[len(c.recordings)-1].file
	if on {
		file.Pause()
	} else {
		file.Resume()
	}
	return true
}

// end closes a recording; recorded follows.
func (c *Call) end(r *recording, reason string) {
	c.mu.Lock()
	if r.row.EndReason == "" {
		r.row.EndReason = reason
	}
	c.mu.Unlock()
	r.detach()
	r.file.Stop()
}

// recorded notes that a recording's file is whole. It runs on the recorder's
// own goroutine.
func (c *Call) recorded(r *recording, res recorder.Result) {
	c.mu.Lock()
	if r.row.EndReason == "" {
		r.row.EndReason = string(res.Reason)
	}
	r.row.Status, r.row.TMEnd = "ended", resource.Now()
	r.row.Duration, r.row.Size = res.Duration.Round(time.Millisecond).Seconds(), res.Size
	for i, other := range c.recordings {
		if other == r {
			c.recordings = append(c.recordings[:i], c.recordings[i+1:]...)
			break
		}
	}
	c.row.RecordingID = ""
	if n := len(c.recordings); n > 0 {
		c.row.RecordingID = c.recordings[n-1].row.ID
	}
	row := r.row
	c.mu.Unlock()
	finished := c.x.RecordingFinished(row)
	r.detach()
	if res.Dropped > 0 {
		c.log().Warn("recording lost sound", "recording", row.ID, "frames", res.Dropped)
	}
	c.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		row := row // the store completes it
		if err := rows.Recordings.Put(tx, &row); err != nil {
			return err
		}
		return tx.Emit(c.route(finished))
	})
	close(r.ended)
	if c.x.cfg.Recorded != nil {
		c.x.cfg.Recorded(row)
	}
}

// RecordingFinished makes the event that tells of a recording whose file is
// whole, and where that can be downloaded.
func (x *Exchange) RecordingFinished(r resource.Recording) resource.Event {
	if x.cfg.RecordingURL != nil {
		r.URL = x.cfg.RecordingURL(r)
	}
	return event.RecordingFinished(r)
}

// stopRecordings ends all recordings of the call and waits for their files.
func (c *Call) stopRecordings(reason string) {
	c.mu.Lock()
	list := append([]*recording(nil), c.recordings...)
	c.mu.Unlock()
	for _, r := range list {
		c.end(r, reason)
	}
	for _, r := range list {
		<-r.ended
	}
}
