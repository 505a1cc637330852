package transcribe

import (
	"context"
	"errors"
	"sync"

	"offhook/call"
	"offhook/flow"
)

// OfCall is a call as something to listen to.
func OfCall(c *call.Call) Sound {
	return Sound{
		CustomerID: c.CustomerID(), ReferenceType: "call", ReferenceID: c.ID(), ActiveflowID: c.Snapshot().ActiveflowID,
		Attach: c.Attach, Ended: c.Ended(), Emit: c.Emit,
	}
}

// Of lets a call's flow transcribe it.
func (s *Service) Of(c *call.Call) flow.Transcriber { return &transcriber{s: s, c: c} }

// transcriber implements flow.Transcriber.
type transcriber struct {
	s *Service
	c *call.Call

	mu      sync.Mutex
	started []string // ids, the oldest first
}

func (t *transcriber) request(r flow.TranscribeRequest) Request {
	return Request{Language: r.Language, Direction: r.Direction, OnEndFlowID: r.OnEndFlowID}
}

// TranscribeStart implements flow.Transcriber. A call that is being
// transcribed in that language already goes on as it is.
func (t *transcriber) TranscribeStart(_ context.Context, r flow.TranscribeRequest) (string, error) {
	row, err := t.s.Start(OfCall(t.c), t.request(r))
	if errors.Is(err, ErrDuplicate) {
		return row.ID, nil
	}
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	t.started = append(t.started, row.ID)
	t.mu.Unlock()
	return row.ID, nil
}

// TranscribeStop implements flow.Transcriber. It does not wait for the last
// words.
func (t *transcriber) TranscribeStop(context.Context) {
	t.mu.Lock()
	ids := t.started
	t.started = nil
	t.mu.Unlock()
	for _, id := range ids {
		t.s.endLater(t.c.CustomerID(), id)
	}
}

// endLater ends a transcription without waiting.
func (s *Service) endLater(customerID, id string) {
	s.mu.Lock()
	n := s.live[key{customerID, id}]
	s.mu.Unlock()
	if n != nil {
		n.end("stop")
	}
}

// TranscribeRecordings implements flow.Transcriber: it transcribes all
// finished recordings of the call, beside the flow.
func (t *transcriber) TranscribeRecordings(ctx context.Context, r flow.TranscribeRequest) error {
	for _, id := range t.c.Snapshot().RecordingIDs {
		if _, err := t.s.Recording(ctx, t.c.CustomerID(), id, t.request(r)); err != nil {
			return err
		}
	}
	return nil
}
