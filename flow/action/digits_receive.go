package action

import (
	"context"

	"offhook/flow"
)

// DigitsReceive is the option of digits_receive.
type DigitsReceive struct {
	Duration Milliseconds `json:"duration" default:"10000" minimum:"0" maximum:"86400000" doc:"Milliseconds to wait for digits in all; 0: no limit"`
	Length   int          `json:"length" minimum:"0" maximum:"1000" doc:"So many digits are enough; 0: any number"`
	Key      string       `json:"key" doc:"Digits of which each ends the input and is not part of it, such as #"`
}

// Validate implements flow.Validator.
func (o *DigitsReceive) Validate(c *flow.Check) {
	checkDigits(c, "key", o.Key)
	if o.Duration == 0 && o.Length == 0 && o.Key == "" && !c.Open("length") && !c.Open("key") {
		c.Fault("duration", "would wait for ever: give duration, length or key")
	}
}

// Run implements flow.Option.
func (o *DigitsReceive) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	keypad, err := need(r.Host().Keypad, "collecting digits")
	if err != nil {
		return flow.Continue(), err
	}
	digits, err := keypad.Collect(ctx, flow.CollectRequest{Length: o.Length, Keys: o.Key, Duration: o.Duration.Duration()})
	r.SetVariable(flow.DigitsVariable, digits)
	return flow.Continue(), err
}
