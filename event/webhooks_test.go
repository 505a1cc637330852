package event_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/event"
	"offhook/resource"
)

const secret = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"

// outbox is an event.Outbox in memory.
type outbox struct {
	mu     sync.Mutex
	seq    int64
	rows   []resource.Delivery
	queued func(map[resource.Endpoint]int64)
}

func (o *outbox) OnQueued(fn func(map[resource.Endpoint]int64)) { o.queued = fn }

func (o *outbox) Endpoints(context.Context) ([]resource.Endpoint, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []resource.Endpoint
	for _, d := range o.rows {
		if !slices.Contains(list, d.Endpoint) {
			list = append(list, d.Endpoint)
		}
	}
	return list, nil
}

func (o *outbox) Pending(_ context.Context, to resource.Endpoint, after int64, limit int) ([]resource.Delivery, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	var list []resource.Delivery
	for _, d := range o.rows {
		if d.Endpoint == to && d.Seq > after && len(list) < limit {
			list = append(list, d)
		}
	}
	return list, nil
}

func (o *outbox) Settle(settled []resource.Delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range settled {
		o.rows = slices.DeleteFunc(o.rows, func(d resource.Delivery) bool { return d.Endpoint == s.Endpoint && d.Seq == s.Seq })
	}
}

// add queues an event named for its order key and number: "key/1".
func (o *outbox) add(to resource.Endpoint, names ...string) {
	o.mu.Lock()
	first := o.seq + 1
	for _, name := range names {
		key, _, _ := strings.Cut(name, "/")
		o.seq++
		o.rows = append(o.rows, resource.Delivery{Endpoint: to, Seq: o.seq, Event: resource.Event{
			ID: "evt-" + name, CustomerID: to.CustomerID, Type: name, OrderKey: key, Time: time.Now(), Data: []byte(`{"n":1}`),
		}})
	}
	o.mu.Unlock()
	o.queued(map[resource.Endpoint]int64{to: first})
}

func (o *outbox) left() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.rows)
}

// network answers requests without sockets and remembers them.
type network struct {
	mu      sync.Mutex
	answer  func(req *http.Request, name string) (int, error)
	started time.Time
	log     []string
	times   []time.Duration
	last    *http.Request
	body    []byte
}

func (n *network) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	var e struct{ Type string }
	if err := json.Unmarshal(body, &e); err != nil {
		return nil, err
	}
	n.mu.Lock()
	answer := n.answer
	n.mu.Unlock()
	status := http.StatusNoContent
	if answer != nil {
		if status, err = answer(req, e.Type); err != nil {
			return nil, err
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.log = append(n.log, fmt.Sprintf("%s %s %d", req.URL.Host, e.Type, status))
	n.times = append(n.times, time.Since(n.started))
	n.last, n.body = req, body
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{"Location": {"http://elsewhere.test/"}}, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
}

func (n *network) set(answer func(*http.Request, string) (int, error)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.answer = answer
}

func (n *network) seen() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.log)
}

// customers have a webhook each, at http://ID.test/hook; "none" has no more.
func customers(_ context.Context, id string) (*resource.Customer, error) {
	c := &resource.Customer{WebhookURI: "http://" + id + ".test/hook?token=hidden", WebhookSecret: secret}
	if id == "none" {
		c.WebhookURI = ""
	}
	return c, nil
}

