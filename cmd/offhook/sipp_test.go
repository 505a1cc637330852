package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"offhook/media/codec"
	"offhook/media/tone"
	"offhook/resource"
)

// sippRun is a run of a scenario of testdata/sipp, prog_NAME.xml.
type sippRun struct {
	scenario string
	remote   string            // host:port that is called; empty: sipp is called
	from     string            // its address; empty: 127.0.0.1
	port     int               // its port; 0: a free one
	tcp      bool              // one connection for everything
	user     string            // [service]: whom it calls
	account  string            // -au
	password string            // -ap
	keys     map[string]string // further [keywords]: rtp is its sound's port
	trace    bool              // keep every message
	times    int               // calls; 0: 1. A carrier is asked for its health besides
	echo     bool              // what it hears is sent back
	says     int               // Hz of the tone that uas_speaks plays
}

// sippProcess is a sipp that runs.
type sippProcess struct {
	t     *testing.T
	port  int
	trace string // file of messages
	done  chan error
	said  bytes.Buffer
	fault string
}

// sippTime bounds every run of sipp.
const sippTime = 3 * time.Minute

// start starts sipp; it is ended with the test at the latest.
func (r sippRun) start(t *testing.T) *sippProcess {
	t.Helper()
	if _, err := exec.LookPath("sipp"); err != nil {
		t.Skip("sipp is not installed (apt-get install sip-tester)")
	}
	dir := t.TempDir()
	p := &sippProcess{t: t, port: r.port, trace: filepath.Join(dir, "messages.log"), fault: filepath.Join(dir, "errors.log"), done: make(chan error, 1)}
	if p.port == 0 {
		p.port = freePort(t)
	}
	from, times := r.from, max(r.times, 1)
	if from == "" {
		from = "127.0.0.1"
	}
	scenario, err := filepath.Abs("../../testdata/sipp/prog_" + r.scenario + ".xml")
	if err != nil {
		t.Fatal(err)
	}
	args := []string{
		"-sf", scenario, "-nostdin", "-nd", "-m", strconv.Itoa(times),
		"-i", from, "-p", strconv.Itoa(p.port), "-timeout", strconv.Itoa(int(sippTime.Seconds())), "-timeout_error",
		"-trace_err", "-error_file", p.fault,
	}
	for name, value := range map[string]string{"-s": r.user, "-au": r.account, "-ap": r.password} {
		if value != "" {
			args = append(args, name, value)
		}
	}
	keys, media := map[string]string{"rtp": "9", "from": "sipp"}, "127.0.0.1"
	for name, value := range r.keys {
		keys[name] = value
	}
	if r.echo || r.says > 0 {
		media = nextAddress()
	}
	if r.echo {
		args = append(args, "-rtp_echo")
	}
	if r.says > 0 {
		if err := os.WriteFile(filepath.Join(dir, "tone.ul"), toneFile(r.says), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args = append(args, "-mi", media)
	for name, value := range keys {
		args = append(args, "-key", name, value)
	}
	if r.tcp {
		args = append(args, "-t", "t1")
	}
	if r.trace {
		args = append(args, "-trace_msg", "-message_file", p.trace)
	}
	if r.remote != "" {
		args = append(args, r.remote)
	}
	cmd := exec.CommandContext(t.Context(), "sipp", args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, &p.said, &p.said, time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- cmd.Wait() }()
	if r.remote == "" {
		p.listens(map[bool]string{false: "udp", true: "tcp"}[r.tcp])
	}
	return p
}

// addresses counts the addresses given out.
var addresses atomic.Uint32

// nextAddress is an address of the loopback that nobody else in this test has:
// sipp wants two ports for its sound, and gives up when one is taken.
func nextAddress() string {
	n := addresses.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()%250, n/250, 1+n%250)
}

// toneFile is a second of a tone in PCMU.
func toneFile(hz int) []byte {
	pcm := make([]int16, 8000)
	_ = tone.New(8000, tone.Spec{Hz1: float64(hz), Level: -7}).ReadFrame(pcm)
	f, _ := codec.Lookup("PCMU")
	payload := make([]byte, len(pcm))
	return payload[:f.NewEncoder().Encode(payload, pcm)]
}

// listens waits until sipp has opened its port: a call that comes before is
// refused at once over TCP, and goes by the next route.
func (p *sippProcess) listens(network string) {
	p.t.Helper()
	port := fmt.Sprintf(":%04X ", p.port)
	deadline, tick := time.After(sippTime), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		sockets, err := os.ReadFile("/proc/net/" + network)
		if err != nil || strings.Contains(string(sockets), port) {
			return
		}
		select {
		case <-tick.C:
		case err := <-p.done:
			p.done <- err
			p.wait()
			return
		case <-deadline:
			p.t.Fatalf("sipp opened no port within %s", sippTime)
		}
	}
}

