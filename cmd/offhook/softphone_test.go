package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/media/wav"
	"offhook/resource"
)

// softphone is a baresip: a program of others that registers or takes calls
// from anywhere, says a tone or a file, writes down what it hears, and takes
// orders over TCP (its module ctrl_tcp).
type softphone struct {
	t       *testing.T
	dir     string
	port    int // where it takes calls
	cmd     *exec.Cmd
	said    bytes.Buffer // complete after done
	done    chan error
	control net.Conn
	answers chan softphoneMessage

	mu     sync.Mutex
	events []softphoneMessage
	told   chan struct{} // closed at the next event
}

// softphoneMessage is an answer to an order, or an event.
type softphoneMessage struct {
	Event, Response, OK bool
	Type, Data, Param   string
	PeerURI             string
}

// line is how a softphone is set up.
type line struct {
	user     string
	server   string // where it registers; empty: it takes calls from anywhere
	password string
	hz       int    // of the tone that it says
	file     string // said instead of the tone, a WAV at 8 kHz
	more     string // further parameters of the account
}

// newSoftphone starts a softphone that answers every call; it ends with the
// test at the latest.
func newSoftphone(t *testing.T, l line) *softphone {
	t.Helper()
	if _, err := exec.LookPath("baresip"); err != nil {
		t.Skip("baresip is not installed (apt-get install baresip)")
	}
	p := &softphone{
		t: t, dir: t.TempDir(), port: freePair(t), done: make(chan error, 1),
		answers: make(chan softphoneMessage, 16), told: make(chan struct{}),
	}
	orders := freePair(t)
	source, rate, channels := fmt.Sprintf("ausine,%d", l.hz), 48000, 2
	if l.file != "" {
		source, rate, channels = "aufile,"+l.file, 8000, 1
	}
	account := fmt.Sprintf("<sip:%s@127.0.0.1:%d>;regint=0;answermode=auto", l.user, p.port)
	if l.server != "" {
		account = fmt.Sprintf("<sip:%s@%s>;auth_user=%s;auth_pass=%s;regint=60;answermode=auto", l.user, l.server, l.user, l.password)
	}
	files := map[string]string{
		"config": fmt.Sprintf(`sip_listen 127.0.0.1:%d
ctrl_tcp_listen 127.0.0.1:%d
audio_source %s
audio_player aubridge,nil
ausrc_srate %d
ausrc_channels %d
snd_path %s
module_path %s
module g711.so
module g722.so
module ausine.so
module aufile.so
module aubridge.so
module sndfile.so
module_app account.so
module_app menu.so
module_app ctrl_tcp.so
`, p.port, orders, source, rate, channels, p.dir, moduleDir(t)),
		"accounts": account + l.more + "\n",
		"contacts": "\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.cmd = exec.CommandContext(t.Context(), "baresip", "-f", p.dir)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = &p.said, &p.said, time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.done <- p.cmd.Wait() }()
	p.connect(orders)
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
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		next, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		l.Close()
		if err == nil {
			next.Close()
			return port
		}
	}
	t.Fatal("no two free ports in a row")
	return 0
}

// connect opens the line for orders and listens to it.
func (p *softphone) connect(port int) {
	p.t.Helper()
	p.wait("it takes orders", func() (ok bool) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		p.control = conn
		return err == nil
	})
	p.t.Cleanup(func() { p.control.Close() })
	go p.listen()
}

// wait looks until something is so.
func (p *softphone) wait(what string, so func() bool) {
	p.t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(25*time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case err := <-p.done:
			p.done <- err
			p.t.Fatalf("baresip ended before: %s: %v\n%s", what, err, p.said.String())
		case <-deadline:
			p.t.Fatalf("%s: not within %s; baresip heard %v", what, patience, p.heard())
		}
	}
}

// listen reads netstrings of JSON.
func (p *softphone) listen() {
	decoder := json.NewDecoder(&netstrings{conn: p.control})
	for {
		var m softphoneMessage
		if decoder.Decode(&m) != nil {
			return // the test is over
		}
		if m.Response {
			p.answers <- m
			continue
		}
		p.mu.Lock()
		p.events = append(p.events, m)
		close(p.told)
		p.told = make(chan struct{})
		p.mu.Unlock()
	}
}

// netstrings reads the contents of netstrings as one stream.
type netstrings struct {
	conn net.Conn
	left int
}

func (n *netstrings) Read(b []byte) (int, error) {
	for one := make([]byte, 1); n.left == 0; {
		length := 0
		for { // the comma after the last one, digits, a colon
			if _, err := n.conn.Read(one); err != nil {
				return 0, err
			}
			if one[0] == ':' {
				break
			}
			if one[0] != ',' {
				length = 10*length + int(one[0]-'0')
			}
		}
		n.left = length
	}
	read, err := n.conn.Read(b[:min(len(b), n.left)])
	n.left -= read
	return read, err
}

// do gives an order, a long command of baresip's menu, and waits until it is
// carried out.
func (p *softphone) do(command, params string) {
	p.t.Helper()
	raw, err := json.Marshal(map[string]string{"command": command, "params": params})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.control, "%d:%s,", len(raw), raw); err != nil {
		p.t.Fatal(err)
	}
	if m := receiveOr(p.t, "baresip takes the order "+command, p.answers); !m.OK {
		p.t.Fatalf("baresip: %s %s: %s", command, params, m.Data)
	}
}