// deliver runs a test in virtual time with webhooks that are running.
func deliver(t *testing.T, test func(t *testing.T, o *outbox, n *network, w *event.Webhooks)) {
	synctest.Test(t, func(t *testing.T) {
		o, n := &outbox{}, &network{started: time.Now()}
		w := event.NewWebhooks(o, event.WebhookOptions{
			Client: &http.Client{Transport: n}, Customer: customers,
			Logger: slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		synctest.Wait()
		test(t, o, n, w)
		cancel()
		<-done
	})
}

func TestDeliveryIsSigned(t *testing.T) {
	deliver(t, func(t *testing.T, o *outbox, n *network, w *event.Webhooks) {
		o.add(resource.Endpoint{CustomerID: "c"}, "call/1")
		synctest.Wait()
		if n.last == nil || o.left() != 0 {
			t.Fatalf("not delivered; %d left", o.left())
		}
		h := n.last.Header
		if got := string(n.body); got != `{"type":"call/1","data":{"n":1}}` {
			t.Errorf("body %s", got)
		}
		if n.last.Method != http.MethodPost || h.Get("Content-Type") != "application/json" || h.Get("webhook-id") != "evt-call/1" {
			t.Errorf("%s %v", n.last.Method, h)
		}
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "evt-call/1.%d.%s", time.Now().Unix(), n.body)
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); h.Get("webhook-signature") != want {
			t.Errorf("webhook-signature %q, want %q", h.Get("webhook-signature"), want)
		}
		mac = hmac.New(sha256.New, []byte(secret))
		mac.Write(n.body)
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); h.Get("X-VoIPBIN-Signature") != want {
			t.Errorf("X-VoIPBIN-Signature %q, want %q", h.Get("X-VoIPBIN-Signature"), want)
		}
	})
}

