package sip

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// ladder is a network that writes down who sent what when, one line a message:
//
//	0.010  bob → alice  180 INVITE
//
// Times are seconds since the ladder was made; "sdp" marks a session
// description, "✗" a message that the network lost.
type ladder struct {
	*MemoryNetwork
	start time.Time
	names map[netip.Addr]string

	mu    sync.Mutex
	sent  []rung
	lossy func(Delivery) bool
}

type rung struct {
	at   time.Duration
	from string
	line string
}

// oneWay is the delay of every ladder: long enough that messages can cross.
const oneWay = 10 * time.Millisecond

var (
	aliceIP = netip.MustParseAddr("192.0.2.1")
	bobIP   = netip.MustParseAddr("192.0.2.2")
	carolIP = netip.MustParseAddr("192.0.2.3")
)

func newLadder() *ladder {
	l := &ladder{
		MemoryNetwork: NewMemoryNetwork(), start: time.Now(),
		names: map[netip.Addr]string{aliceIP: "alice", bobIP: "bob", carolIP: "carol"},
	}
	l.Delay = oneWay
	l.Observe = l.observe
	l.Lose = func(d Delivery) bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.lossy != nil && l.lossy(d)
	}
	return l
}

func (l *ladder) observe(d Delivery, lost bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at := d.At.Sub(l.start)
	from, to := l.names[d.From.Addr()], l.names[d.To.Addr()]
	line := fmt.Sprintf("%7.3f  %s → %s  %s", at.Seconds(), from, to, caption(d.Data))
	if d.Transport == "tcp" {
		line += " tcp"
	}
	if lost {
		line += " ✗"
	}
	l.sent = append(l.sent, rung{at, from, line})
}

// caption is the first line of a message in short.
func caption(data []byte) string {
	m, err := sipmsg.ParseMessage(data)
	if err != nil {
		return "?"
	}
	var s string
	switch m := m.(type) {
	case *sipmsg.Request:
		s = string(m.Method)
	case *sipmsg.Response:
		s = fmt.Sprintf("%d %s", m.StatusCode, m.CSeq().MethodName)
	}
	if bytes.Contains(data, []byte("\r\n\r\nv=")) {
		s += " sdp"
	}
	return s
}

func (l *ladder) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	rungs := slices.Clone(l.sent)
	slices.SortStableFunc(rungs, func(a, b rung) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		return strings.Compare(a.from, b.from)
	})
	var b strings.Builder
	for _, r := range rungs {
		b.WriteString(r.line)
		b.WriteByte('\n')
	}
	return b.String()
}

// check compares the ladder with what is expected; indentation does not count.
func (l *ladder) check(t testing.TB, want string) {
	t.Helper()
	got := strings.Fields(l.String())
	if !slices.Equal(got, strings.Fields(want)) {
		t.Errorf("ladder is\n%s\nwant\n%s", l, strings.ReplaceAll(strings.TrimPrefix(want, "\n"), "\t", ""))
	}
}

// party starts a stack at ip that listens on UDP and TCP.
func (l *ladder) party(t testing.TB, ip netip.Addr, change ...func(*Config)) *party {
	t.Helper()
	everywhere := "0.0.0.0:5060"
	if ip.Is6() {
		everywhere = "[::]:5060"
	}
	cfg := Config{Listen: []string{"udp://" + everywhere, "tcp://" + everywhere}, Network: l.Host(ip)}
	for _, f := range change {
		f(&cfg)
	}
	p := newParty(t, cfg)
	p.patience = time.Hour
	return p
}

// restart empties the ladder and sets its clock to zero.
func (l *ladder) restart() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent, l.start = nil, time.Now()
}

// loseAll makes the network lose every message with this caption.
func (l *ladder) loseAll(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lossy = func(d Delivery) bool { return caption(d.Data) == what }
}

// lose makes the network lose the nth messages (from 1) with this caption from
// the sender.
func (l *ladder) lose(name, what string, nth ...int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, before := 0, l.lossy
	l.lossy = func(d Delivery) bool {
		if l.names[d.From.Addr()] == name && caption(d.Data) == what {
			seen++
			return slices.Contains(nth, seen)
		}
		return before != nil && before(d)
	}
}
