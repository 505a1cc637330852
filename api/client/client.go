// Package client talks to offhook's HTTP API. It is what the command line
// uses: small, without generated code, and with errors that people can read.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client reaches one server with one access key. Its fields may be changed
// before the first request.
type Client struct {
	URL       string // such as http://127.0.0.1:8080
	Accesskey string
	HTTP      *http.Client // nil: one with a timeout of a minute
}

// Error is an error that the server answered with.
type Error struct {
	Code      int      `json:"-"` // HTTP status
	Status    string   `json:"status"`
	Reason    string   `json:"reason"`
	Message   string   `json:"message"`
	RequestID string   `json:"request_id"`
	Details   []Detail `json:"details"`
}

// Detail is one fault of what was sent.
type Detail struct {
	Path    string `json:"path"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Error implements error: the message, or one line for each fault.
func (e *Error) Error() string {
	if len(e.Details) < 2 {
		return fmt.Sprintf("%s (%s, request %s)", e.Message, e.Reason, e.RequestID)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d faults (request %s):", len(e.Details), e.RequestID)
	for _, d := range e.Details {
		fmt.Fprintf(&b, "\n  %s: %s", d.Path, d.Message)
	}
	return b.String()
}

// maxAnswer bounds what is read of one answer.
const maxAnswer = 64 << 20

// Do sends a request below /v1.0 and decodes the answer. body and answer may
// be nil; a body of json.RawMessage is sent as it is. The error is an *Error
// when the server answered one.
func (c *Client) Do(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+"/v1.0"+path, content)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.Accesskey)
	req.Header.Set("Content-Type", "application/json")
	web := c.HTTP
	if web == nil {
		web = &http.Client{Timeout: time.Minute}
	}
	res, err := web.Do(req)
	if err != nil {
		return fmt.Errorf("is the server running at %s? %w", c.URL, unwrapURL(err))
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		return failure(res, raw)
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(raw, answer); err != nil {
		return fmt.Errorf("%s %s: the answer is not what was expected: %w", method, path, err)
	}
	return nil
}

// unwrapURL takes the request's URL, which may carry a key, out of an error.
func unwrapURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// failure reads an answer that is an error.
func failure(res *http.Response, raw []byte) error {
	var envelope struct {
		Error *Error `json:"error"`
	}
	if json.Unmarshal(raw, &envelope) != nil || envelope.Error == nil {
		return fmt.Errorf("%s: this does not look like offhook: %.200s", res.Status, bytes.TrimSpace(raw))
	}
	envelope.Error.Code = res.StatusCode
	return envelope.Error
}

// Applied is what became of one object of a provisioning file.
type Applied struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	Action     string `json:"action"` // created, updated or unchanged
}

// Apply creates or updates the objects of a provisioning file: lists of bodies
// by collection, each with its id. Objects without faults are applied even
// when others have some; the *Error lists those.
func (c *Client) Apply(ctx context.Context, file map[string][]json.RawMessage) ([]Applied, error) {
	var answer struct {
		Result []Applied `json:"result"`
	}
	err := c.Do(ctx, http.MethodPost, "/provision", file, &answer)
	return answer.Result, err
}