func TestStandardSignatureVector(t *testing.T) {
	// The example of the Standard Webhooks specification.
	got := event.StandardSignature("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`))
	if want := "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOrderIsKeptWhileOneEventFails(t *testing.T) {
	deliver(t, func(t *testing.T, o *outbox, n *network, w *event.Webhooks) {
		n.set(func(_ *http.Request, name string) (int, error) {
			if name == "a/1" && time.Since(n.started) < 10*time.Second {
				return 500, nil
			}
			return 200, nil
		})
		o.add(resource.Endpoint{CustomerID: "c"}, "a/1", "b/1", "a/2", "b/2", "a/3")
		synctest.Wait()
		for _, line := range n.seen() {
			if strings.Contains(line, "a/2") || strings.Contains(line, "a/3") {
				t.Errorf("%s before a/1 was delivered", line)
			}
		}
		if log := n.seen(); !slices.Contains(log, "c.test b/2 200") {
			t.Errorf("b waits for a: %v", log)
		}
		time.Sleep(20 * time.Second) // virtual
		synctest.Wait()
		var done []string
		for _, line := range n.seen() {
			if strings.HasSuffix(line, " 200") && strings.Contains(line, " a/") {
				done = append(done, line)
			}
		}
		if want := []string{"c.test a/1 200", "c.test a/2 200", "c.test a/3 200"}; !slices.Equal(done, want) || o.left() != 0 {
			t.Errorf("delivered %v, %d left", done, o.left())
		}
	})
}

func TestEveryOtherAnswerIsTriedAgain(t *testing.T) {
	for _, status := range []int{301, 400, 404, 410, 429, 500, 503} {
		deliver(t, func(t *testing.T, o *outbox, n *network, w *event.Webhooks) {
			n.set(func(*http.Request, string) (int, error) {
				if time.Since(n.started) < 3*time.Second {
					return status, nil
				}
				return 202, nil
			})
			o.add(resource.Endpoint{CustomerID: "c"}, "a/1")
			time.Sleep(10 * time.Second)
			synctest.Wait()
			for _, line := range n.seen() {
				if !strings.HasPrefix(line, "c.test ") {
					t.Errorf("status %d led to %s", status, line)
				}
			}
			if c := w.Counters(); c.Delivered != 1 || c.Failed < 2 || o.left() != 0 {
				t.Errorf("status %d: %+v, %d left", status, c, o.left())
			}
		})
	}
}

func TestScheduleAndExpiry(t *testing.T) {
	deliver(t, func(t *testing.T, o *outbox, n *network, w *event.Webhooks) {
		n.set(func(*http.Request, string) (int, error) { return 500, nil })
		o.add(resource.Endpoint{CustomerID: "c"}, "a/1")
		time.Sleep(25 * time.Hour)
		synctest.Wait()
		if c := w.Counters(); c.Expired != 1 || o.left() != 0 || c.Held != 0 {
			t.Fatalf("after a day: %+v, %d left", c, o.left())
		}
		want := []time.Duration{1, 2, 4, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 20, 40, 80, 160, 300, 300}
		for i, w := range want {
			w *= time.Second
			if got := n.times[i+1] - n.times[i]; got > w || got < w*8/10 {
				t.Errorf("pause %d is %v, want %v less up to a fifth", i, got, w)
			}
		}
		if last := n.times[len(n.times)-1]; last < 23*time.Hour+50*time.Minute || last > 24*time.Hour+10*time.Minute {
			t.Errorf("last attempt after %v", last)
		}
	})
}

func TestDeadEndpointDelaysNobodyElse(t *testing.T) {
	deliver(t, func(t *testing.T, o *outbox, n *network, w *event.Webhooks) {
		var mu sync.Mutex
		hanging, most := 0, 0
		n.set(func(req *http.Request, _ string) (int, error) {
			if req.URL.Host != "dead.test" || time.Since(n.started) > 10*time.Minute {
				return 200, nil
			}
			mu.Lock()
			hanging++
			most = max(most, hanging)
			mu.Unlock()
			<-req.Context().Done()
			mu.Lock()
			hanging--
			mu.Unlock()
			return 0, req.Context().Err()
		})
		for i := range 3000 {
			o.add(resource.Endpoint{CustomerID: "dead"}, fmt.Sprintf("k%d/1", i))
		}
		o.add(resource.Endpoint{CustomerID: "well"}, "a/1", "b/1", "a/2")
		synctest.Wait()
		if got := n.seen(); len(got) != 3 {
			t.Fatalf("the other customer got %v at once, want its three events", got)
		}
		time.Sleep(5 * time.Minute)
		mu.Lock()
		peak, now := most, hanging
		mu.Unlock()
		if peak > 8 || now > 1 {
			t.Errorf("a dead endpoint held %d attempts, then %d; want at most 8, then 1", peak, now)
		}
		if held := w.Counters().Held; held > 2000 {
			t.Errorf("%d deliveries in memory", held)
		}
		time.Sleep(6 * time.Minute)
		synctest.Wait()
		if left := o.left(); left != 0 {
			t.Errorf("%d left after the endpoint came back", left)
		}
	})
}

func TestWhatWaitedIsDeliveredAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, n := &outbox{}, &network{started: time.Now()}
		down := errors.New("connection refused")
		n.set(func(*http.Request, string) (int, error) { return 0, down })
		flow := resource.Endpoint{CustomerID: "c", URI: "http://flow.test/"}
		for run := range 2 {
			w := event.NewWebhooks(o, event.WebhookOptions{Client: &http.Client{Transport: n}, Customer: customers, Logger: slog.New(slog.DiscardHandler)})
			if run == 0 {
				o.add(resource.Endpoint{CustomerID: "c"}, "a/1", "a/2")
				o.add(flow, "a/1")
				o.add(resource.Endpoint{CustomerID: "none"}, "a/1")
			} else {
				n.set(nil)
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() { defer close(done); w.Run(ctx) }()
			synctest.Wait()
			if want := 3 * (1 - run); o.left() != want {
				t.Errorf("run %d: %d left, want %d", run, o.left(), want)
			}
			cancel()
			<-done
		}
		got := n.seen()
		slices.Sort(got)
		if want := []string{"c.test a/1 204", "c.test a/2 204", "flow.test a/1 204"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestLogsHoldNoSecrets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var logs bytes.Buffer
		o, n := &outbox{}, &network{started: time.Now()}
		n.set(func(*http.Request, string) (int, error) { return 0, errors.New("connection refused") })
		w := event.NewWebhooks(o, event.WebhookOptions{Client: &http.Client{Transport: n}, Customer: customers, Logger: slog.New(slog.NewTextHandler(&logs, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.Run(ctx) }()
		synctest.Wait()
		o.add(resource.Endpoint{CustomerID: "c"}, "a/1")
		synctest.Wait()
		cancel()
		<-done
		if text := logs.String(); !strings.Contains(text, "connection refused") || strings.Contains(text, "hidden") || strings.Contains(text, "whsec") {
			t.Errorf("log: %s", text)
		}
	})
}
