package action

import (
	"context"
	"encoding/json"
	"strconv"
	"time"

	"offhook/flow"
)

// amdTimeout bounds a detection that the run does not wait for.
const amdTimeout = 2 * time.Minute

// AMD is the option of amd.
type AMD struct {
	MachineAction string          `json:"machine_action" target:"continue,hangup" doc:"After machine, fax or sit: the id of an action to go to, continue, or hangup"`
	HumanAction   string          `json:"human_action" target:"continue,hangup" doc:"After human, notsure or silence: the id of an action to go to, continue, or hangup"`
	Timeout       Milliseconds    `json:"timeout" default:"5000" minimum:"500" maximum:"60000" doc:"Milliseconds of analysis at most"`
	WaitBeep      *bool           `json:"wait_beep" doc:"Wait for the greeting's end or its beep before going to machine_action; by default when that names an action"`
	BeepTimeout   Milliseconds    `json:"beep_timeout" default:"20000" minimum:"0" maximum:"120000" doc:"Milliseconds to wait for it at most"`
	Async         bool            `json:"async" doc:"Go on at once; a later verdict only sets the variables, sends the event and may hang up"`
	MachineHandle string          `json:"machine_handle" enum:"hangup,continue," doc:"VoIPBIN's name of machine_action"`
	Thresholds    json.RawMessage `json:"thresholds" doc:"Object of the detector's named thresholds to be changed"`
}

// Validate implements flow.Validator.
func (o *AMD) Validate(c *flow.Check) {
	if o.MachineAction != "" && o.MachineHandle != "" && o.MachineAction != o.MachineHandle {
		c.Fault("machine_handle", "says something else than machine_action; give one of them")
	}
	if o.Async && isTarget(o.machine()) {
		c.Fault("machine_action", "with async the flow has gone on; only continue and hangup are possible")
	}
	if o.Async && isTarget(o.HumanAction) {
		c.Fault("human_action", "with async the flow has gone on; only continue and hangup are possible")
	}
}

func (o *AMD) machine() string {
	if o.MachineAction == "" {
		return o.MachineHandle
	}
	return o.MachineAction
}

// isTarget reports whether a verdict's action is the id of one.
func isTarget(s string) bool { return s != "" && s != "continue" && s != "hangup" }

// Run implements flow.Option.
func (o *AMD) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	detector, err := need(r.Host().Detector, "answering machine detection")
	if err != nil {
		return flow.Continue(), err
	}
	if !o.Async {
		verdict, err := o.detect(ctx, r, detector)
		if err != nil {
			return flow.Continue(), err
		}
		return o.act(r, verdict), nil
	}
	r.Beside(ctx, amdTimeout, func(ctx context.Context) {
		verdict, err := o.detect(ctx, r, detector)
		if err != nil {
			r.Logger().Warn("amd", "error", err)
			return
		}
		o.act(r, verdict)
	})
	return flow.Continue(), nil
}

// act does what the option asks for after a verdict.
func (o *AMD) act(r *flow.Run, verdict string) flow.Next {
	action := o.HumanAction
	switch verdict {
	case "machine", "fax", "sit":
		action = o.machine()
	}
	switch action {
	case "", "continue":
		return flow.Continue()
	case "hangup":
		r.Host().Call.Hangup("amd")
		return flow.Finish(flow.EndHangup)
	}
	return flow.Jump(action)
}

// detect gets a verdict, sets the variables and tells.
func (o *AMD) detect(ctx context.Context, r *flow.Run, detector flow.Detector) (string, error) {
	wait := isTarget(o.machine())
	if o.WaitBeep != nil {
		wait = *o.WaitBeep
	}
	d, err := detector.Detect(ctx, flow.DetectRequest{
		Timeout: o.Timeout.Duration(), WaitBeep: wait, BeepTimeout: o.BeepTimeout.Duration(), Thresholds: o.Thresholds,
	})
	if err != nil {
		return "", err
	}
	r.SetVariable("voipbin.amd.result", d.Result)
	r.SetVariable("voipbin.amd.cause", d.Cause)
	r.SetVariable("voipbin.amd.decided_at_ms", strconv.Itoa(d.DecidedMS))
	call := r.Host().Call.Snapshot()
	r.Emit("amd_result", "amd", call.ID, amdResult{
		CallID: call.ID, ActiveflowID: r.ID(), Result: d.Result, Cause: d.Cause,
		DecidedAtMS: d.DecidedMS, GreetingEndMS: d.GreetEnd, BeepAtMS: d.BeepAt,
	})
	return d.Result, nil
}

// amdResult is the data of the event amd_result.
type amdResult struct {
	CallID        string `json:"call_id"`
	ActiveflowID  string `json:"activeflow_id"`
	Result        string `json:"result"`
	Cause         string `json:"cause"`
	DecidedAtMS   int    `json:"decided_at_ms"`
	GreetingEndMS int    `json:"greeting_end_ms"`
	BeepAtMS      int    `json:"beep_at_ms"`
}
