package conference

import (
	"context"
	"time"

	"offhook/call"
	"offhook/speech"
)

// What a caller who needs a PIN is told.
const (
	askPin   = "Please enter the pin of the conference, followed by the pound key."
	wrongPin = "This is not the right pin."
)

const (
	pinTries = 3
	pinTime  = 15 * time.Second // for each try, from the end of the prompt
)

// identify asks for the conference's PIN; false when the caller did not know it
// or the stay was brought to an end. Digits typed ahead count for the first try.
func (s *stay) identify(ctx context.Context, pin string) bool {
	if pin == "" {
		return true
	}
	for range pinTries {
		s.say(ctx, askPin)
		got, err := s.call.Collect(ctx, len(pin), "#", pinTime)
		if err != nil {
			return false
		}
		if got == pin {
			return true
		}
		s.say(ctx, wrongPin)
		if _, err := s.call.Collect(ctx, 0, "", 0); err != nil { // forget the rest of what was typed
			return false
		}
	}
	return false
}

// say speaks to the caller alone until a key stops it; without a speech engine
// a beep stands for the words.
func (s *stay) say(ctx context.Context, text string) {
	err := s.call.Play(ctx, call.Prompt{Kind: call.PromptText, Text: speech.Request{Text: text, Language: "en-US"}, StopOnDigit: true})
	if err != nil && ctx.Err() == nil {
		if err := s.call.Play(ctx, call.Prompt{Kind: call.PromptBeep}); err != nil {
			s.rooms.cfg.Logger.Debug("prompt for a pin", "call", s.call.ID(), "error", err)
		}
	}
}
