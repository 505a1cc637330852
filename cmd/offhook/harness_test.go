package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/media"
)

// world is a whole offhook on loopback sockets with a carrier, phones and a
// webhook receiver around it.
type world struct {
	t       *testing.T
	server  *Server
	sip     netip.AddrPort
	carrier *phone.Phone // gets every call that goes out by a route
	engine  *media.Engine

	answers chan func(*phone.Call) // how the carrier treats the next calls, in order
	mu      sync.Mutex
	hooks   []hook
	told    chan struct{}
}

// hook is a webhook that was received.
type hook struct {
	Type string          `json:"type"`
	Data json.RawMessage `json:"data"`
}

const testKey = "test-key"

// patience bounds every wait for something that must happen: a machine that is
// ten times slower than ours passes.
const patience = 60 * time.Second

// newWorld starts an offhook. resources is a provisioning document in YAML; a
// provider, a route and a trunk for the carrier are there already.
func newWorld(t *testing.T, resources string, change ...func(*Config)) *world {
	t.Helper()
	w := &world{t: t, answers: make(chan func(*phone.Call), 64), told: make(chan struct{})}
	level := slog.LevelWarn
	if os.Getenv("OFFHOOK_TEST_LOG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: level}))
	var err error
	w.engine, err = media.New(media.Config{MinPort: 50000, MaxPort: 54998, BindIP: netip.MustParseAddr("127.0.0.1"), Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	w.carrier = w.phone("carrier", "", func(c *phone.Call) {
		select {
		case f := <-w.answers:
			f(c)
		default:
			_ = c.Reject(480)
		}
	})
	dir := t.TempDir()
	path := dir + "/resources.yaml"
	base := fmt.Sprintf(`
trunks: [{id: carrier, name: carrier, auth_types: [ip], allowed_ips: [127.0.0.1]}]
providers: [{id: out, hostname: "%s"}]
routes: [{id: all, provider_id: out, target: all, priority: 1}]
`, w.carrier.Addr())
	if err := os.WriteFile(path, []byte(base+resources), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.DataDir, cfg.AccessKey = dir, testKey
	cfg.HTTP.Listen = "127.0.0.1:0"
	cfg.SIP.Listen = []string{"udp://127.0.0.1:0", "tcp://127.0.0.1:0"}
	cfg.RTP.Ports = "40000-44999"
	cfg.ShutdownTimeout = 100 * time.Millisecond
	cfg.Provision = []string{path}
	for _, f := range change {
		f(&cfg)
	}
	w.server, err = Start(t.Context(), cfg, log, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	w.sip = netip.MustParseAddrPort(strings.TrimPrefix(w.server.exchange.Addrs()[0], "udp://"))
	t.Cleanup(func() {
		if err := w.server.Stop(); err != nil {
			t.Error(err)
		}
	})
	receiver := httptest.NewServer(http.HandlerFunc(w.receive))
	t.Cleanup(receiver.Close)
	w.api("PUT", "/v1/customer", map[string]any{"webhook_uri": receiver.URL}, nil)
	return w
}

// receive takes a webhook.
func (w *world) receive(_ http.ResponseWriter, r *http.Request) {
	var h hook
	if err := json.NewDecoder(r.Body).Decode(&h); err != nil {
		if !errors.Is(err, net.ErrClosed) { // the test is over and the receiver closes
			w.t.Errorf("webhook: %v", err)
		}
		return
	}
	w.mu.Lock()
	w.hooks = append(w.hooks, h)
	close(w.told)
	w.told = make(chan struct{})
	w.mu.Unlock()
}

// hook waits for a webhook of a type whose data contains a text.
func (w *world) hook(name, contains string) json.RawMessage {
	w.t.Helper()
	deadline := time.After(patience)
	for {
		w.mu.Lock()
		changed := w.told
		for _, h := range w.hooks {
			if h.Type == name && strings.Contains(string(h.Data), contains) {
				w.mu.Unlock()
				return h.Data
			}
		}
		w.mu.Unlock()
		select {
		case <-changed:
		case <-deadline:
			w.t.Fatalf("no webhook %s with %q within %s", name, contains, patience)
		}
	}
}

// phone makes a phone; with a password it registers.
func (w *world) phone(user, password string, incoming func(*phone.Call)) *phone.Phone {
	w.t.Helper()
	cfg := phone.Config{User: user, Password: password, Engine: w.engine, Incoming: incoming}
	if password != "" {
		cfg.Server = w.sip.String()
	}
	p, err := phone.New(w.t.Context(), cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if password != "" {
		if err := p.Register(w.t.Context(), time.Minute); err != nil {
			w.t.Fatal(err)
		}
	}
	w.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// api sends a request and decodes the answer; a status of 400 or more fails
// the test.
func (w *world) api(method, path string, body, into any) {
	w.t.Helper()
	status, raw := w.request(method, path, body)
	if status >= 400 {
		w.t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			w.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
}

// request sends a request; a body that is a string is sent as it is.
func (w *world) request(method, path string, body any) (int, []byte) {
	w.t.Helper()
	var raw []byte
	switch b := body.(type) {
	case nil:
	case string:
		raw = []byte(b)
	default:
		var err error
		if raw, err = json.Marshal(b); err != nil {
			w.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.server.listener.Addr().String()+path, bytes.NewReader(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, answer
}

// next says what the carrier does with its next call, and returns a channel
// that gets that call.
func (w *world) next(do func(*phone.Call)) <-chan *phone.Call {
	got := make(chan *phone.Call, 1)
	w.answers <- func(c *phone.Call) {
		do(c)
		got <- c
	}
	return got
}

// pickUp answers a call.
func (w *world) pickUp(c *phone.Call) {
	if err := c.Ring(); err != nil {
		w.t.Error(err)
	}
	if err := c.Answer(); err != nil {
		w.t.Error(err)
	}
}

// dial calls a user of the server from outside, as the carrier's trunk.
func (w *world) dial(user string) *phone.Call {
	w.t.Helper()
	c, err := w.carrier.Dial(w.t.Context(), fmt.Sprintf("sip:%s@%s", user, w.sip), "")
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// receiveOr waits for a value.
func receiveOr[T any](t *testing.T, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s: nothing within %s", what, patience)
		panic("unreachable")
	}
}
