package main

import (
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"offhook/resource"
)

const doorResources = `
trunks:
  - {id: pbx, name: PBX, auth_types: [basic], username: pbx, password: trunksecret}
extensions: [{id: alice, extension: "1001", password: secret1001}]
flows:
  - {id: echo, actions: [{type: answer}, {type: echo, option: {duration: 60000}}]}
numbers: [{id: echo, number: echo, call_flow_id: echo}]
`

// Trunks and extensions come in with their passwords and with nothing else.
func TestSippPasswords(t *testing.T) {
	t.Parallel()
	b := newProcess(t, doorResources)
	b.start()
	for _, tt := range []struct{ scenario, account, password, source string }{
		{"uac_digest", "pbx", "trunksecret", "sip pbx"},
		{"uac_digest", "1001", "secret1001", "extension 1001"},
		{"uac_digest_wrong", "pbx", "else", ""},
		{"uac_digest_wrong", "1001", "else", ""},
		{"uac_digest_wrong", "nobody", "else", ""},
	} {
		sippRun{
			scenario: tt.scenario, remote: b.sip, user: "echo", account: tt.account, password: tt.password,
			keys: map[string]string{"from": tt.account},
		}.start(t).wait()
		var list struct{ Result []resource.Call }
		b.do("GET", "/calls?page_size=1", nil, &list)
		if tt.source == "" {
			continue
		}
		if len(list.Result) != 1 || list.Result[0].Source.Type+" "+list.Result[0].Source.Target != tt.source {
			t.Errorf("%s: calls %+v", tt.account, list.Result)
		}
	}
	var list struct{ Result []resource.Call }
	b.do("GET", "/calls", nil, &list)
	if len(list.Result) != 2 {
		t.Errorf("%d calls came in, want 2", len(list.Result))
	}
}

// A phone behind a NAT registers with an address that leads nowhere, and is
// called where it registered from, also after a restart.
func TestSippBehindNAT(t *testing.T) {
	t.Parallel()
	b := newProcess(t, doorResources)
	b.start()
	port := freePort(t)
	sippRun{
		scenario: "uac_register", remote: b.sip, from: "127.0.0.9", port: port, account: "1001", password: "secret1001",
		keys: map[string]string{"from": "1001", "contact": "203.0.113.9:5062"},
	}.start(t).wait()
	for _, restart := range []bool{false, true} {
		if restart {
			b.signal(syscall.SIGKILL)
			b.start()
		}
		sound := newSoundEnd(t, "PCMU")
		heard := sound.hears(10)
		p := sippRun{scenario: "uas_phone", from: "127.0.0.9", port: port}.with(sound).start(t)
		b.do("POST", "/calls", map[string]any{
			"source":       map[string]string{"type": "tel", "target": "+15551230000"},
			"destinations": []map[string]string{{"type": "extension", "target": "1001"}},
			"actions":      []map[string]string{{"type": "beep"}},
		}, nil)
		p.until(t, "the phone hears the beep", heard)
		p.wait()
	}
}

// offhook registers at a carrier that asks for a password.
func TestSippCarrierRegistration(t *testing.T) {
	slow(t)
	w := newWorld(t, "")
	p := sippRun{scenario: "uas_register", times: 2}.start(t)
	w.api("POST", "/v1/providers", map[string]any{
		"id": "registered", "hostname": fmt.Sprintf("127.0.0.1:%d", p.port),
		"username": "offhook", "password": "s3cret", "register": true,
	}, nil)
	p.wait()
	deadline := time.After(5 * time.Second)
	for {
		_, raw := w.request("GET", "/v1/providers/registered", nil)
		if strings.Contains(string(raw), `"registered"`) && strings.Contains(string(raw), `"healthy"`) {
			return
		}
		select {
		case <-after(50 * time.Millisecond):
		case <-deadline:
			t.Fatalf("provider %s", raw)
		}
	}
}

// Above max_calls new calls are asked to come back later.
func TestSippFull(t *testing.T) {
	slow(t)
	w := newWorld(t, sippResources(), func(c *Config) { c.MaxCalls = 1 })
	c := w.dial("echo")
	receiveOr(t, "answer", c.UpSignal())
	sippRun{scenario: "uac_503", remote: w.sip.String(), user: "echo"}.start(t).wait()
	c.Hangup()
	receiveOr(t, "the end", c.Done())
	ended(t, w, "echo")
	sippRun{scenario: "uac_hangup", remote: w.sip.String(), user: "echo"}.start(t).wait()
	sippRun{scenario: "uac_404", remote: w.sip.String(), user: "nobody"}.start(t).wait()
}

