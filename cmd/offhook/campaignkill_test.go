package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"offhook/call/phone"
	"offhook/campaign"
	"offhook/resource"
)

// crowdOf is people behind a carrier who outlive the server: some answer, some
// are busy, some let it ring.
type crowdOf struct {
	t      *testing.T
	mu     sync.Mutex
	random *rand.Rand
	calls  map[string]int  // by number
	up     map[string]bool // who has answered
}

// take is what a person does with a call. Whoever has answered, as far as its own
// phone knows, must not be called again.
func (c *crowdOf) take(call *phone.Call) {
	number := call.Dialog().Invite().Recipient.User
	c.mu.Lock()
	if c.up[number] {
		c.t.Errorf("%s is called again after it has answered", number)
	}
	c.calls[number]++
	what, after, talks := c.random.IntN(10), c.random.IntN(500), c.random.IntN(800)
	c.mu.Unlock()
	if err := call.Ring(); err != nil {
		return
	}
	wait := func(ms int) bool {
		select {
		case <-time.After(time.Duration(ms) * time.Millisecond):
			return true
		case <-call.Done():
			return false
		}
	}
	switch {
	case what == 0: // lets it ring
		<-call.Done()
		return
	case !wait(after):
		return
	case what < 4:
		_ = call.Reject(486)
		return
	}
	c.mu.Lock()
	err := call.Answer()
	c.up[number] = c.up[number] || err == nil
	c.mu.Unlock()
	if err == nil && wait(talks) {
		call.Hangup()
	}
}

// TestCampaignKilled kills the server again and again while a campaign dials real
// phones. Nobody who has answered is called again, also when the server died
// before it heard of the answer, and nobody is forgotten.
func TestCampaignKilled(t *testing.T) {
	t.Parallel()
	const targets, kills = 50, 5
	c := &crowdOf{t: t, random: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1)), calls: map[string]int{}, up: map[string]bool{}}
	carrier := telephone(t, phone.Config{User: "carrier", Incoming: c.take})
	b := newProcess(t, fmt.Sprintf(`
trunks: [{id: carrier, name: carrier, auth_types: [ip], allowed_ips: [127.0.0.1]}]
providers: [{id: out, hostname: "%s"}]
routes: [{id: all, provider_id: out, target: all, priority: 1}]
flows: [{id: stay, actions: [{type: sleep, option: {duration: 60000}}]}]
outplans: [{id: plan, source: {type: tel, target: "+15550001111"}, dial_timeout: 4000, try_interval: 50, max_try_count_0: 4}]
campaigns: [{id: all, name: all, outplan_id: plan, flow_id: stay, calls_per_second: 40, max_concurrent_calls: 25}]
`, carrier.Addr()))
	b.keepPort()
	b.start()
	var list []map[string]any
	for i := range targets {
		n := fmt.Sprintf("+1555020%04d", i)
		list = append(list, map[string]any{"id": n[1:], "destination_0": map[string]string{"type": "tel", "target": n}})
	}
	b.do("POST", "/outdials", map[string]any{"id": "people", "campaign_id": "all"}, nil)
	b.do("POST", "/outdials/people/targets", list, nil)
	b.do("PUT", "/campaigns/all/status", map[string]string{"status": "run"}, nil)
	for range kills {
		<-time.After(time.Duration(50+rand.IntN(700)) * time.Millisecond) // any moment will do
		b.signal(syscall.SIGKILL)
		b.start()
	}
	var stats campaign.Stats
	deadline, look := time.After(3*time.Minute), time.NewTicker(50*time.Millisecond)
	defer look.Stop()
	for late := false; stats.Status != "stop" && !late; {
		select {
		case <-look.C:
			b.do("GET", "/campaigns/all/stats", nil, &stats)
		case <-deadline:
			late = true
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if stats.Status != "stop" || stats.Done != targets || stats.Success+stats.BrokenOff != len(c.up) || stats.Exhausted != targets-len(c.up) {
		t.Errorf("%d have answered; %+v", len(c.up), stats)
	}
	calls := 0
	for _, n := range c.calls {
		calls += n
	}
	var page struct{ Result []resource.OutdialTarget }
	b.do("GET", "/outdials/people/targets", nil, &page)
	for _, target := range page.Result {
		number := target.Destination0.Target
		if answered := target.Result == "success" || target.Result == "answered"; answered != c.up[number] || c.calls[number] == 0 {
			t.Errorf("%s: %s %s after %d calls, answered %v", number, target.Status, target.Result, c.calls[number], c.up[number])
		}
	}
	t.Logf("%d calls, %d answered, %d broken off", calls, len(c.up), stats.BrokenOff)
}

// keepPort gives the process the same SIP port at each start, as peers expect.
func (b *process) keepPort() {
	b.t.Helper()
	probe, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	address := probe.LocalAddr().String()
	if err := probe.Close(); err != nil {
		b.t.Fatal(err)
	}
	path := filepath.Join(b.dir, "offhook.yaml")
	raw, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	text := strings.ReplaceAll(string(raw), `"udp://127.0.0.1:0", "tcp://127.0.0.1:0"`, `"udp://`+address+`", "tcp://127.0.0.1:0"`)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}
