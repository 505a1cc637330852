package event

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"offhook/resource"
)

// Outbox keeps deliveries until they are settled; the store is one.
type Outbox interface {
	// Endpoints returns all that have deliveries waiting.
	Endpoints(ctx context.Context) ([]resource.Endpoint, error)
	// Pending returns at most limit deliveries to an endpoint with a Seq
	// above after, in order.
	Pending(ctx context.Context, to resource.Endpoint, after int64, limit int) ([]resource.Delivery, error)
	// Settle takes deliveries out. It must not wait for the disk.
	Settle([]resource.Delivery)
	// OnQueued tells where deliveries were queued, with the first Seq for
	// each; fn does not block.
	OnQueued(fn func(map[resource.Endpoint]int64))
}

// WebhookOptions configure deliveries.
type WebhookOptions struct {
	Client *http.Client // decides what may be reached; required. Redirects are not followed
	// Customer returns a customer's row, for webhook_uri, webhook_method and
	// webhook_secret; it is asked for each attempt, so that a mended address
	// is used at once. Errors count as failed attempts. Required.
	Customer func(ctx context.Context, customerID string) (*resource.Customer, error)

	Parallel    int           // attempts at the same time; 0: 512
	PerEndpoint int           // of them to one endpoint; 0: 8
	Timeout     time.Duration // of an attempt; 0: 20 s
	GiveUp      time.Duration // age at which a delivery is dropped; 0: 24 h
	Logger      *slog.Logger  // nil: slog.Default
}

// Webhooks delivers what is in the outbox: at least once, in order for each
// order key and endpoint, many keys beside each other. An endpoint that fails
// delays nobody but itself.
type Webhooks struct {
	outbox Outbox
	o      WebhookOptions
	slots  chan struct{}
	tasks  sync.WaitGroup

	mu      sync.Mutex
	ctx     context.Context // of Run; nil before
	scanned bool            // what waited at the start has been found
	targets map[resource.Endpoint]*target

	delivered, failed, expired, discarded atomic.Uint64
	held                                  atomic.Int64
}

// NewWebhooks makes a deliverer for an outbox; Run starts it.
func NewWebhooks(outbox Outbox, o WebhookOptions) *Webhooks {
	if o.Parallel == 0 {
		o.Parallel = 512
	}
	if o.PerEndpoint == 0 {
		o.PerEndpoint = 8
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	if o.GiveUp == 0 {
		o.GiveUp = 24 * time.Hour
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	client := *o.Client
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // a followed POST may arrive as an empty GET
	o.Client = &client
	w := &Webhooks{outbox: outbox, o: o, slots: make(chan struct{}, o.Parallel), targets: map[resource.Endpoint]*target{}}
	outbox.OnQueued(w.queued)
	return w
}

// WebhookCounters are totals since the start, and what is held now.
type WebhookCounters struct {
	Delivered uint64 // answered with 2xx
	Failed    uint64 // attempts that were not
	Expired   uint64 // deliveries dropped for their age
	Discarded uint64 // deliveries dropped because the customer removed its webhook
	Endpoints int    // endpoints being served
	Held      int64  // deliveries in memory, waiting or under way
}

// Counters returns what has been delivered.
func (w *Webhooks) Counters() WebhookCounters {
	w.mu.Lock()
	defer w.mu.Unlock()
	return WebhookCounters{
		Delivered: w.delivered.Load(), Failed: w.failed.Load(), Expired: w.expired.Load(),
		Discarded: w.discarded.Load(), Endpoints: len(w.targets), Held: w.held.Load(),
	}
}

// Run delivers until ctx ends; deliveries under way are then broken off and
// stay in the outbox for the next start. It is called once.
func (w *Webhooks) Run(ctx context.Context) {
	defer w.tasks.Wait()
	w.mu.Lock()
	w.ctx = ctx
	w.mu.Unlock()
	for pause := time.Second; ; pause = min(2*pause, time.Minute) {
		waiting, err := w.outbox.Endpoints(ctx)
		if err == nil {
			w.mu.Lock()
			for _, e := range waiting {
				w.open(e, 0)
			}
			w.scanned = true
			w.mu.Unlock()
			break
		}
		if ctx.Err() == nil {
			w.o.Logger.Error("read the outbox", "error", err)
		}
		if !sleep(ctx, pause) {
			return
		}
	}
	<-ctx.Done()
}

// queued is told by the outbox what was committed.
func (w *Webhooks) queued(first map[resource.Endpoint]int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ctx == nil || w.ctx.Err() != nil {
		return // found at the start of Run
	}
	for e, seq := range first {
		if !w.scanned {
			seq = 1 // there may be older ones
		}
		w.open(e, seq-1)
	}
}

// open wakes an endpoint's target, or starts one behind a Seq. The caller
// holds the lock.
func (w *Webhooks) open(e resource.Endpoint, after int64) {
	t, ok := w.targets[e]
	if !ok {
		t = newTarget(w, e, after)
		w.targets[e] = t
		w.tasks.Go(func() { t.run(w.ctx) })
	}
	t.wake()
}

// retire ends a target that has nothing to do, unless it was woken meanwhile.
func (w *Webhooks) retire(t *target) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(t.woken) > 0 {
		return false
	}
	delete(w.targets, t.to)
	return true
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
