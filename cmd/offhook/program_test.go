package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"offhook/api/client"
	"offhook/call/phone"
	"offhook/media/tone"
	"offhook/resource"
)

// buildDir holds the program while the tests run; TestMain removes it.
var buildDir string

// built is the program as `go build` makes it, once for all tests.
var built = sync.OnceValues(func() (path string, err error) {
	if buildDir, err = os.MkdirTemp("", "offhook-test-"); err != nil {
		return "", err
	}
	path = filepath.Join(buildDir, "offhook")
	cmd := exec.Command("go", "build", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return path, nil
})

// process is offhook as a process of its own, on a data directory that
// outlives it.
type process struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	api  *client.Client
	sip  string // host:port of its UDP socket
	exit chan error

	mu  sync.Mutex
	log bytes.Buffer
}

// newProcess prepares a data directory with resources.
func newProcess(t *testing.T, resources string) *process {
	t.Helper()
	slow(t)
	b := &process{t: t, dir: t.TempDir()}
	config := fmt.Sprintf(`data_dir: %[1]s
accesskey: %[2]s
http: {listen: "127.0.0.1:0"}
sip: {listen: ["udp://127.0.0.1:0", "tcp://127.0.0.1:0"]}
rtp: {ports: 45000-49999}
shutdown_timeout: 15s
provision: [%[1]s/resources.yaml]
`, b.dir, testKey)
	for name, text := range map[string]string{"offhook.yaml": config, "resources.yaml": resources} {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if b.cmd != nil && b.cmd.ProcessState == nil {
			b.signal(syscall.SIGKILL)
		}
		if t.Failed() {
			b.mu.Lock()
			defer b.mu.Unlock()
			t.Logf("offhook said\n%s", b.log.Bytes()[max(0, b.log.Len()-6000):])
		}
	})
	return b
}

var readyLine = regexp.MustCompile(`msg=ready api=(\S+) sip="\[udp://(\S+) `)

// start starts the process and waits until it is ready.
func (b *process) start() {
	b.t.Helper()
	path, err := built()
	if err != nil {
		b.t.Fatal(err)
	}
	b.cmd = exec.Command(path, "serve", "--config", filepath.Join(b.dir, "offhook.yaml"))
	stderr, err := b.cmd.StderrPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	ready := make(chan []string, 1)
	b.exit = make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			b.mu.Lock()
			b.log.WriteString(lines.Text() + "\n")
			b.mu.Unlock()
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m
			}
		}
		b.exit <- b.cmd.Wait()
	}()
	select {
	case m := <-ready:
		b.api, b.sip = &client.Client{URL: m[1], Accesskey: testKey}, m[2]
	case err := <-b.exit:
		b.t.Fatalf("offhook ended at its start: %v", err)
	case <-time.After(20 * time.Second):
		b.t.Fatal("offhook is not ready within 20 s")
	}
}

// beats waits until the process has written that it ran at a time that suits.
func (b *process) beats(suits func(at time.Time) bool) time.Time {
	b.t.Helper()
	f, err := os.Open(filepath.Join(b.dir, "server"))
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if p := readPulse(f); suits(p.alive) {
			return p.alive
		}
	}
	b.t.Fatal("no heartbeat that suits within 30 s")
	return time.Time{}
}

// signal sends a signal to the process; SIGKILL also waits for its end.
func (b *process) signal(s syscall.Signal) {
	b.t.Helper()
	if err := b.cmd.Process.Signal(s); err != nil {
		b.t.Error(err)
	}
	if s == syscall.SIGKILL {
		<-b.exit
	}
}

// do asks the API.
func (b *process) do(method, path string, body, into any) {
	b.t.Helper()
	if err := b.api.Do(b.t.Context(), method, path, body, into); err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
}

// download is a file of the API.
func (b *process) download(path string) []byte {
	b.t.Helper()
	res, err := http.Get(b.api.URL + path + "?accesskey=" + testKey)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != 200 {
		b.t.Fatalf("%s: %d %v", path, res.StatusCode, err)
	}
	return raw
}

