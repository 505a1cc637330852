package transcribe

import (
	"context"
	"fmt"
	"time"

	"offhook/media/audio"
	"offhook/resource"
	"offhook/speech/stt"
	"offhook/store"
	"offhook/store/rows"
)

// Recording transcribes a finished recording, faster than it was spoken, and
// returns at once. What it says counts as spoken by the side that was recorded,
// that of a recording of both as in.
func (s *Service) Recording(ctx context.Context, customerID, id string, r Request) (resource.Transcribe, error) {
	rec, err := rows.Recordings.Load(ctx, s.cfg.DB, customerID, id)
	if err != nil {
		return resource.Transcribe{}, fmt.Errorf("recording %q: %w", id, err)
	}
	clip, err := s.cfg.Open(ctx, rec)
	if err != nil {
		return resource.Transcribe{}, fmt.Errorf("recording %q: %w", id, err)
	}
	r.Direction = "in"
	if rec.Direction == "out" {
		r.Direction = "out"
	}
	n := s.newSession(Sound{
		CustomerID: customerID, ReferenceType: "recording", ReferenceID: id, ActiveflowID: rec.ActiveflowID, Emit: s.Emit,
	}, r)
	n.patience = recordingPatience
	s.mu.Lock()
	s.live[key{customerID, n.row.ID}] = n
	s.mu.Unlock()
	n.begin()
	s.work.Go(func() { s.run(n) })
	s.work.Go(func() { n.readClip(clip) })
	return n.snapshot(), nil
}

// recordingPatience is the patience with engines that are slower than speech.
const recordingPatience = 10 * time.Minute

// Emit publishes an event that belongs to no call.
func (s *Service) Emit(e resource.Event) {
	s.cfg.DB.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) })
}

// readClip feeds a clip as quickly as the engine takes it.
func (n *session) readClip(clip *audio.Clip) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-n.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	defer n.end("finished")
	defer n.closeFeeds()
	select {
	case <-clip.Done():
	case <-ctx.Done():
		return
	}
	feed, src, frame := n.voices[0].feed, clip.Source(stt.Rate), make([]int16, stt.Rate/50)
	for src.Position() < clip.Duration() {
		if err := src.ReadFrame(frame); err != nil {
			return
		}
		if feed.WriteWait(ctx, frame) != nil {
			return
		}
	}
}
