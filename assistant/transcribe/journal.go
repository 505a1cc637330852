package transcribe

import (
	"context"
	"strings"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/speech/stt"
	"offhook/store"
	"offhook/store/rows"
)

// interimGap is the least time between two interim events of one direction.
const interimGap = 250 * time.Millisecond

// begin stores the row and tells that the transcription runs.
func (n *session) begin() {
	row := n.snapshot()
	n.log().Info("transcribe", "status", row.Status, "language", row.Language, "direction", row.Direction, "engine", row.Provider)
	n.s.cfg.DB.Enqueue(func(tx *store.Tx) error {
		copied := row
		return rows.Transcribes.Insert(tx, &copied)
	})
	n.src.Emit(event.OfTranscribe(event.TranscribeCreated, row))
	n.src.Emit(event.OfTranscribe(event.TranscribeRunning, row))
}

// finish stores the end and tells it.
func (n *session) finish(reason string, err error) {
	n.tellDropped()
	n.mu.Lock()
	n.row.Status, n.row.EndReason, n.row.TMEnd = "done", reason, resource.Now()
	n.row.TMUpdate = n.row.TMEnd
	if err != nil {
		n.row.EndMessage = err.Error()
	}
	row := n.row
	n.mu.Unlock()
	n.log().Info("transcribe", "status", row.Status, "reason", reason, "message", row.EndMessage, "dropped", row.Dropped)
	n.save(row)
	if strings.HasPrefix(reason, "engine_") {
		n.src.Emit(event.OfTranscribe(event.TranscribeFailed, row))
	}
	n.src.Emit(event.OfTranscribe(event.TranscribeDone, row))
}

func (n *session) save(row resource.Transcribe) {
	n.s.cfg.DB.Enqueue(func(tx *store.Tx) error {
		copied := row
		return rows.Transcribes.Put(tx, &copied)
	})
}

// tellDropped tells of sound that was lost since it was told last.
func (n *session) tellDropped() {
	var lost time.Duration
	news := false
	n.mu.Lock()
	for _, v := range n.voices {
		d := v.feed.Dropped()
		news = news || d > v.dropped
		v.dropped = d
		lost += d
	}
	n.row.Dropped = lost.Seconds()
	row := n.row
	n.mu.Unlock()
	if news {
		n.log().Warn("transcribe lost sound", "seconds", row.Dropped)
		n.save(row)
		n.src.Emit(event.OfTranscribe(event.TranscribeDropped, row))
	}
}

// heard tells a result.
func (n *session) heard(v *voice, r stt.Result) {
	if r.Text != "" && !v.speaking {
		v.speaking = true
		n.speech(event.SpeechStarted, v, r)
	}
	switch {
	case r.Kind == stt.Interim:
		if time.Since(v.interim) >= interimGap {
			v.interim = time.Now()
			n.speech(event.SpeechInterim, v, r)
		}
		return
	case r.Text != "":
		n.transcript(v, r)
	}
	if v.speaking {
		v.speaking = false
		n.speech(event.SpeechEnded, v, r)
	}
}

// speech tells what is known of a phrase while it is spoken.
func (n *session) speech(name string, v *voice, r stt.Result) {
	row := n.snapshot()
	now := resource.Now()
	data := map[string]any{
		"id": row.ID, "customer_id": row.CustomerID, "streaming_id": row.ID + "-" + v.direction, "transcribe_id": row.ID,
		"activeflow_id": row.ActiveflowID, "reference_id": row.ReferenceID,
		"direction": v.direction, "message": r.Text, "offset_ms": r.Start.Milliseconds(), "tm_event": now, "tm_create": now,
	}
	order := row.ReferenceID
	if row.ReferenceType == "recording" {
		order = row.ID
	}
	n.src.Emit(event.With(name, row.CustomerID, row.ID, order, data))
}

// transcript stores a phrase and tells it.
func (n *session) transcript(v *voice, r stt.Result) {
	row := n.snapshot()
	t := resource.Transcript{
		Identity:     resource.Identity{ID: resource.NewID(), CustomerID: row.CustomerID, TMCreate: resource.Now()},
		TranscribeID: row.ID, ActiveflowID: row.ActiveflowID, ReferenceID: row.ReferenceID,
		Direction: v.direction, Message: r.Text, Language: row.Language,
		TMTranscript: time.Time{}.Add(r.Start).Format("2006-01-02 15:04:05.000"), OffsetMS: int(r.Start.Milliseconds()),
		DurationMS: int(max(0, r.End-r.Start).Milliseconds()), Confidence: r.Confidence,
	}
	n.s.cfg.DB.Enqueue(func(tx *store.Tx) error {
		copied := t
		return rows.Transcripts.Insert(tx, &copied)
	})
	n.src.Emit(event.OfTranscript(t))
}

// Recover closes transcriptions that the last process took with it.
func (s *Service) Recover(ctx context.Context) error { return Recover(ctx, s.cfg.DB) }

// Recover does the same where no engine is configured any more.
func Recover(ctx context.Context, db *store.DB) error {
	open, err := rows.Transcribes.Find(ctx, db, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	return db.Write(ctx, func(tx *store.Tx) error {
		for _, t := range open {
			t.Status, t.EndReason, t.TMEnd = "done", "restart", resource.Now()
			if err := rows.Transcribes.Put(tx, t); err != nil {
				return err
			}
			if err := tx.Emit(event.OfTranscribe(event.TranscribeDone, *t)); err != nil {
				return err
			}
		}
		return nil
	})
}
