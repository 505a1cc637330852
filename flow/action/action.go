// Package action is offhook's verbs: one file each, with the option's struct,
// whose tags are its documentation, and the straight-line code that does it.
// Table is the one place that lists them; schema, documentation and hints are
// derived from it.
package action

import (
	"time"

	"offhook/flow"
)

// Milliseconds is a duration as options write it.
type Milliseconds int

// Duration converts.
func (m Milliseconds) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Seconds is a duration as options write it.
type Seconds int

// Duration converts.
func (s Seconds) Duration() time.Duration { return time.Duration(s) * time.Second }

// need returns a service of the host, or the failure that tells that this run
// has none.
func need[T comparable](service T, what string) (T, error) {
	var none T
	if service == none {
		return none, &flow.Failure{Reason: "not_available", Message: what + " is not available in this run"}
	}
	return service, nil
}