// until waits for the nth event of a type and returns it.
func (p *softphone) until(event string, n int) softphoneMessage {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		p.mu.Lock()
		told, events := p.told, slices.Clone(p.events)
		p.mu.Unlock()
		found := slices.DeleteFunc(events, func(m softphoneMessage) bool { return m.Type != event })
		if len(found) >= n {
			return found[n-1]
		}
		select {
		case <-told:
		case <-deadline:
			p.t.Fatalf("baresip: no %d. %s within %s", n, event, patience)
		}
	}
}

// quit ends the softphone and returns what it said.
func (p *softphone) quit() string {
	p.t.Helper()
	p.do("quit", "")
	if err := receiveOr(p.t, "baresip ends", p.done); err != nil {
		p.t.Errorf("baresip: %v", err)
	}
	return p.said.String()
}

// recording is all that the softphone has heard until now, call after call, and
// its rate.
func (p *softphone) recording() (pcm []int16, rate int) { return p.tapes("dec") }

// spoken is all that the softphone has said until now.
func (p *softphone) spoken() []int16 {
	pcm, _ := p.tapes("enc")
	return pcm
}

// tapes reads the files of one direction.
func (p *softphone) tapes(direction string) (pcm []int16, rate int) {
	p.t.Helper()
	files, _ := filepath.Glob(filepath.Join(p.dir, "dump-*-"+direction+".wav"))
	slices.Sort(files)
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			p.t.Fatal(err)
		}
		r, err := wav.NewReader(bytes.NewReader(raw))
		if err != nil {
			continue // its header is being written
		}
		rate = r.Header().Rate
		for chunk := make([]int16, 4096); ; {
			n, err := r.Read(chunk)
			pcm = append(pcm, chunk[:n]...)
			if err != nil {
				break
			}
		}
	}
	return pcm, max(rate, 8000)
}

// pitches are the tones of all who talk to softphones in tests: neither speech nor
// our music dwells on one, and as no two are as far apart as two others, what a
// limiter adds to several is none of them.
var pitches = []int{1110, 1280, 1790, 2640, 2980}

// sound is what a softphone hears for 100 ms: which of the pitches.
type sound map[int]bool

func (s sound) String() string {
	var heard []string
	for _, hz := range pitches {
		if s[hz] {
			heard = append(heard, strconv.Itoa(hz))
		}
	}
	return strings.Join(heard, "+")
}

// heard is what the softphone has heard until now, tenth of a second by tenth
// of a second, by the pitches in it ("1110+1790"; "" for none).
func (p *softphone) heard() []string {
	p.t.Helper()
	pcm, rate := p.recording()
	var all []string
	for piece := range slices.Chunk(pcm, rate/10) {
		if len(piece) < rate/10 {
			break
		}
		all = append(all, listen(piece, rate).String())
	}
	return all
}

// listen tells the pitches in a piece of which they are nearly all: a voice that
// meets one for a moment is none.
func listen(piece []int16, rate int) sound {
	s, energy, pure := sound{}, 0.0, 0.0
	for _, v := range piece {
		energy += float64(v) * float64(v) / 32768 / 32768
	}
	for _, hz := range pitches {
		if l := level(piece, float64(hz), float64(rate)); l > audible {
			s[hz] = true
			pure += math.Pow(10, l/10) / 2 // a full sine's mean square is a half
		}
	}
	if pure < 0.7*energy/float64(len(piece)) {
		return sound{}
	}
	return s
}

// audible is the level in dB of full scale above which a pitch counts as heard.
const audible = -32

// level is the level of a pitch by Goertzel's algorithm, in dB of full scale.
func level(pcm []int16, hz, rate float64) float64 {
	k := 2 * math.Cos(2*math.Pi*hz/rate)
	var s1, s2 float64
	for _, v := range pcm {
		s1, s2 = float64(v)/32768+k*s1-s2, s1
	}
	n := float64(len(pcm))
	return 10 * math.Log10((s1*s1+s2*s2-k*s1*s2)/(n*n/4)+1e-10)
}

// chord names a combination of pitches as heard does.
func chord(hz ...int) string {
	s := sound{}
	for _, h := range hz {
		s[h] = true
	}
	return s.String()
}

// hears waits until the softphone has just heard exactly these pitches for
// three tenths of a second.
func (p *softphone) hears(hz ...int) {
	p.t.Helper()
	want := chord(hz...)
	p.wait("it hears "+want, func() bool {
		heard := p.heard()
		n := len(heard)
		return n >= 3 && heard[n-1] == want && heard[n-2] == want && heard[n-3] == want
	})
}

// never fails the test if the softphone has ever heard one of these pitches for
// two tenths of a second.
func (p *softphone) never(who string, hz ...int) {
	p.t.Helper()
	heard := p.heard()
	for i, s := range heard[min(1, len(heard)):] {
		for _, h := range hz {
			if name := strconv.Itoa(h); strings.Contains(s, name) && strings.Contains(heard[i], name) {
				p.t.Errorf("%s heard %d Hz after %.1f s: %s", who, h, float64(i)/10, summary(heard))
				return
			}
		}
	}
}

// summary is what was heard, run by run.
func summary(heard []string) string {
	var b strings.Builder
	for i := 0; i < len(heard); {
		from := i
		for i < len(heard) && heard[i] == heard[from] {
			i++
		}
		fmt.Fprintf(&b, "[%s] %.1f s ", heard[from], float64(i-from)/10)
	}
	return b.String()
}

// registered waits until an extension has so many phones.
func registered(t *testing.T, w *world, id string, phones int) {
	t.Helper()
	deadline, tick := time.After(patience), time.NewTicker(50*time.Millisecond)
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
