package action

import (
	"context"

	"offhook/flow"
	"offhook/resource"
)

// RecordStart is the option of record_start.
type RecordStart struct {
	Direction      string       `json:"direction" default:"both" enum:"in,out,both," doc:"in: what the party says, out: what it hears, both: one stereo file, left in and right out"`
	Format         string       `json:"format" default:"wav" enum:"wav,mp3," doc:"wav or mp3"`
	Mix            bool         `json:"mix" doc:"Both directions in one channel"`
	Duration       Seconds      `json:"duration" minimum:"0" maximum:"86400" doc:"Seconds; 0: until the end of the call or record_stop"`
	EndOfSilence   Seconds      `json:"end_of_silence" minimum:"0" maximum:"3600" doc:"Seconds of silence that end it; 0: never"`
	SilenceTimeout Milliseconds `json:"silence_timeout" minimum:"0" maximum:"3600000" doc:"The same in milliseconds"`
	EndOfKey       string       `json:"end_of_key" default:"none" doc:"none, any, or the digits that end it"`
	BeepStart      bool         `json:"beep_start" doc:"Begin with a beep"`
	OnEndFlowID    string       `json:"on_end_flow_id" doc:"The flow that runs when the recording has ended"`
}

// Validate implements flow.Validator.
func (o *RecordStart) Validate(c *flow.Check) { checkDigits(c, "end_of_key", endKeys(o.EndOfKey)) }

// endKeys returns the digits that an end_of_key stands for.
func endKeys(option string) string {
	switch option {
	case "none":
		return ""
	case "any":
		return allDigits
	}
	return option
}

// Run implements flow.Option.
func (o *RecordStart) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	recorder, err := need(r.Host().Recorder, "recording")
	if err != nil {
		return flow.Continue(), err
	}
	recording, err := recorder.RecordStart(ctx, flow.RecordRequest{
		Format: o.Format, Direction: o.Direction, Mix: o.Mix, Duration: o.Duration.Duration(),
		Silence: max(o.EndOfSilence.Duration(), o.SilenceTimeout.Duration()), EndKeys: endKeys(o.EndOfKey),
		Beep: o.BeepStart, OnEndFlowID: o.OnEndFlowID,
	})
	if err == nil {
		setRecording(r, recording)
	}
	return flow.Continue(), err
}

// setRecording sets the variables that tell of a recording.
func setRecording(r *flow.Run, recording resource.Recording) {
	r.SetVariable("voipbin.recording.id", recording.ID)
	r.SetVariable("voipbin.recording.reference_type", recording.ReferenceType)
	r.SetVariable("voipbin.recording.reference_id", recording.ReferenceID)
	r.SetVariable("voipbin.recording.format", recording.Format)
	r.SetVariable("voipbin.recording.recording_name", recording.ID)
	r.SetVariable("voipbin.recording.filenames", recording.ID+"."+recording.Format)
	r.SetVariable("voipbin.recording.url", recording.URL)
}
