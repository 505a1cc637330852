package action

import (
	"context"
	"strings"

	"offhook/flow"
)

// DigitsSend is the option of digits_send.
type DigitsSend struct {
	Digits   string       `json:"digits" required:"true" doc:"0 to 9, A to D, * and #; at most 100"`
	Duration Milliseconds `json:"duration" default:"100" minimum:"40" maximum:"1000" doc:"Milliseconds that each digit sounds"`
	Interval Milliseconds `json:"interval" default:"100" minimum:"0" maximum:"5000" doc:"Milliseconds between digits"`
}

const allDigits = "0123456789*#ABCD"

// checkDigits finds what is not on a keypad.
func checkDigits(c *flow.Check, path, digits string) {
	if strings.Trim(strings.ToUpper(digits), allDigits) != "" {
		c.Fault(path, "must be made of 0 to 9, A to D, * and #, not %q", digits)
	}
}

// Validate implements flow.Validator.
func (o *DigitsSend) Validate(c *flow.Check) {
	checkDigits(c, "digits", o.Digits)
	if len(o.Digits) > 100 {
		c.Fault("digits", "at most 100 digits, not %d", len(o.Digits))
	}
}

// Run implements flow.Option.
func (o *DigitsSend) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	keypad, err := need(r.Host().Keypad, "sending digits")
	if err != nil {
		return flow.Continue(), err
	}
	return flow.Continue(), keypad.Send(ctx, strings.ToUpper(o.Digits), o.Duration.Duration(), o.Interval.Duration())
}
