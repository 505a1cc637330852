package event

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Delivery is one event on its way to one receiver.
type Delivery struct {
	Seq        int64
	EventID    string
	CustomerID string
	URI        string
	Method     string
	OrderKey   string
	Body       []byte
	Created    time.Time
}

// Outbox keeps deliveries until they are made.
type Outbox interface {
	// Pending returns deliveries behind a place, in order.
	Pending(ctx context.Context, after int64, limit int) ([]Delivery, error)
	// Delivered takes deliveries out.
	Delivered(seqs ...int64)
}

// WebhookOptions configure deliveries.
type WebhookOptions struct {
	Client *http.Client // bounded in time, and in what it may reach
	// Secret returns a customer's webhook_secret; empty: its deliveries are
	// not signed.
	Secret      func(customerID string) string
	Parallel    int           // deliveries at the same time; 0: 64
	PerReceiver int           // of them to one host; 0: 8
	GiveUp      time.Duration // after which a delivery is dropped; 0: 24 h
	Logger      *slog.Logger
}

// Webhooks delivers what is in the outbox: at least once, in order for each
// order key and receiver, many keys beside each other. A receiver that fails
// delays nobody but itself.
type Webhooks struct {
	outbox Outbox
	o      WebhookOptions
	wake   chan struct{}
	slots  chan struct{}

	mu    sync.Mutex
	lanes map[lane]*line
	hosts map[string]chan struct{}
	tasks sync.WaitGroup

	delivered, failed, dropped atomic.Uint64
}

// lane is what keeps its order.
type lane struct{ uri, key string }

// line is the deliveries of a lane that wait.
type line struct{ queue []Delivery }

// NewWebhooks makes a deliverer; Run starts it.
func NewWebhooks(outbox Outbox, o WebhookOptions) *Webhooks {
	if o.Parallel == 0 {
		o.Parallel = 64
	}
	if o.PerReceiver == 0 {
		o.PerReceiver = 8
	}
	if o.GiveUp == 0 {
		o.GiveUp = 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Webhooks{outbox: outbox, o: o, wake: make(chan struct{}, 1), slots: make(chan struct{}, o.Parallel),
		lanes: map[lane]*line{}, hosts: map[string]chan struct{}{}}
}

// Wake tells that something was committed. It never blocks.
func (w *Webhooks) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Counts returns deliveries made, attempts that failed and deliveries given up.
func (w *Webhooks) Counts() (delivered, failed, dropped uint64) {
	return w.delivered.Load(), w.failed.Load(), w.dropped.Load()
}

// maxHeld bounds the deliveries in memory; the rest waits in the outbox.
const maxHeld = 10_000

// Run delivers until ctx ends; deliveries under way are then broken off and
// stay in the outbox.
func (w *Webhooks) Run(ctx context.Context) {
	defer w.tasks.Wait()
	var after int64
	poll := time.NewTicker(time.Second)
	defer poll.Stop()
	for {
		after = w.fetch(ctx, after)
		select {
		case <-w.wake:
		case <-poll.C: // another process may share the database
		case <-ctx.Done():
			return
		}
	}
}

// fetch takes what is new in the outbox into lanes.
func (w *Webhooks) fetch(ctx context.Context, after int64) int64 {
	for ctx.Err() == nil && w.held() < maxHeld {
		list, err := w.outbox.Pending(ctx, after, 500)
		if err != nil {
			if ctx.Err() == nil {
				w.o.Logger.Error("read the outbox", "error", err)
			}
			return after
		}
		for _, d := range list {
			after = d.Seq
			w.enqueue(ctx, d)
		}
		if len(list) < 500 {
			return after
		}
	}
	return after
}

func (w *Webhooks) held() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, l := range w.lanes {
		n += len(l.queue)
	}
	return n
}