// wait waits until sipp is through and content.
func (p *sippProcess) wait() {
	p.t.Helper()
	if err := <-p.done; err != nil {
		faults, _ := os.ReadFile(p.fault)
		said := p.said.String()
		p.t.Fatalf("sipp: %v\n%s\n%s", err, said[max(0, len(said)-4000):], faults)
	}
}

// until waits for what must happen while sipp runs.
func (p *sippProcess) until(t *testing.T, what string, signal <-chan struct{}) {
	t.Helper()
	select {
	case <-signal:
	case err := <-p.done:
		p.done <- err
		p.wait()
		trace, _ := os.ReadFile(p.trace) // there is none unless the run is traced
		t.Fatalf("sipp was through before: %s\n%s", what, trace)
	case <-time.After(sippTime):
		trace, _ := os.ReadFile(p.trace)
		t.Fatalf("%s: not within %s\n%s", what, sippTime, trace)
	}
}

// messages is every message of a traced run.
func (p *sippProcess) messages() string {
	p.t.Helper()
	raw, err := os.ReadFile(p.trace)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(raw)
}

// freePort is a UDP port of the loopback that was free a moment ago.
func freePort(t testing.TB) int {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).Port
}

// with makes the sound of a run go to an end.
func (r sippRun) with(s *soundEnd) sippRun {
	keys := map[string]string{"rtp": strconv.Itoa(s.port())}
	for name, value := range r.keys {
		keys[name] = value
	}
	r.keys = keys
	return r
}

// menuFor is a menu that says what was chosen in the variable chosen, under a
// name of its own.
func menuFor(name string) string {
	return fmt.Sprintf(`
  - id: %[1]s
    actions:
      - {type: talk, option: {text: "Welcome. Press two.", language: en-US}}
      - {type: digits_receive, option: {duration: 15000, length: %[2]d}}
      - {type: branch, option: {target_ids: {"2": two, "42": two}}}
      - {type: variable_set, option: {key: chosen, value: wrong}}
      - {type: hangup}
      - {id: two, type: variable_set, option: {key: chosen, value: two}}
      - {type: beep}
`, name, map[bool]int{true: 2, false: 1}[name == "info"])
}

// sippResources is what the scenarios call.
func sippResources() string {
	var flows, numbers strings.Builder
	for _, name := range []string{"menu", "info", "inband", "late", "late-tcp"} {
		flows.WriteString(menuFor(name))
		fmt.Fprintf(&numbers, "  - {id: %[1]s, number: %[1]s, call_flow_id: %[1]s}\n", name)
	}
	return "flows:" + flows.String() + `
  - {id: echo, actions: [{type: answer}, {type: echo, option: {duration: 60000}}]}
  - {id: short, actions: [{type: beep}, {type: sleep, option: {duration: 300}}]}
  - {id: early, actions: [{type: talk, option: {text: "You hear this before the answer.", early_media: true}}, {type: answer}, {type: sleep, option: {duration: 300}}]}
  - {id: rings, actions: [{type: sleep, option: {duration: 30000}}]}
  - {id: carrier, actions: [{type: connect, option: {destinations: [{type: tel, target: "+15559990000"}]}}]}
numbers:
` + numbers.String() + `
  - {id: echo, number: echo, call_flow_id: echo}
  - {id: connection, number: connection, call_flow_id: short}
  - {id: timer, number: timer, call_flow_id: short}
  - {id: trunk, number: trunk, call_flow_id: echo}
  - {id: early, number: early, call_flow_id: early}
  - {id: rings, number: rings, call_flow_id: rings}
  - {id: hold, number: hold, call_flow_id: carrier}
  - {id: moved, number: moved, call_flow_id: echo}
extensions:
  - {id: alice, extension: "1001", password: secret1001}
`
}

