package assistant

import (
	"time"

	"offhook/resource"
)

// turnClock measures one turn: how long after the party's last word things
// happened.
type turnClock struct {
	voice time.Time // zero: this turn is not measured
	turn  resource.AITurn
}

// begin starts a turn with what the party said.
func (c *turnClock) begin(in input) {
	*c = turnClock{voice: in.voice}
	if in.voice.IsZero() {
		return
	}
	start := in.voice.UTC()
	c.turn = resource.AITurn{TMStart: &start, TranscriptMS: c.since(in.known), FirstTokenMS: -1, FirstAudioMS: -1, OnWireMS: -1}
}

func (c *turnClock) since(at time.Time) int { return int(at.Sub(c.voice).Milliseconds()) }

// sound notes that a piece of speech is there.
func (c *turnClock) sound(p piece) {
	if c.voice.IsZero() || c.turn.FirstAudioMS >= 0 {
		return
	}
	c.turn.FirstAudioMS = c.since(time.Now())
	if !p.token.IsZero() {
		c.turn.FirstTokenMS = c.since(p.token)
	}
}

// wire notes when the party could hear it.
func (c *turnClock) wire(at time.Time) {
	if !c.voice.IsZero() && !at.IsZero() && c.turn.OnWireMS < 0 {
		c.turn.OnWireMS = c.since(at)
	}
}

// finish tells the turn, once.
func (c *turnClock) finish(b book) {
	if !c.voice.IsZero() {
		b.turn(c.turn)
	}
	c.voice = time.Time{}
}
