package main

import (
	"context"
	"errors"
	"time"

	"offhook/assistant/transcribe"
	"offhook/call/conference"
	"offhook/flow"
	"offhook/resource"
	"offhook/store"
)

// conferences lets the API reach live conferences: it implements
// api.Conferences.
type conferences struct{ rooms *conference.Rooms }

// conferenceTime bounds what the API asks of a conference without a context.
const conferenceTime = 30 * time.Second

// outside gives the errors of conferences the API's words.
func outside(err error) error {
	switch {
	case errors.Is(err, conference.ErrEmpty):
		return refusal{"FAILED_PRECONDITION", "CONFERENCE_EMPTY", err}
	case errors.Is(err, conference.ErrLeft):
		return refusal{"FAILED_PRECONDITION", "CONFERENCECALL_LEAVED", err}
	case errors.Is(err, conference.ErrRole):
		return refusal{"PERMISSION_DENIED", "NOT_A_MODERATOR", err}
	}
	return refused(err)
}

// Talking implements api.Conferences.
func (c conferences) Talking(customerID, id string) bool { return c.rooms.Talking(customerID, id) }

// May implements api.Conferences.
func (c conferences) May(customerID, by, id string) error {
	return outside(c.rooms.May(customerID, by, id))
}

// Mute implements api.Conferences.
func (c conferences) Mute(customerID, id string, on bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), conferenceTime)
	defer cancel()
	return outside(c.rooms.Mute(ctx, customerID, id, on))
}

// Kick implements api.Conferences.
func (c conferences) Kick(customerID, id string) error {
	ctx, cancel := context.WithTimeout(context.Background(), conferenceTime)
	defer cancel()
	return outside(c.rooms.Kick(ctx, customerID, id))
}

// Close implements api.Conferences.
func (c conferences) Close(ctx context.Context, customerID, id string) error {
	return outside(c.rooms.End(ctx, customerID, id))
}

// RecordStart implements api.Conferences.
func (c conferences) RecordStart(ctx context.Context, customerID, id string, r flow.RecordRequest) (resource.Recording, error) {
	row, err := c.rooms.RecordStart(ctx, customerID, id, r)
	return row, outside(err)
}

// RecordStop implements api.Conferences.
func (c conferences) RecordStop(ctx context.Context, customerID, id string) error {
	return outside(c.rooms.RecordStop(ctx, customerID, id))
}

// Play implements api.Conferences.
func (c conferences) Play(customerID, id string, p flow.Prompt) error {
	ctx, cancel := context.WithTimeout(context.Background(), conferenceTime)
	defer cancel()
	return outside(c.rooms.Play(ctx, customerID, id, p))
}

// sound is a conference for transcription: what is said and played in it is
// one voice.
func (c conferences) sound(db *store.DB, customerID, id string) (transcribe.Sound, error) {
	attach, empty, err := c.rooms.Listen(customerID, id)
	if err != nil {
		return transcribe.Sound{}, err
	}
	return transcribe.Sound{
		CustomerID: customerID, ReferenceType: "conference", ReferenceID: id, Attach: attach, Ended: empty,
		Emit: func(e resource.Event) { db.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) }) },
	}, nil
}