// told waits for a webhook of a type whose data contains every text. Unlike
// world.hook it may be used in a subtest.
func told(t *testing.T, w *world, name string, contains ...string) json.RawMessage {
	t.Helper()
	deadline := time.After(patience)
	for {
		w.mu.Lock()
		changed, hooks := w.told, slices.Clone(w.hooks)
		w.mu.Unlock()
		for _, h := range hooks {
			if h.Type == name && !slices.ContainsFunc(contains, func(s string) bool { return !strings.Contains(string(h.Data), s) }) {
				return h.Data
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("no webhook %s with %q within %s", name, contains, patience)
		}
	}
}

// ended waits for the end of the call to a number and returns its row.
func ended(t *testing.T, w *world, number string) resource.Call {
	t.Helper()
	var c resource.Call
	if err := json.Unmarshal(told(t, w, "call_hungup", fmt.Sprintf(`"destination":{"type":"sip","target":%q}`, number)), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// sipp calls the menu: digits come by RFC 4733, by INFO, and as tones where
// the caller offers no telephone-event; also after an offer of ours.
func TestSippMenu(t *testing.T) {
	slow(t)
	w := newWorld(t, sippResources())
	tests := []struct {
		number, scenario string
		tcp              bool
		press            func(*soundEnd)
		digits           []string
	}{
		{"menu", "uac_call", false, func(s *soundEnd) { s.press("2") }, []string{"2"}},
		{"info", "uac_info", false, func(*soundEnd) {}, []string{"4", "2"}},
		{"inband", "uac_inband", false, func(s *soundEnd) {
			spec, _ := tone.DTMF('2', 100*time.Millisecond, 50*time.Millisecond)
			s.play(tone.New(8000, spec))
		}, []string{"2"}},
		{"late", "uac_late_offer", false, func(s *soundEnd) { s.press("2") }, []string{"2"}},
		{"late-tcp", "uac_late_offer", true, func(s *soundEnd) { s.press("2") }, []string{"2"}},
	}
	for _, tt := range tests {
		t.Run(tt.number, func(t *testing.T) {
			t.Parallel()
			sound := newSoundEnd(t, "PCMU")
			welcome := sound.hears(20)
			p := sippRun{scenario: tt.scenario, remote: at(t, w, tt.tcp), user: tt.number, tcp: tt.tcp}.with(sound).start(t)
			p.until(t, "the welcome is heard", welcome)
			tt.press(sound)
			p.wait()
			c := ended(t, w, tt.number)
			if c.HangupReason != "normal" || c.HangupBy != "local" || c.TMProgressing == nil || c.TMRinging == nil {
				t.Errorf("call %+v", c)
			}
			if data := told(t, w, "activeflow_ended", fmt.Sprintf("%q", c.ActiveflowID)); !strings.Contains(string(data), `"chosen":"two"`) {
				t.Errorf("the menu understood something else: %s", data)
			}
			for _, d := range tt.digits {
				told(t, w, "dtmf_received", c.ID, fmt.Sprintf(`"digit":%q`, d))
			}
		})
	}
}

// at is the server's UDP or TCP address.
func at(t *testing.T, w *world, tcp bool) string {
	t.Helper()
	scheme := map[bool]string{false: "udp://", true: "tcp://"}[tcp]
	for _, a := range w.server.exchange.Addrs() {
		if rest, ok := strings.CutPrefix(a, scheme); ok {
			return rest
		}
	}
	t.Fatalf("the server has no %s", scheme)
	return ""
}

// TestMain lets more tests wait at the same time than there are processors:
// they run in real time and wait for programs.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		if err := f.Value.Set("12"); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if buildDir != "" {
		_ = os.RemoveAll(buildDir)
	}
	os.Exit(code)
}

// slow skips what takes long in real time.
func slow(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs whole calls in real time")
	}
}

