package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/call/phone"
)

// screen is what a command prints; said is closed when a text is on it.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	said chan struct{}
}

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.text.Write(p)
	if s.said != nil && strings.Contains(s.text.String(), s.want) {
		close(s.said)
		s.said = nil
	}
	return n, err
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// What `make run` shows: the built-in caller's way through the menu, step by
// step, and after it a server whose addresses do what the text says.
func TestDemo(t *testing.T) {
	slow(t)
	t.Parallel()
	resources, err := filepath.Abs("../../examples/demo-resources.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	config := filepath.Join(dir, "demo.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, `data_dir: %s/data
http: {listen: "127.0.0.1:0"}
sip: {listen: ["udp://127.0.0.1:0"]}
rtp: {ports: 25000-27999}
shutdown_timeout: 100ms
provision: [%s]
`, dir, resources), 0o600); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	out := &screen{want: "Stop: Ctrl-C", said: ready}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	over := make(chan int, 1)
	go func() {
		over <- run(program{ctx: ctx, stdout: out, stderr: t.Output()}, []string{"demo", "--config", config})
	}()
	select {
	case code := <-over:
		t.Fatalf("exit %d:\n%s", code, out)
	case <-after(time.Minute):
		t.Fatalf("not ready:\n%s", out)
	case <-ready:
	}
	steps := regexp.MustCompile(`(?s)dialling sip:\+15550000000@.* rings\n.* answered\n.*"Welcome to off hook ..." is spoken\n.* pressed 2\n.*` +
		`the menu says that the echo comes\n.*connected to the echo: our own tone came back\n.*hung up after [0-9.]+ s: [1-9][0-9]* packets heard, [1-9][0-9]* sent, [0-9]+ lost.*/v1.0/calls\n`)
	if !steps.MatchString(out.String()) {
		t.Errorf("the demonstration shows\n%s", out)
	}
	at := regexp.MustCompile(`sip:menu@(\S+)`).FindStringSubmatch(out.String())
	if at == nil {
		t.Fatal("no address is shown")
	}
	caller := telephone(t, phone.Config{User: "visitor"})
	for user, want := range map[string]int{"busy": 486, "486": 486} {
		c := dialled(t, caller, user, at[1])
		receiveOr(t, user+" ends", c.Done())
		if got := c.End().Status; got != want {
			t.Errorf("sip:%s@: %d, want %d", user, got, want)
		}
	}
	rings := dialled(t, caller, "noanswer", at[1])
	if status := receiveOr(t, "noanswer rings", rings.Ringing()); status != 180 {
		t.Errorf("sip:noanswer@: %d", status)
	}
	rings.Hangup()
	for _, user := range []string{"menu", "tone"} {
		c, e := dialled(t, caller, user, at[1]), newEar()
		c.Port().Attach(e, 8000)
		receiveOr(t, "sound of "+user, e.hears(5))
		c.Hangup()
	}
	stop()
	if code := receiveOr(t, "the end", over); code != 0 {
		t.Errorf("exit %d", code)
	}
}

func dialled(t *testing.T, from *phone.Phone, user, at string) *phone.Call {
	t.Helper()
	c, err := from.Dial(t.Context(), "sip:"+user+"@"+at, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}
