package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

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
			place := f.Path
			if place == "" {
				place = "$" // the document
			}
			fmt.Fprintf(p.stdout, "%s: %s: %s (%s)\n", name, place, f.Message, f.Reason)
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
	var document map[string]json.RawMessage
	actions, faults := json.RawMessage(raw), []flow.Fault(nil)
	if err := json.Unmarshal(raw, &document); err == nil {
		faults = strangers(document)
		if list, ok := document["actions"]; ok {
			actions = list
		}
	}
	_, err = flow.ParseJSON(actions, action.Verbs)
	var found *flow.Faults
	if errors.As(err, &found) {
		return append(faults, found.Faults...), nil
	}
	return faults, err
}

// What POST /flows takes, and POST /calls, which brings actions along.
var (
	flowFields = strings.Fields("id customer_id type name detail actions on_complete_flow_id webhook_uri webhook_method")
	callFields = strings.Fields("id customer_id actions source destinations early_execution anonymous variables")
)

// strangers finds the fields of a document that the API would refuse.
func strangers(document map[string]json.RawMessage) []flow.Fault {
	known := flowFields
	if _, ok := document["destinations"]; ok {
		known = callFields
	}
	var faults []flow.Fault
	for _, name := range slices.Sorted(maps.Keys(document)) {
		if !slices.Contains(known, name) {
			faults = append(faults, flow.Fault{Path: name, Reason: flow.FaultUnknownField, Message: fmt.Sprintf("unknown field %q", name)})
		}
	}
	return faults
}