// sipp calls for what needs no keys. What the scenario itself checks is in its
// file; here is what offhook knows of the call afterwards.
func TestSippCalls(t *testing.T) {
	slow(t)
	w := newWorld(t, sippResources())
	tests := []struct {
		number, scenario string
		tcp              bool
		reason, by       string
		seconds          int // at least
	}{
		{"connection", "uac_call", true, "normal", "local", 0},
		{"echo", "uac_hangup", false, "normal", "remote", 1},
		{"rings", "uac_cancel", false, "cancel", "remote", 0},
		{"early", "uac_prack", false, "normal", "local", 0},
		{"timer", "uac_session_timer", false, "normal", "local", 0},
	}
	for _, tt := range tests {
		t.Run(tt.scenario, func(t *testing.T) {
			t.Parallel()
			sound := newSoundEnd(t, "PCMU")
			heard := sound.hears(10)
			p := sippRun{scenario: tt.scenario, remote: at(t, w, tt.tcp), user: tt.number, tcp: tt.tcp}.with(sound).start(t)
			if tt.number == "early" {
				p.until(t, "early media is heard", heard)
			}
			p.wait()
			c := ended(t, w, tt.number)
			if c.HangupReason != tt.reason || c.HangupBy != tt.by || c.Duration < tt.seconds {
				t.Errorf("ended by %s: %s after %d s", c.HangupBy, c.HangupReason, c.Duration)
			}
			if answered := tt.reason != "cancel"; answered != (c.TMProgressing != nil) {
				t.Errorf("answered at %v", c.TMProgressing)
			}
		})
	}
}

// sipp holds its call with somebody behind the carrier: they hear music, and
// hear it again when it comes back.
func TestSippHold(t *testing.T) {
	slow(t)
	w := newWorld(t, sippResources())
	callee := w.next(w.pickUp)
	sound := newSoundEnd(t, "PCMU")
	p := sippRun{scenario: "uac_hold", remote: w.sip.String(), user: "hold"}.with(sound).start(t)
	c := receiveOr(t, "the callee is called", callee)
	e := newEar()
	c.Port().Attach(e, 8000)
	sound.tone()
	p.until(t, "the callee hears the caller", e.hears(20))
	sound.play(nil)
	p.until(t, "the callee hears music while it is held", e.hears(40))
	c.Play(tone.New(8000, tone.Milliwatt()))
	for e.quiet.Load() < 50 { // the music ends when the caller comes back, and the caller is silent
		p.until(t, "the music ends", after(20*time.Millisecond))
	}
	sound.tone()
	p.until(t, "the callee hears the caller again", e.hears(20))
	back := sound.hears(20)
	p.until(t, "the caller hears the callee again", back)
	c.Hangup()
	p.wait()
}

// after closes a channel when a time is over.
func after(d time.Duration) <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
}

// sipp moves its sound to another port and codec in the middle of the call.
func TestSippMoved(t *testing.T) {
	slow(t)
	w := newWorld(t, sippResources())
	before, after := newSoundEnd(t, "PCMU"), newSoundEnd(t, "PCMA")
	p := sippRun{scenario: "uac_moved", remote: w.sip.String(), user: "moved", keys: map[string]string{"rtp2": strconv.Itoa(after.port())}}.with(before).start(t)
	heard, heardAfter := before.hears(20), after.hears(20)
	c := callUp(t, w, "moved")
	before.aim(t, c)
	before.tone()
	p.until(t, "the echo is heard at the first port", heard)
	after.aim(t, c)
	after.tone()
	p.until(t, "the echo is heard at the second port", heardAfter)
	before.loud.Store(0)
	p.until(t, "the echo goes on at the second port", after.hears(20))
	if n := before.loud.Load(); n > 0 {
		t.Errorf("the first port still gets sound: %d frames", n)
	}
	w.api("POST", "/v1/calls/"+c.ID+"/hangup", nil, nil)
	p.wait()
}

// callUp waits for a call to a number that is up and returns it.
func callUp(t *testing.T, w *world, number string) resource.Call {
	t.Helper()
	var c resource.Call
	data := told(t, w, "call_progressing", fmt.Sprintf(`"target":%q`, number))
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	w.api("GET", "/v1/calls/"+c.ID, nil, &c)
	return c
}

// aim lets the end send to a call's port without having heard from it.
func (s *soundEnd) aim(t *testing.T, c resource.Call) {
	t.Helper()
	if c.Media == nil {
		t.Fatal("the call has no sound")
	}
	local, _, _ := strings.Cut(strings.TrimPrefix(c.Media.Path, "rtp "), " ")
	ap, err := netip.ParseAddrPort(local)
	if err != nil {
		t.Fatalf("path %q: %v", c.Media.Path, err)
	}
	to := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), ap.Port())
	s.remote.Store(&to)
}

