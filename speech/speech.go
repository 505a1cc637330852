// Package speech turns text into audio. An engine is a folder of its own and
// implements Synthesizer; Cache stands before one and shares what it made.
package speech

import (
	"context"
	"errors"
	"fmt"

	"offhook/media/audio"
)

// Request asks for one text to be spoken.
type Request struct {
	Text     string // plain, or SSML when it starts with <speak
	Language string // BCP 47; empty: the engine's default
	Voice    string // the engine's own name; empty: one that fits the language
	Provider string // a wish for an engine by name; engines ignore it
}

// Synthesizer is a text-to-speech engine. Safe for concurrent use.
type Synthesizer interface {
	// Synthesize returns as soon as the first audio is there; the clip goes
	// on growing until it is complete or fails (its Err). Cancelling ctx stops
	// the work, also after the return. A text without words gives a clip
	// without audio. Errors wrap ErrUnavailable where the operator must act.
	Synthesize(ctx context.Context, r Request) (*audio.Clip, error)
}

// ErrUnavailable is wrapped by errors of an engine that cannot work as it is
// set up; the message says what to install or to configure.
var ErrUnavailable = errors.New("speech engine is not available")

// ErrNotConfigured is an ErrUnavailable for want of a setting.
var ErrNotConfigured = fmt.Errorf("%w: not configured", ErrUnavailable)

// ErrText is wrapped by errors about a text that cannot be spoken.
var ErrText = errors.New("text cannot be spoken")

// MaxText is the longest text in bytes that engines take: about 20 minutes.
const MaxText = 20000

// CheckText refuses what no engine speaks, with ErrText.
func CheckText(text string) error {
	if len(text) > MaxText {
		return fmt.Errorf("%w: %d bytes, at most %d are spoken at once", ErrText, len(text), MaxText)
	}
	return nil
}

// Silent is a complete clip without audio.
func Silent(rate int) *audio.Clip {
	c := audio.NewClip(rate)
	c.Close(nil)
	return c
}
