package action

import (
	"context"

	"offhook/flow"
)

// RecordVoice is the option of record_voice.
type RecordVoice struct {
	Duration       Milliseconds `json:"duration" default:"60000" minimum:"100" maximum:"3600000" doc:"Milliseconds at most"`
	SilenceTimeout Milliseconds `json:"silence_timeout" default:"2000" minimum:"0" maximum:"600000" doc:"Milliseconds of silence after speech that end it; 0: silence does not"`
	VariableName   string       `json:"variable_name" doc:"The variable that gets the recording's id"`
	EndOfKey       string       `json:"end_of_key" default:"any" doc:"none, any, or the digits that end it"`
	Beep           bool         `json:"beep" default:"true" doc:"Begin with a beep"`
	Format         string       `json:"format" default:"wav" enum:"wav,mp3," doc:"wav or mp3"`
	OnEndFlowID    string       `json:"on_end_flow_id" doc:"The flow that runs when the recording has ended"`
}

// Validate implements flow.Validator.
func (o *RecordVoice) Validate(c *flow.Check) { checkDigits(c, "end_of_key", endKeys(o.EndOfKey)) }

// Run implements flow.Option. When the caller hangs up the recording is kept
// and its id is there for the flow that follows on completion.
func (o *RecordVoice) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	if o.VariableName != "" {
		r.SetVariable(o.VariableName, "")
	}
	recorder, err := need(r.Host().Recorder, "recording")
	if err != nil {
		return flow.Continue(), err
	}
	recording, err := recorder.RecordVoice(ctx, flow.RecordRequest{
		Format: o.Format, Direction: "in", Duration: o.Duration.Duration(), Silence: o.SilenceTimeout.Duration(),
		EndKeys: endKeys(o.EndOfKey), Beep: o.Beep, OnEndFlowID: o.OnEndFlowID,
	})
	if recording.ID != "" {
		setRecording(r, recording)
		if o.VariableName != "" {
			r.SetVariable(o.VariableName, recording.ID)
		}
	}
	return flow.Continue(), err
}
