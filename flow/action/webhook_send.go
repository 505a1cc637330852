package action

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"offhook/flow"
)

// webhookTimeout bounds a message that the run does not wait for.
const webhookTimeout = time.Minute

// WebhookSend is the option of webhook_send.
type WebhookSend struct {
	Sync     bool   `json:"sync" doc:"Wait for the answer and set voipbin.webhook.status and voipbin.webhook.body from it"`
	URI      string `json:"uri" required:"true" doc:"Where to send"`
	Method   string `json:"method" default:"POST" enum:"POST,GET,PUT,DELETE,PATCH," doc:"HTTP method"`
	DataType string `json:"data_type" default:"application/json" doc:"Content-Type of data"`
	Data     string `json:"data" doc:"What to send; variables are filled in as they are, without escaping"`
}

// Validate implements flow.Validator.
func (o *WebhookSend) Validate(c *flow.Check) { checkURL(c, "uri", o.URI) }

// Run implements flow.Option. Without sync the message outlives the call.
func (o *WebhookSend) Run(ctx context.Context, r *flow.Run) (flow.Next, error) {
	web, err := need(r.Host().Web, "HTTP")
	if err != nil {
		return flow.Continue(), err
	}
	if o.Sync {
		return flow.Continue(), o.send(ctx, r, web)
	}
	r.Go(webhookTimeout, func(ctx context.Context) {
		if err := o.send(ctx, r, web); err != nil {
			r.Logger().Warn("webhook_send", "error", err)
		}
	})
	return flow.Continue(), nil
}

func (o *WebhookSend) send(ctx context.Context, r *flow.Run, web flow.Web) error {
	method := o.Method
	if method == "" {
		method = http.MethodPost
	}
	status, answer, err := web.Send(ctx, r.CustomerID(), method, o.URI, o.DataType, []byte(o.Data))
	if err != nil {
		status, answer = 0, nil
	}
	if o.Sync {
		r.SetVariable("voipbin.webhook.status", strconv.Itoa(status))
		r.SetVariable("voipbin.webhook.body", string(answer))
	}
	switch {
	case err != nil:
		return &flow.Failure{Reason: "webhook_failed", Message: fmt.Sprintf("%s %s: %v", method, o.URI, err)}
	case status >= http.StatusMultipleChoices:
		return &flow.Failure{Reason: "webhook_failed", Message: fmt.Sprintf("%s %s: answered with status %d", method, o.URI, status)}
	}
	return nil
}
