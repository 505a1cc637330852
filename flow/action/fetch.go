package action

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"offhook/flow"
)

// Fetch is the option of fetch.
type Fetch struct {
	EventURL    string `json:"event_url" required:"true" doc:"Server that answers with a JSON list of actions"`
	EventMethod string `json:"event_method" default:"POST" enum:"POST,GET," doc:"How it is asked"`
}

// Validate implements flow.Validator.
func (o *Fetch) Validate(c *flow.Check) { checkURL(c, "event_url", o.EventURL) }

// checkURL finds what can't be asked by HTTP.
func checkURL(c *flow.Check, path, text string) {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		c.Fault(path, "must be an http or https URL, not %q", text)
	}
}

// Run implements flow.Option.
func (o *Fetch) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	web, err := need(r.Host().Web, "HTTP")
	if err != nil {
		return flow.Continue(), err
	}
	reference := r.State().ReferenceID
	target, body, method := o.EventURL, []byte(nil), o.EventMethod
	if method == http.MethodGet {
		target, err = withQuery(target, url.Values{"activeflow_id": {r.ID()}, "reference_id": {reference}})
	} else {
		method = http.MethodPost
		body, err = json.Marshal(map[string]string{"activeflow_id": r.ID(), "reference_id": reference})
	}
	if err != nil {
		return flow.Continue(), err
	}
	status, answer, err := web.Send(ctx, r.CustomerID(), method, target, "application/json", body)
	switch {
	case err != nil:
		return flow.Continue(), &flow.Failure{Reason: "fetch_failed", Message: fmt.Sprintf("fetch %s: %v", o.EventURL, err)}
	case status != http.StatusOK:
		return flow.Continue(), &flow.Failure{Reason: "fetch_failed", Message: fmt.Sprintf("fetch %s: answered with status %d, not 200", o.EventURL, status)}
	}
	program, err := r.ParseNestedJSON(ctx, answer)
	if err != nil {
		return flow.Continue(), &flow.Failure{Reason: "fetch_invalid", Message: fmt.Sprintf("fetch %s: %v", o.EventURL, err)}
	}
	return flow.Push(program, o.EventURL), nil
}

func withQuery(text string, more url.Values) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", err
	}
	query := u.Query()
	for name, values := range more {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	return u.String(), nil
}