// A scanner is slowed, then ignored; it shows in the metrics and the log.
func TestSippScanner(t *testing.T) {
	t.Parallel()
	b := newProcess(t, doorResources)
	b.start()
	p := sippRun{scenario: "uac_scanner", remote: b.sip, from: "127.0.0.66", times: 4, keys: map[string]string{"from": "100", "contact": "127.0.0.66"}}.start(t)
	for b.metric("offhook_sip_ignored_sources") != 1 {
		p.until(t, "the scanner is ignored", after(50*time.Millisecond))
	}
	if answered(t, "127.0.0.66", b.sip) {
		t.Error("the scanner is answered")
	}
	if !answered(t, "127.0.0.67", b.sip) {
		t.Error("its neighbour is not answered")
	}
	p.wait() // what it asked before is answered late
	for name, least := range map[string]float64{"sip_scans_total": 4, "sip_dropped_total": 1} {
		if got := b.metric("offhook_" + name); got < least {
			t.Errorf("%s %g, want at least %g", name, got, least)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if log := b.log.String(); !strings.Contains(log, `msg="sip source ignored" source=127.0.0.66`) {
		t.Error("the log does not tell of the scanner")
	}
}

// Who guesses passwords gets the same answers for users that exist and for
// those that do not, and is slowed.
func TestSippGuesses(t *testing.T) {
	t.Parallel()
	b := newProcess(t, doorResources)
	b.start()
	guess := func(scenario, user string) string {
		p := sippRun{
			scenario: scenario, remote: b.sip, from: "127.0.0.68", user: "echo", account: user, password: "guess",
			keys: map[string]string{"from": user, "contact": "127.0.0.68"}, trace: true,
		}.start(t)
		p.wait()
		return plainAnswers(p.messages(), user)
	}
	for _, scenario := range []string{"uac_register_wrong", "uac_digest_wrong"} {
		there, missing := guess(scenario, "1001"), guess(scenario, "1999")
		if there != missing || strings.Count(there, "SIP/2.0 4") < 2 {
			t.Errorf("%s: a user that exists gets\n%s\none that does not\n%s", scenario, there, missing)
		}
	}
	for i := 0; b.metric("offhook_sip_slowed_sources") == 0; i++ {
		if i == 10 {
			t.Fatal("not slowed after ten guesses more")
		}
		guess("uac_register_wrong", "1001")
	}
	if got := b.metric("offhook_sip_wrong_passwords_total"); got < 5 {
		t.Errorf("%g wrong passwords counted", got)
	}
}

// changing is what differs from answer to answer.
var changing = regexp.MustCompile(`(?m)(branch=|tag=|nonce="|opaque="|rport=|127\.0\.0\.68:|^Call-ID: |^Date: )[^;>"\r\n]*`)

// plainAnswers is every message that sipp received, without what changes.
func plainAnswers(trace, user string) string {
	var answers []string
	for part := range strings.SplitSeq(trace, "-----------------------------------------------") {
		if head, body, ok := strings.Cut(part, "\r\n\r\n"); ok || strings.Contains(head, "message received") {
			if _, message, received := strings.Cut(head+body, "message received"); received {
				_, message, _ = strings.Cut(message, "SIP/2.0")
				answers = append(answers, "SIP/2.0"+changing.ReplaceAllString(strings.ReplaceAll(message, user, "USER"), "$1"))
			}
		}
	}
	return strings.Join(answers, "\n")
}

// answered reports whether an OPTIONS from an address gets an answer soon.
func answered(t *testing.T, from, to string) bool {
	t.Helper()
	conn, err := net.ListenPacket("udp", from+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	me := conn.LocalAddr().String()
	peer, err := net.ResolveUDPAddr("udp", to)
	if err != nil {
		t.Fatal(err)
	}
	ask := strings.Join([]string{
		"OPTIONS sip:" + to + " SIP/2.0", "Via: SIP/2.0/UDP " + me + ";branch=z9hG4bK" + me, "From: <sip:a@" + me + ">;tag=1",
		"To: <sip:" + to + ">", "Call-ID: " + me, "CSeq: 1 OPTIONS", "Max-Forwards: 70", "Content-Length: 0", "", "",
	}, "\r\n")
	if _, err := conn.WriteTo([]byte(ask), peer); err != nil {
		t.Fatal(err)
	}
	if err := conn.SetReadDeadline(time.Now().Add(700 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_, _, err = conn.ReadFrom(make([]byte, 2000))
	return err == nil
}

// metric is a value of /metrics.
func (b *process) metric(name string) float64 {
	b.t.Helper()
	for line := range strings.Lines(string(b.download("/metrics"))) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				b.t.Fatal(err)
			}
			return v
		}
	}
	b.t.Fatalf("no metric %s", name)
	return 0
}
