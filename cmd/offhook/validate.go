package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"offhook/flow"
	"offhook/flow/action"
)

// validateCommand checks flows offline.
type validateCommand struct {
	Files []string `arg:"" name:"flow.json" help:"Files with a flow ({\"actions\": [...]}) or a bare list of actions."`
}

// Run prints a line for each fault, "file: place: message", and one for each
// file without any.
func (v validateCommand) Run(p program) error {
	bad := 0
	for _, name := range v.Files {
		faults, err := validateFile(name)
		if err != nil {
			return err
		}
		if len(faults) == 0 {
			fmt.Fprintf(p.stdout, "%s: ok\n", name)
			continue
		}
		bad++
		for _, f := range faults {
			fmt.Fprintf(p.stdout, "%s: %s: %s (%s)\n", name, f.Path, f.Message, f.Reason)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d files have faults", bad, len(v.Files))
	}
	return nil
}

func validateFile(name string) ([]flow.Fault, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var document struct {
		Actions json.RawMessage `json:"actions"`
	}
	actions := json.RawMessage(raw)
	if err := json.Unmarshal(raw, &document); err == nil && document.Actions != nil {
		actions = document.Actions
	}
	_, err = flow.ParseJSON(actions, action.Verbs)
	var faults *flow.Faults
	if errors.As(err, &faults) {
		return faults.Faults, nil
	}
	return nil, err
}
