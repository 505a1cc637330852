package event

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"offhook/resource"
)

// attempt tries a delivery once.
func (w *Webhooks) attempt(ctx context.Context, d resource.Delivery, tries int) outcome {
	select {
	case w.slots <- struct{}{}:
		defer func() { <-w.slots }()
	case <-ctx.Done():
		return broken
	}
	running := ctx
	ctx, cancel := context.WithTimeout(ctx, w.o.Timeout)
	defer cancel()
	c, err := w.o.Customer(ctx, d.CustomerID)
	var req *http.Request
	if err == nil {
		uri, method := d.URI, d.Event.Webhook
		if uri == "" {
			uri, method = c.WebhookURI, c.WebhookMethod
		}
		if uri == "" {
			w.discarded.Add(1)
			return discarded
		}
		req, err = request(ctx, d.Event, uri, method, c.WebhookSecret)
	}
	got := refused
	if err == nil {
		got, err = w.send(req)
	}
	switch {
	case err == nil:
		w.delivered.Add(1)
		return delivered
	case running.Err() != nil:
		return broken
	}
	w.failed.Add(1)
	if tries == 0 || tries%20 == 0 {
		w.o.Logger.Warn("webhook not delivered, will be tried again", "event", d.Event.ID, "type", d.Event.Type,
			"customer", d.CustomerID, "host", hostOf(req), "tries", tries+1, "error", withoutURL(err))
	}
	return got
}

// send asks for a 2xx.
func (w *Webhooks) send(req *http.Request) (outcome, error) {
	res, err := w.o.Client.Do(req)
	if err != nil {
		return silent, err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return refused, fmt.Errorf("answered %s", res.Status)
	}
	return delivered, nil
}

func (w *Webhooks) giveUp(d resource.Delivery, tries int) {
	w.expired.Add(1)
	w.o.Logger.Error("webhook given up", "event", d.Event.ID, "type", d.Event.Type, "customer", d.CustomerID,
		"age", time.Since(d.Event.Time).Round(time.Second), "tries", tries)
}

// request makes a delivery's HTTP request, signed when there is a secret.
func request(ctx context.Context, e resource.Event, uri, method, secret string) (*http.Request, error) {
	body, err := json.Marshal(e)
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.ID, err)
	}
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, uri, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "offhook")
	req.Header.Set("webhook-id", e.ID)
	req.Header.Set("webhook-timestamp", stamp)
	if secret != "" {
		req.Header.Set("webhook-signature", "v1,"+StandardSignature(secret, e.ID, stamp, body))
		req.Header.Set("X-VoIPBIN-Signature", PlainSignature(secret, body))
	}
	return req, nil
}

// hostOf is what logs say of an address: paths and queries may hold secrets.
func hostOf(req *http.Request) string {
	if req == nil {
		return ""
	}
	return req.URL.Host
}

// withoutURL takes the address out of an HTTP client's error.
func withoutURL(err error) error {
	if u, ok := err.(*url.Error); ok {
		return u.Err
	}
	return err
}

// Backoff is the pause after a failed attempt, counted from 0: 1, 2, 4 and 8 s,
// then every 10 s for two minutes, then doubling up to 5 min; each up to a
// fifth shorter, so that not everything comes at once.
func Backoff(tries int) time.Duration {
	var d time.Duration
	switch {
	case tries < 4:
		d = time.Second << tries
	case tries < 16:
		d = 10 * time.Second
	default:
		d = min(20*time.Second<<min(tries-16, 10), 5*time.Minute)
	}
	return d - time.Duration(rand.Int64N(int64(d)/5+1))
}

// StandardSignature is the base64 HMAC-SHA256 of "id.timestamp.body" under the
// key that follows whsec_ in base64, as Standard Webhooks has it. A secret that
// is no base64 is the key itself.
func StandardSignature(secret, id, timestamp string, body []byte) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		key = []byte(secret)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// PlainSignature is VoIPBIN's header: the hex HMAC-SHA256 of the body under
// the secret as it is written.
func PlainSignature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