// telephone makes a phone of its own.
func telephone(t *testing.T, cfg phone.Config) *phone.Phone {
	t.Helper()
	p, err := phone.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		_ = p.Close(ctx)
	})
	return p
}

// newReceiver takes webhooks; it refuses them while closed is set.
func newReceiver(t *testing.T) (w *world, uri string, closed *atomic.Bool) {
	t.Helper()
	w, closed = &world{t: t, told: make(chan struct{})}, new(atomic.Bool)
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if closed.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		w.receive(rw, r)
	}))
	t.Cleanup(server.Close)
	return w, server.URL, closed
}

const programResources = `
trunks: [{id: carrier, name: carrier, auth_types: [ip], allowed_ips: [127.0.0.1]}]
extensions: [{id: alice, extension: "1001", password: secret1001}]
flows:
  - id: record
    actions:
      - {type: answer}
      - {type: record_start, option: {direction: both, format: wav}}
      - {type: echo, option: {duration: 60000}}
numbers: [{id: record, number: record, call_flow_id: record}]
`

// The process is killed in the middle of a recorded call, and started again.
func TestKilled(t *testing.T) {
	t.Parallel()
	b := newProcess(t, programResources)
	b.start()
	hooks, uri, _ := newReceiver(t)
	b.do("PUT", "/customer", map[string]any{"webhook_uri": uri}, nil)
	rings := make(chan *phone.Call, 1)
	alice := telephone(t, phone.Config{User: "1001", Password: "secret1001", Server: b.sip, Incoming: func(c *phone.Call) {
		_ = c.Ring()
		_ = c.Answer()
		rings <- c
	}})
	if err := alice.Register(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	caller := telephone(t, phone.Config{User: "caller"})
	c, err := caller.Dial(t.Context(), "sip:record@"+b.sip, "")
	if err != nil {
		t.Fatal(err)
	}
	receiveOr(t, "answer", c.UpSignal())
	e := newEar()
	c.Port().Attach(e, 8000)
	echo := e.hears(100)
	c.Play(tone.New(8000, tone.Milliwatt()))
	receiveOr(t, "two seconds of echo", echo)
	told(t, hooks, "recording_started")
	var up struct{ Result []resource.Call }
	b.do("GET", "/calls", nil, &up)

	// Nothing of the call changes for a while, and yet it lasted.
	answered := *up.Result[0].TMProgressing
	seen := b.beats(func(at time.Time) bool { return at.Sub(answered) > 2*time.Second })

	b.signal(syscall.SIGKILL)
	b.start()

	var row resource.Call
	b.do("GET", "/calls/"+up.Result[0].ID, nil, &row)
	if row.Status != "hangup" || row.HangupReason != "restart" || row.TMHangup == nil {
		t.Errorf("the call after the restart: %+v", row)
	} else if row.Duration < 2 || row.TMHangup.Before(seen) {
		t.Errorf("the call ended %v after %d s, but the server ran until %v", row.TMHangup, row.Duration, seen)
	}
	told(t, hooks, "call_hungup", row.ID, `"hangup_reason":"restart"`)
	var recordings struct{ Result []resource.Recording }
	b.do("GET", "/recordings", nil, &recordings)
	if len(recordings.Result) != 1 || recordings.Result[0].Status != "ended" || recordings.Result[0].Duration < 1 {
		t.Fatalf("recordings after the restart: %+v", recordings)
	}
	if body := b.download("/v1/recordingfiles/" + recordings.Result[0].ID); len(body) < 2*2*8000 || string(body[:4]) != "RIFF" {
		t.Errorf("recovered file of %d bytes", len(body))
	}
	told(t, hooks, "recording_finished", recordings.Result[0].ID)
	var ext struct {
		Registered []resource.Contact `json:"registered"`
	}
	b.do("GET", "/extensions/alice", nil, &ext)
	if len(ext.Registered) != 1 {
		t.Errorf("registrations after the restart: %+v", ext)
	}
	b.do("POST", "/calls", json.RawMessage(`{"source":{"type":"tel","target":"+15551230000"},"destinations":[{"type":"extension","target":"1001"}],"actions":[{"type":"beep"}]}`), nil)
	a := receiveOr(t, "the phone that registered before the crash is called", rings)
	receiveOr(t, "its call ends", a.Done())
}

// The process is asked to end while a call is up and nobody takes its
// webhooks: no new calls, the call goes on, the webhooks come after the next
// start.
func TestDrained(t *testing.T) {
	t.Parallel()
	b := newProcess(t, programResources)
	b.start()
	hooks, uri, closed := newReceiver(t)
	closed.Store(true)
	b.do("PUT", "/customer", map[string]any{"webhook_uri": uri}, nil)
	caller := telephone(t, phone.Config{User: "caller"})
	c, err := caller.Dial(t.Context(), "sip:record@"+b.sip, "")
	if err != nil {
		t.Fatal(err)
	}
	receiveOr(t, "answer", c.UpSignal())
	b.signal(syscall.SIGTERM)
	sippRun{scenario: "uac_503", remote: b.sip, user: "record"}.start(t).wait()
	e := newEar()
	c.Port().Attach(e, 8000)
	echo := e.hears(50)
	c.Play(tone.New(8000, tone.Milliwatt()))
	receiveOr(t, "the call goes on while draining", echo)
	c.Hangup()
	if err := receiveOr(t, "offhook ends", b.exit); err != nil {
		t.Fatalf("offhook's exit: %v", err)
	}
	closed.Store(false)
	b.start()
	told(t, hooks, "call_hungup", `"hangup_reason":"normal"`, `"hangup_by":"remote"`)
	hooks.mu.Lock()
	defer hooks.mu.Unlock()
	var order []string
	for _, h := range hooks.hooks {
		order = append(order, h.Type)
	}
	if len(order) < 4 || order[0] != "call_created" || order[1] != "call_ringing" {
		t.Errorf("webhooks in another order: %q", order)
	}
	var recordings struct{ Result []resource.Recording }
	b.do("GET", "/recordings", nil, &recordings)
	if len(recordings.Result) != 1 || recordings.Result[0].Status != "ended" || recordings.Result[0].EndReason == "restart" {
		t.Errorf("recording %+v", recordings)
	}
	b.signal(syscall.SIGTERM)
	if err := receiveOr(t, "offhook ends again", b.exit); err != nil {
		t.Fatalf("offhook's exit: %v", err)
	}
}

// The client commands find the server, create resources and place a call.
func TestCommands(t *testing.T) {
	t.Parallel()
	b := newProcess(t, programResources)
	b.start()
	alice := telephone(t, phone.Config{User: "1001", Password: "secret1001", Server: b.sip, Incoming: func(c *phone.Call) {
		_ = c.Ring()
		_ = c.Answer()
	}})
	if err := alice.Register(t.Context(), 5*time.Minute); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(b.dir, "more.yaml")
	if err := os.WriteFile(file, []byte("tags: [{id: vip, name: VIP}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := []string{"--url", b.api.URL, "--accesskey", testKey}
	for _, tt := range []struct {
		args []string
		want string
	}{
		{append([]string{"apply", "-f", file}, server...), "tags/vip created"},
		{append([]string{"apply", "-f", file}, server...), "tags/vip "},
		{append([]string{"call", "--say", "Hello.", "extension:1001"}, server...), "talked for "},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		out, err := exec.CommandContext(ctx, b.cmd.Path, tt.args...).CombinedOutput()
		cancel()
		if err != nil || !strings.Contains(string(out), tt.want) {
			t.Errorf("offhook %q: %v\n%s", tt.args, err, out)
		}
	}
	// Without a server they say what is missing.
	out, err := exec.CommandContext(t.Context(), b.cmd.Path, "call", "--url", "http://127.0.0.1:9", "--accesskey", "x", "extension:1001").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "is the server running") {
		t.Errorf("without a server: %v\n%s", err, out)
	}
}