// sipp is the carrier of a call that the API places, and of one that fails over.
func TestSippCarrier(t *testing.T) {
	slow(t)
	w := newWorld(t, "")
	tests := []struct {
		scenario  string
		prefix    string
		first     string // provider that is tried before
		api       bool   // the API hangs up
		status    string // last but one
		reason    string
		by        string
		provider  map[string]any
		transport string
	}{
		{scenario: "uas_answer", prefix: "+1001", reason: "normal", by: "local"},
		{scenario: "uas_answer", prefix: "+1002", reason: "normal", by: "local", transport: "tcp"},
		{scenario: "uas_answer_bye", prefix: "+1003", reason: "normal", by: "remote"},
		{scenario: "uas_answer", prefix: "+1004", first: "uas_503", reason: "normal", by: "local"},
		{scenario: "uas_answer", prefix: "+1005", first: "nobody", reason: "normal", by: "local"},
		{scenario: "uas_486", prefix: "+1006", reason: "busy", by: "remote"},
		{scenario: "uas_digest", prefix: "+1007", reason: "normal", by: "local", provider: map[string]any{"username": "offhook", "password": "s3cret"}},
		{scenario: "uas_cancel_race", prefix: "+1008", api: true, reason: "cancel", by: "local"},
		{scenario: "uas_session_timer", prefix: "+1009", reason: "normal", by: "local"},
		{scenario: "uas_session_lost", prefix: "+1010", reason: "timeout", by: "local"},
	}
	for _, tt := range tests {
		t.Run(tt.scenario+tt.prefix, func(t *testing.T) {
			t.Parallel()
			sound := newSoundEnd(t, "PCMU")
			heard := sound.hears(10)
			var others []*sippProcess
			if tt.first != "" {
				port := freePort(t)
				if tt.first != "nobody" {
					others = append(others, sippRun{scenario: tt.first, port: port, times: 2}.start(t))
				}
				w.route(t, tt.prefix, 1, port, "", nil)
			}
			p := sippRun{scenario: tt.scenario, tcp: tt.transport == "tcp", times: 2, trace: true}.with(sound).start(t)
			w.route(t, tt.prefix, 2, p.port, tt.transport, tt.provider)
			c := w.place(t, tt.prefix+"5550000", tt.scenario)
			if tt.api {
				told(t, w, "call_ringing", c.ID)
				w.api("POST", "/v1/calls/"+c.ID+"/hangup", nil, nil)
			} else if tt.scenario == "uas_answer" {
				p.until(t, "the callee hears the beep", heard)
			}
			p.wait()
			for _, o := range others {
				o.wait()
			}
			if err := json.Unmarshal(told(t, w, "call_hungup", c.ID), &c); err != nil {
				t.Fatal(err)
			}
			if c.HangupReason != tt.reason || c.HangupBy != tt.by {
				t.Errorf("ended by %s: %s (%s)", c.HangupBy, c.HangupReason, c.HangupDetail)
			}
		})
	}
}

// route leads a prefix to a port of the loopback.
func (w *world) route(t *testing.T, prefix string, priority, port int, transport string, more map[string]any) {
	t.Helper()
	id := fmt.Sprintf("p%d-%s", priority, strings.TrimPrefix(prefix, "+"))
	body := map[string]any{"id": id, "hostname": fmt.Sprintf("127.0.0.1:%d", port)}
	if transport != "" {
		body["hostname"] = fmt.Sprintf("127.0.0.1:%d;transport=%s", port, transport)
	}
	for k, v := range more {
		body[k] = v
	}
	w.api("POST", "/v1/providers", body, nil)
	w.api("POST", "/v1/routes", map[string]any{"id": id, "provider_id": id, "target": prefix, "priority": priority}, nil)
}

// place lets the API call a number; the call beeps and, unless the other side
// is to end it, hangs up.
func (w *world) place(t *testing.T, number, scenario string) resource.Call {
	t.Helper()
	actions := `{"type":"beep"}`
	switch scenario {
	case "uas_session_timer": // longer than one refresh, shorter than two
		actions += `,{"type":"sleep","option":{"duration":2500}}`
	case "uas_answer_bye", "uas_session_lost":
		actions += `,{"type":"sleep","option":{"duration":10000}}`
	}
	var placed struct{ Calls []resource.Call }
	w.api("POST", "/v1/calls", `{"source":{"type":"tel","target":"+15551230000"},"destinations":[{"type":"tel","target":"`+number+`"}],"actions":[`+actions+`]}`, &placed)
	if len(placed.Calls) != 1 {
		t.Fatalf("placed %+v", placed)
	}
	return placed.Calls[0]
}
