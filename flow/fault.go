package flow

import (
	"fmt"
	"strconv"
	"strings"
)

// Reasons of faults, for programs.
const (
	FaultUnknownAction  = "INVALID_ACTION_TYPE" // as VoIPBIN has it
	FaultUnknownField   = "UNKNOWN_FIELD"
	FaultUnknownTarget  = "UNKNOWN_TARGET"
	FaultMissingField   = "MISSING_FIELD"
	FaultWrongType      = "WRONG_TYPE"
	FaultInvalidValue   = "INVALID_VALUE"
	FaultInvalidJSON    = "INVALID_JSON"
	FaultDuplicateField = "DUPLICATE_FIELD"
	FaultDuplicateID    = "DUPLICATE_ID"
)

// Fault is one thing that is wrong in a document.
type Fault struct {
	Path    string `json:"path"`    // as in actions[3].option.target_ids.1
	Reason  string `json:"reason"`  // one of the Fault… constants
	Message string `json:"message"` // what to mend
}

// Faults is everything that is wrong in a document, in the order of the
// document. As an error it is never empty.
type Faults struct {
	Faults []Fault
}

// Error implements error: one line a fault.
func (f *Faults) Error() string {
	lines := make([]string, len(f.Faults))
	for i, one := range f.Faults {
		lines[i] = one.Path + ": " + one.Message
	}
	return strings.Join(lines, "\n")
}

// maxFaults bounds the list for documents that are all wrong.
const maxFaults = 1000

func (f *Faults) add(path, reason, format string, args ...any) {
	if len(f.Faults) >= maxFaults {
		return
	}
	f.Faults = append(f.Faults, Fault{Path: path, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// err returns f, or nil when nothing is wrong.
func (f *Faults) err() error {
	if len(f.Faults) == 0 {
		return nil
	}
	return f
}

// Check gathers what an option's Validate finds. Paths are relative to the
// option.
type Check struct {
	path   string
	faults *Faults
	open   map[string]bool // fields whose value only a run will know
}

// Fault tells that the field at path is wrong. It tells nothing while the
// field's value is still a variable; it will be checked when the action runs.
func (c *Check) Fault(path, format string, args ...any) {
	c.report(path, FaultInvalidValue, format, args...)
}

// Missing tells that the field at path has to be given.
func (c *Check) Missing(path, format string, args ...any) {
	c.report(path, FaultMissingField, format, args...)
}

// Open reports whether the value of the field at path is still a variable.
func (c *Check) Open(path string) bool { return c.open[join(c.path, path)] }

func (c *Check) report(path, reason, format string, args ...any) {
	full := join(c.path, path)
	if !c.open[full] {
		c.faults.add(full, reason, format, args...)
	}
}

func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "":
		return path
	default:
		return path + "." + name
	}
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// nearest returns the candidate that word was probably meant to be, or "".
func nearest(word string, candidates []string) string {
	best, least := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), c); d < least {
			best, least = c, d
		}
	}
	return best
}

// hint is the tail of a message that proposes the nearest candidate.
func hint(word string, candidates []string) string {
	if near := nearest(word, candidates); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// distance counts the letters to insert, delete, replace or swap between a and
// b (optimal string alignment). Long words are not compared.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
