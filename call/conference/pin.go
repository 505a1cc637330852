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
	wrongPin = "This is not the right pin. "
)

const (
	pinTries = 3
	pinTime  = 10 * time.Second // for the digits of one try, from the end of the prompt
)

// identify asks for the conference's PIN; false when the caller did not know it
// or the stay was brought to an end. Digits typed ahead count.
func (s *stay) identify(ctx context.Context, pin string) bool {
	if pin == "" {
		return true
	}
	prompt := askPin
	for range pinTries {
		s.say(ctx, prompt)
		got, err := s.digits(ctx, len(pin))
		if err != nil {
			return false
		}
		if got == pin {
			return true
		}
		prompt = wrongPin + askPin
	}
	return false
}

// digits collects one try. A pound key without digits ends none: it belongs to
// the try before, which was over when it had as many digits as the PIN.
func (s *stay) digits(ctx context.Context, length int) (string, error) {
	for {
		began := time.Now()
		got, err := s.call.Collect(ctx, length, "#", pinTime)
		if err != nil || got != "" || time.Since(began) >= pinTime {
			return got, err
		}
	}
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
