package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Error is every error that the API answers with. Its JSON is the envelope
// {"error": {...}} of the contract; Code is the HTTP status that matches.
type Error struct {
	Code       int      `json:"-"`
	RetryAfter int      `json:"-"` // seconds; 0: no header
	Status     string   `json:"status" doc:"Class of the error, one for each HTTP status" example:"INVALID_ARGUMENT"`
	Reason     string   `json:"reason" doc:"What went wrong, for programs" example:"FLOW_NOT_FOUND"`
	Message    string   `json:"message" doc:"What to mend, for people"`
	RequestID  string   `json:"request_id" doc:"Also the X-Request-Id header; the server's log has it too"`
	Details    []Detail `json:"details" doc:"One entry for each fault of the request"`
}

// Detail is one fault of a request.
type Detail struct {
	Path    string `json:"path" doc:"Where in the body, such as actions[2].option.text"`
	Reason  string `json:"reason" doc:"What went wrong, for programs"`
	Message string `json:"message" doc:"What to mend, for people"`
}

// envelope is how an Error looks on the wire.
type envelope struct {
	Error *Error `json:"error"`
}

// Error implements error.
func (e *Error) Error() string {
	if len(e.Details) == 0 {
		return e.Reason + ": " + e.Message
	}
	lines := []string{e.Reason + ": " + e.Message}
	for _, d := range e.Details {
		lines = append(lines, fmt.Sprintf("  %s: %s", d.Path, d.Message))
	}
	return strings.Join(lines, "\n")
}

// Refusal is what the live side's errors implement to be answered with a
// status and reason of their own, such as FAILED_PRECONDITION and
// CALL_STATE_INVALID. The status is one of those in codes.
type Refusal interface {
	error
	Refusal() (status, reason string)
}

// codes maps the status words of the envelope to HTTP.
var codes = map[string]int{
	"INVALID_ARGUMENT":    http.StatusBadRequest,
	"UNAUTHENTICATED":     http.StatusUnauthorized,
	"PERMISSION_DENIED":   http.StatusForbidden,
	"NOT_FOUND":           http.StatusNotFound,
	"METHOD_NOT_ALLOWED":  http.StatusMethodNotAllowed,
	"ALREADY_EXISTS":      http.StatusConflict,
	"FAILED_PRECONDITION": http.StatusConflict,
	"PAYLOAD_TOO_LARGE":   http.StatusRequestEntityTooLarge,
	"RESOURCE_EXHAUSTED":  http.StatusTooManyRequests,
	"INTERNAL":            http.StatusInternalServerError,
	"UNAVAILABLE":         http.StatusServiceUnavailable,
}

func newError(status, reason, format string, args ...any) *Error {
	return &Error{Code: codes[status], Status: status, Reason: reason, Message: fmt.Sprintf(format, args...), Details: []Detail{}}
}

// notFound says that a customer has no such object. It is the same answer for
// objects of other customers.
func notFound(name, id string) *Error {
	return newError("NOT_FOUND", reasonOf(name)+"_NOT_FOUND", "there is no %s %q", name, id)
}

func precondition(reason, format string, args ...any) *Error {
	return newError("FAILED_PRECONDITION", reason, format, args...)
}

func notConfigured(what string) *Error {
	return newError("UNAVAILABLE", "NOT_CONFIGURED", "%s: not configured on this server", what)
}

// invalid makes one error of all faults of a request, in the order of the body.
func invalid(faults []Detail) *Error {
	slices.SortStableFunc(faults, func(a, b Detail) int { return comparePaths(a.Path, b.Path) })
	e := newError("INVALID_ARGUMENT", faults[0].Reason, "%s", faults[0].line())
	e.Details = faults
	if n := len(faults) - 1; n > 0 {
		e.Reason = "INVALID_ARGUMENT"
		e.Message += fmt.Sprintf(" (and %d more, see details)", n)
	}
	return e
}

func (d Detail) line() string {
	if d.Path == "" {
		return d.Message
	}
	return d.Path + ": " + d.Message
}

// reasonOf turns a resource's name into the begin of its reasons.
func reasonOf(name string) string {
	if name == "outdialtarget" {
		return "OUTDIAL_TARGET" // as VoIPBIN writes it
	}
	return strings.ToUpper(name)
}

// comparePaths orders actions[2] before actions[10].
func comparePaths(a, b string) int {
	split := func(r rune) bool { return r == '.' || r == '[' || r == ']' }
	as, bs := strings.FieldsFunc(a, split), strings.FieldsFunc(b, split)
	for i := range min(len(as), len(bs)) {
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		c := strings.Compare(as[i], bs[i])
		if errX == nil && errY == nil {
			c = x - y
		}
		if c != 0 {
			return c
		}
	}
	return len(as) - len(bs)
}

// asError makes an answer of any error. What it does not know is INTERNAL and
// says nothing of the cause; unexpected reports that it should be logged.
func asError(err error) (answer *Error, unexpected bool) {
	var e *Error
	if errors.As(err, &e) {
		return e, false
	}
	var r Refusal
	if errors.As(err, &r) {
		status, reason := r.Refusal()
		if _, ok := codes[status]; ok {
			return newError(status, reason, "%s", r.Error()), status == "INTERNAL"
		}
	}
	return newError("INTERNAL", "INTERNAL", "the server failed; its log has the cause under this request_id"), true
}

// write sends the error as the answer.
func (e *Error) write(w http.ResponseWriter) {
	e.RequestID = w.Header().Get("X-Request-Id")
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Del("Content-Length")
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(e.RetryAfter))
	}
	if e.Code == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="offhook"`)
	}
	w.WriteHeader(e.Code)
	json.NewEncoder(w).Encode(envelope{e}) // the client may be gone; nothing to do then
}

// Refuse gives an error of the live side the status and reason that it is
// answered with, such as FAILED_PRECONDITION and CALL_STATE_INVALID. The
// message is the cause's.
func Refuse(status, reason string, cause error) error { return refusal{cause, status, reason} }

type refusal struct {
	error
	status, reason string
}

func (r refusal) Refusal() (status, reason string) { return r.status, r.reason }
func (r refusal) Unwrap() error                    { return r.error }