func (w *Webhooks) enqueue(ctx context.Context, d Delivery) {
	k := lane{d.URI, d.OrderKey}
	w.mu.Lock()
	defer w.mu.Unlock()
	if l, ok := w.lanes[k]; ok {
		l.queue = append(l.queue, d)
		return
	}
	l := &line{queue: []Delivery{d}}
	w.lanes[k] = l
	w.tasks.Go(func() { w.drain(ctx, k, l) })
}

// drain delivers a lane, one after the other, until it is empty.
func (w *Webhooks) drain(ctx context.Context, k lane, l *line) {
	for {
		w.mu.Lock()
		if len(l.queue) == 0 {
			delete(w.lanes, k)
			w.mu.Unlock()
			return
		}
		d := l.queue[0]
		l.queue = l.queue[1:]
		w.mu.Unlock()
		if !w.deliver(ctx, d) {
			return // the end of the process: it stays in the outbox
		}
		w.outbox.Delivered(d.Seq)
	}
}

// deliver tries until it works or the delivery is too old. It reports false
// when ctx ended before.
func (w *Webhooks) deliver(ctx context.Context, d Delivery) bool {
	for try := 0; ; try++ {
		err := w.attempt(ctx, d)
		if err == nil {
			w.delivered.Add(1)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		w.failed.Add(1)
		if time.Since(d.Created) > w.o.GiveUp {
			w.dropped.Add(1)
			w.o.Logger.Warn("webhook given up", "event", d.EventID, "host", hostOf(d.URI), "tries", try+1, "error", err)
			return true
		}
		if try == 0 || try%20 == 0 {
			w.o.Logger.Info("webhook will be tried again", "event", d.EventID, "host", hostOf(d.URI), "error", err)
		}
		t := time.NewTimer(Backoff(try))
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// Backoff is the pause after a failed try, counted from 0: 1, 2, 4 and 8 s, then
// every 10 s for two minutes, then doubling up to 5 min, each with up to a
// fifth of jitter so that receivers that come back are not hit all at once.
func Backoff(try int) time.Duration {
	var d time.Duration
	switch {
	case try < 4:
		d = time.Second << try
	case try < 16:
		d = 10 * time.Second
	default:
		d = min(20*time.Second<<min(try-16, 10), 5*time.Minute)
	}
	return d - time.Duration(rand.Int64N(int64(d)/5+1))
}

// attempt sends once; every answer of 2xx is a delivery.
func (w *Webhooks) attempt(ctx context.Context, d Delivery) error {
	host := w.host(hostOf(d.URI))
	for _, slot := range []chan struct{}{host, w.slots} {
		select {
		case slot <- struct{}{}:
			defer func() { <-slot }()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	req, err := http.NewRequestWithContext(ctx, d.Method, d.URI, bytes.NewReader(d.Body))
	if err != nil {
		return err
	}
	sign(req, d, w.o.Secret(d.CustomerID), time.Now())
	res, err := w.o.Client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("answered %s", res.Status)
	}
	return nil
}

// host bounds the deliveries to one receiver, so that a slow one leaves room
// for the others.
func (w *Webhooks) host(name string) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	c, ok := w.hosts[name]
	if !ok {
		c = make(chan struct{}, w.o.PerReceiver)
		w.hosts[name] = c
	}
	return c
}

func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return "?"
	}
	return u.Host
}

// sign adds the headers of Standard Webhooks and VoIPBIN's own signature.
func sign(req *http.Request, d Delivery, secret string, now time.Time) {
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "offhook")
	stamp := strconv.FormatInt(now.Unix(), 10)
	req.Header.Set("webhook-id", d.EventID)
	req.Header.Set("webhook-timestamp", stamp)
	if secret == "" {
		return
	}
	req.Header.Set("webhook-signature", "v1,"+StandardSignature(secret, d.EventID, stamp, d.Body))
	req.Header.Set("X-VoIPBIN-Signature", PlainSignature(secret, d.Body))
}

// StandardSignature is the base64 HMAC-SHA256 of "id.timestamp.body" under the
// key that follows whsec_ in base64, as Standard Webhooks has it.
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
