package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"offhook/media/wav"
	"offhook/resource"
)

// softphone is a baresip with an account. It sends a sine and writes what it
// hears to a file.
type softphone struct {
	t    *testing.T
	dir  string
	cmd  *exec.Cmd
	said bytes.Buffer // complete after done
	done chan error
}

// baresip starts a softphone that registers at server (host:port, with
// ;transport=), sends a sine of hz, runs commands and ends by itself after some
// seconds. ca is the file of the authority that it trusts.
func baresip(t *testing.T, server, ca, user, password string, hz, seconds int, account string, commands ...string) *softphone {
	t.Helper()
	if _, err := exec.LookPath("baresip"); err != nil {
		t.Skip("baresip is not installed (apt-get install baresip)")
	}
	p := &softphone{t: t, dir: t.TempDir(), done: make(chan error, 1)}
	port := freePair(t)
	files := map[string]string{
		"config": fmt.Sprintf(`sip_listen 127.0.0.1:%d
audio_source ausine,%d
audio_player aubridge,nil
ausrc_srate 48000
ausrc_channels 2
auplay_srate 8000
snd_path %s
module_path %s
sip_verify_server yes
sip_cafile %s
module g711.so
module ausine.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
`, port, hz, p.dir, moduleDir(t), ca),
		"accounts": fmt.Sprintf("<sip:%s@%s>;auth_user=%s;auth_pass=%s;regint=60%s\n", user, server, user, password, account),
		"contacts": "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"-f", p.dir, "-t", strconv.Itoa(seconds)}
	for _, c := range commands {
		args = append(args, "-e", c)
	}
	p.cmd = exec.CommandContext(t.Context(), "baresip", args...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = &p.said, &p.said, time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	return p
}

// moduleDir is where baresip's modules are.
func moduleDir(t *testing.T) string {
	t.Helper()
	for _, pattern := range []string{"/usr/lib/baresip/modules", "/usr/lib/*/baresip/modules", "/usr/local/lib/baresip/modules"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[0]
		}
	}
	t.Skip("baresip's modules are not found")
	return ""
}

// freePair is a port of which the next one is free too: baresip takes that for
// TLS.
func freePair(t *testing.T) int {
	t.Helper()
	for range 100 {
		port := freePort(t)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		if err == nil {
			l.Close()
			return port
		}
	}
	t.Fatal("no two free ports in a row")
	return 0
}

// wait waits for the end and returns what baresip said.
func (p *softphone) wait() string {
	p.t.Helper()
	if err := receiveOr(p.t, "baresip ends", p.done); err != nil {
		p.t.Errorf("baresip: %v", err)
	}
	return p.said.String()
}

// heard is the pitch in Hz of the second before the last one of what the
// softphone heard, 0 when that was silent.
func (p *softphone) heard() float64 {
	p.t.Helper()
	files, _ := filepath.Glob(filepath.Join(p.dir, "dump-*-dec.wav"))
	if len(files) == 0 {
		p.t.Fatalf("baresip heard nothing:\n%s", p.said.String())
	}
	f, err := os.Open(files[len(files)-1])
	if err != nil {
		p.t.Fatal(err)
	}
	defer f.Close()
	r, err := wav.NewReader(f)
	if err != nil {
		p.t.Fatal(err)
	}
	var pcm []int16
	for chunk := make([]int16, 4096); ; {
		n, err := r.Read(chunk)
		pcm = append(pcm, chunk[:n]...)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	rate := r.Header().Rate
	if len(pcm) < 2*rate {
		p.t.Fatalf("baresip heard %d samples only", len(pcm))
	}
	return pitch(pcm[len(pcm)-2*rate:len(pcm)-rate], rate)
}

// pitch is how often a second sound crosses zero upwards.
func pitch(pcm []int16, rate int) float64 {
	n, low := 0, false
	for _, s := range pcm {
		if s < -1000 {
			low = true
		}
		if s > 1000 && low {
			n, low = n+1, false
		}
	}
	return float64(n) * float64(rate) / float64(len(pcm))
}

// registered waits until an extension has so many phones.
func registered(t *testing.T, w *world, id string, phones int) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var e resource.Extension
		w.api("GET", "/v1/extensions/"+id, nil, &e)
		if len(e.Registered) == phones {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("extension %s has %d phones, want %d", id, len(e.Registered), phones)
		}
	}
}

// Two softphones register, one by TLS; it calls the other, and they hear each
// other.
func TestBaresip(t *testing.T) {
	slow(t)
	files := pairIn(t.TempDir())
	issue(t, files, time.Now().AddDate(1, 0, 0))
	w := newWorld(t, `
extensions:
  - {id: alice, extension: "1001", password: secret1001}
  - {id: bob, extension: "1002", password: secret1002}
`, func(cfg *Config) {
		cfg.SIP.Listen, cfg.SIP.TLS = append(cfg.SIP.Listen, "tls://127.0.0.1:0"), files
	})
	secure := strings.TrimPrefix(w.server.exchange.Addrs()[2], "tls://") + ";transport=tls"
	bob := baresip(t, w.sip.String(), files.Cert, "1002", "secret1002", 600, 30, ";answermode=auto")
	registered(t, w, "bob", 1)
	alice := baresip(t, secure, files.Cert, "1001", "secret1001", 400, 5, "", "/dial 1002")
	if said := alice.wait(); !strings.Contains(said, "Call established") || !strings.Contains(said, "{0/TLS/v4} 200 OK () [1 binding]") {
		t.Errorf("alice's baresip said\n%s", said)
	}
	var c resource.Call
	data := told(t, w, "call_hungup", `"direction":"incoming"`)
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if c.Source.Target != "1001" || c.HangupBy != "remote" || c.HangupReason != "normal" || c.Duration < 2 || c.Media == nil || c.Media.PacketsLost > 0 {
		t.Errorf("call %s", data)
	}
	if err := bob.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	bob.wait()
	for _, p := range []struct {
		who  string
		hear *softphone
		want float64
	}{{"alice", alice, 600}, {"bob", bob, 400}} {
		if got := p.hear.heard(); math.Abs(got-p.want) > 20 {
			t.Errorf("%s heard %.0f Hz, want %.0f", p.who, got, p.want)
		}
	}
	registered(t, w, "alice", 0)
	registered(t, w, "bob", 0)
}
