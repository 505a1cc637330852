package flow

import (
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"sync"

	"offhook/resource"
)

// prefix begins the names of built-in variables, which may be read without it.
const prefix = "voipbin."

// Names of variables that the engine and its verbs set.
const (
	DigitsVariable        = "voipbin.call.digits"
	ConnectResultVariable = "voipbin.connect.result"
	completeCountVariable = "voipbin.activeflow.complete_count"
)

// Bounds of a run's variables; what does not fit is cut or left out.
const (
	MaxVariables     = 1000
	MaxVariableBytes = 64 << 10 // of one value
)

// variables is what a run knows, safe for concurrent use.
type variables struct {
	mu     sync.Mutex
	values map[string]string
	call   Call // for what changes during a call; may be nil
}

// lookup finds a variable by its name or by its name without the prefix.
// Unknown variables are empty.
func (v *variables) lookup(name string) (string, bool) {
	v.mu.Lock()
	value, ok := v.values[name]
	if !ok {
		value, ok = v.values[prefix+name]
	}
	v.mu.Unlock()
	if ok {
		return value, true
	}
	return v.live(strings.TrimPrefix(name, prefix))
}

// live finds variables that are what the call is at this moment.
func (v *variables) live(name string) (string, bool) {
	if v.call == nil {
		return "", false
	}
	switch name {
	case "call.status":
		return v.call.Snapshot().Status, true
	case "flow.reference_data":
		raw, err := json.Marshal(v.call.Snapshot())
		return string(raw), err == nil
	}
	return "", false
}

// set sets a variable; a value that is too long is cut, and a new name above
// the bound is not set.
func (v *variables) set(name, value string) {
	if len(value) > MaxVariableBytes {
		value = strings.ToValidUTF8(value[:MaxVariableBytes], "")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if _, known := v.values[name]; known || len(v.values) < MaxVariables {
		v.values[name] = value
	}
}

// clear empties the variable that lookup finds.
func (v *variables) clear(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, n := range []string{name, prefix + name} {
		if _, known := v.values[n]; known {
			v.values[n] = ""
			return
		}
	}
}

func (v *variables) snapshot() map[string]string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.values)
}

// usualVariables is room for what every run on a call knows and some more.
const usualVariables = 24

// begin takes what the run is given.
func (v *variables) begin(given map[string]string) {
	v.values = make(map[string]string, len(given)+usualVariables)
	maps.Copy(v.values, given)
}

// seedRun sets what is known of the run itself.
func (v *variables) seedRun(a resource.Activeflow, completeCount int) {
	v.values["voipbin.activeflow.id"] = a.ID
	v.values["voipbin.activeflow.reference_type"] = a.ReferenceType
	v.values["voipbin.activeflow.reference_id"] = a.ReferenceID
	v.values["voipbin.activeflow.reference_activeflow_id"] = a.ReferenceActiveflowID
	v.values["voipbin.activeflow.flow_id"] = a.FlowID
	v.values[completeCountVariable] = strconv.Itoa(completeCount)
}

// seedCall sets what is known of the call when the run starts. Nobody has pressed
// a key yet, whatever the run was given.
func (v *variables) seedCall(c resource.Call) {
	v.values["voipbin.call.id"] = c.ID
	v.values["voipbin.call.direction"] = c.Direction
	v.values["voipbin.call.master_call_id"] = c.MasterCallID
	v.values[DigitsVariable] = ""
	v.values["voipbin.call.source.type"] = c.Source.Type
	v.values["voipbin.call.source.target"] = c.Source.Target
	v.values["voipbin.call.source.target_name"] = c.Source.TargetName
	v.values["voipbin.call.source.name"] = c.Source.Name
	v.values["voipbin.call.source.detail"] = c.Source.Detail
	v.values["voipbin.call.destination.type"] = c.Destination.Type
	v.values["voipbin.call.destination.target"] = c.Destination.Target
	v.values["voipbin.call.destination.target_name"] = c.Destination.TargetName
	v.values["voipbin.call.destination.name"] = c.Destination.Name
	v.values["voipbin.call.destination.detail"] = c.Destination.Detail
}

// settle keeps what the call was when it ended, for flows that follow.
func (v *variables) settle(c resource.Call) {
	v.set(prefix+"call.status", c.Status)
	v.set(prefix+"call.hangup_by", c.HangupBy)
	v.set(prefix+"call.hangup_reason", c.HangupReason)
	v.set(prefix+"call.duration", strconv.Itoa(c.Duration))
	if raw, err := json.Marshal(c); err == nil {
		v.set(prefix+"flow.reference_data", string(raw))
	}
}
