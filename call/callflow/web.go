package callflow

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// Web sends the HTTP requests of flows, signed as webhooks are. It implements
// flow.Web.
type Web struct {
	DB     *store.DB
	Client *http.Client // bounded in time, size and in what it may reach
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// Send implements flow.Web.
func (w Web) Send(ctx context.Context, customerID, method, uri, contentType string, body []byte) (int, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, uri, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	req.Header.Set("User-Agent", "offhook")
	id, stamp := resource.NewID(), strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", stamp)
	if c, err := rows.Customers.Load(ctx, w.DB, customerID, customerID); err == nil && c.WebhookSecret != "" {
		req.Header.Set("webhook-signature", "v1,"+event.StandardSignature(c.WebhookSecret, id, stamp, body))
		req.Header.Set("X-VoIPBIN-Signature", event.PlainSignature(c.WebhookSecret, body))
	}
	res, err := w.Client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return res.StatusCode, nil, err
	}
	if len(answer) > maxAnswer {
		return res.StatusCode, nil, fmt.Errorf("the answer is larger than %d bytes", maxAnswer)
	}
	return res.StatusCode, answer, nil
}
