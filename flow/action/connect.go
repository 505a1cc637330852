package action

import (
	"context"

	"offhook/flow"
	"offhook/resource"
)

// defaultRing is how long connect rings when nothing else is said.
const defaultRing Milliseconds = 60000

// Whisper is what the callee of connect hears alone before the conversation.
type Whisper struct {
	Enabled       bool         `json:"enabled" default:"true" doc:"false: connect at once"`
	Message       string       `json:"message" doc:"Said to the callee"`
	Language      string       `json:"language" default:"en-US" doc:"Language of the message, as BCP 47 has it"`
	PlayRecording string       `json:"play_recording" doc:"Recording to play after the message: its id or a URL"`
	AcceptKey     string       `json:"accept_key" default:"1" doc:"Digit that connects"`
	RejectKey     string       `json:"reject_key" default:"2" doc:"Digit that ends the callee's call"`
	Timeout       Milliseconds `json:"timeout" default:"10000" minimum:"0" maximum:"600000" doc:"Milliseconds to wait for a digit; then the callee's call ends"`
}

// Connect is the option of connect.
type Connect struct {
	Source       *resource.Address  `json:"source" doc:"Who the callee sees; by default who the call is from"`
	Destinations []resource.Address `json:"destinations" required:"true" doc:"Who to ring: all at once, the first to answer is connected"`
	RingTimeout  Milliseconds       `json:"ring_timeout" default:"60000" minimum:"1000" maximum:"600000" doc:"Milliseconds to ring"`
	EarlyMedia   bool               `json:"early_media" doc:"The caller hears the callee's sound before the answer"`
	RelayReason  bool               `json:"relay_reason" doc:"End the call with the cause with which the callee's ended"`
	Anonymous    string             `json:"anonymous" enum:"yes,no,auto," doc:"Hide the caller's number"`
	Whisper      *Whisper           `json:"whisper" doc:"What the callee hears alone before being connected"`
	Variables    map[string]string  `json:"variables" doc:"Variables of the callee's side"`
}

// Validate implements flow.Validator.
func (o *Connect) Validate(c *flow.Check) {
	checkDestinations(c, o.Destinations)
	if w := o.Whisper; w != nil {
		checkDigits(c, "whisper.accept_key", w.AcceptKey)
		checkDigits(c, "whisper.reject_key", w.RejectKey)
		if w.Enabled && w.AcceptKey == w.RejectKey && !c.Open("whisper.accept_key") && !c.Open("whisper.reject_key") {
			c.Fault("whisper.reject_key", "must differ from accept_key")
		}
	}
}

// Run implements flow.Option.
func (o *Connect) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	connector, err := need(r.Host().Connector, "connecting")
	if err != nil {
		r.SetVariable(flow.ConnectResultVariable, "failed")
		return flow.Continue(), err
	}
	result, err := connector.Connect(ctx, flow.ConnectRequest{
		Source: o.Source, Destinations: o.Destinations, RingTimeout: o.RingTimeout.Duration(),
		EarlyMedia: o.EarlyMedia, RelayReason: o.RelayReason, Anonymous: o.Anonymous,
		Whisper: o.Whisper.request(), Variables: o.Variables,
	})
	r.SetVariable(flow.ConnectResultVariable, result.Result)
	r.SetVariable("voipbin.connect.call_id", result.CallID)
	return flow.Continue(), err
}

// request makes what a connector understands of w; nil when there is nothing.
func (w *Whisper) request() *flow.Whisper {
	if w == nil || !w.Enabled {
		return nil
	}
	return &flow.Whisper{
		Message: w.Message, Language: w.Language, PlayRecording: w.PlayRecording,
		AcceptKey: w.AcceptKey, RejectKey: w.RejectKey, Timeout: w.Timeout.Duration(),
	}
}
