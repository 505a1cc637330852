//go:build linux && (amd64 || arm64)

package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"offhook/media/rtpload"
)

// agent speaks just enough SIP to be every caller and every callee at once, on
// one socket. There is no retransmission: a message that the loopback loses
// makes a call that failed.
type agent struct {
	conn   *net.UDPConn
	self   netip.AddrPort
	server netip.AddrPort
	done   chan struct{}
	next   atomic.Uint64

	mu      sync.Mutex
	parties map[string]*party // by Call-ID
	rtp     *rtpload.Generator
	formats []string
}

// party is one leg's dialog.
type party struct {
	a       *agent
	leg     int
	id      string // Call-ID
	local   string // From or To with our tag
	remote  string // the same of the server
	target  string // the server's Contact
	sent    time.Time
	caller  bool
	answer  []byte // our 200, for a repeated INVITE
	bye     bool   // we sent one
	settled chan outcome
	over    chan struct{}
	once    sync.Once
}

// outcome is how an INVITE of ours went.
type outcome struct {
	status int
	took   time.Duration
}

func newAgent() (*agent, error) {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, err
	}
	if err := conn.SetReadBuffer(8 << 20); err != nil {
		return nil, err
	}
	a := &agent{conn: conn, parties: map[string]*party{}, done: make(chan struct{})}
	a.self = conn.LocalAddr().(*net.UDPAddr).AddrPort()
	a.self = netip.AddrPortFrom(a.self.Addr().Unmap(), a.self.Port())
	go a.read()
	return a, nil
}

func (a *agent) close() {
	_ = a.conn.Close()
	<-a.done
}

// use points the agent to a server and a generator of sound. Every call before
// is forgotten.
func (a *agent) use(server netip.AddrPort, rtp *rtpload.Generator, formats []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.server, a.rtp, a.formats, a.parties = server, rtp, formats, map[string]*party{}
}

// live is how many dialogs are up or on their way.
func (a *agent) live() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.parties)
}

func (a *agent) contact() string { return "sip:load@" + a.self.String() }

func (a *agent) send(raw []byte) {
	a.mu.Lock()
	to := a.server
	a.mu.Unlock()
	_, _ = a.conn.WriteToUDPAddrPort(raw, to) // lost then; the call fails and is counted
}

// describe is the description of a leg. The caller holds the lock.
func (a *agent) describe(leg int) []byte {
	return describe(a.rtp.Addr(leg), a.formats[leg%len(a.formats)], a.rtp.Ptime())
}

// callerPrefix comes before the leg's number in the caller's number, so that
// the callee's leg can be told from it.
const callerPrefix = "+4915"

// dial calls a number from a leg.
func (a *agent) dial(leg int, number string) *party {
	n := a.next.Add(1)
	p := &party{
		a: a, leg: leg, caller: true, id: fmt.Sprintf("load-%d-%d", a.self.Port(), n),
		settled: make(chan outcome, 1), over: make(chan struct{}),
	}
	a.mu.Lock()
	p.local = fmt.Sprintf("<sip:%s%07d@%s>;tag=c%d", callerPrefix, leg, a.self, n)
	p.remote = fmt.Sprintf("<sip:%s@%s>", number, a.server)
	p.target = fmt.Sprintf("sip:%s@%s", number, a.server)
	body := a.describe(leg)
	p.sent = time.Now()
	a.parties[p.id] = p
	a.mu.Unlock()
	a.send(p.request("INVITE", 1, body))
	return p
}

// request builds a request of the dialog.
func (p *party) request(method string, cseq int, body []byte) []byte {
	head := fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s-%d-%s;rport\r\nMax-Forwards: 70\r\n"+
		"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <%s>\r\n",
		method, p.target, p.a.self, p.id, cseq, method[:1], p.local, p.remote, p.id, cseq, method, p.a.contact())
	if len(body) > 0 {
		head += "Content-Type: application/sdp\r\n"
	}
	return fmt.Appendf(nil, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// hangup ends a call that is up.
func (p *party) hangup() {
	p.a.mu.Lock()
	p.bye = true
	p.a.rtp.Disconnect(p.leg)
	p.a.mu.Unlock()
	p.a.send(p.request("BYE", 2, nil))
}

// end forgets the call. The caller holds the agent's lock.
func (p *party) end() {
	p.once.Do(func() {
		p.a.rtp.Disconnect(p.leg)
		delete(p.a.parties, p.id)
		close(p.over)
	})
}

func (a *agent) read() {
	defer close(a.done)
	buf := make([]byte, 64<<10)
	for {
		n, _, err := a.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		now := time.Now()
		m, ok := parse(buf[:n])
		if !ok {
			continue
		}
		if m.status > 0 {
			a.response(m, now)
		} else {
			a.request(m)
		}
	}
}

// response takes what the server answered.
func (a *agent) response(m message, now time.Time) {
	a.mu.Lock()
	p := a.parties[m.value("Call-ID")]
	a.mu.Unlock()
	if p == nil || m.status < 200 {
		return
	}
	switch m.method {
	case "BYE":
		a.mu.Lock()
		p.end()
		a.mu.Unlock()
	case "INVITE":
		p.final(m, now)
	}
}

// final takes the final response to the INVITE, also a repeated one.
func (p *party) final(m message, now time.Time) {
	a := p.a
	a.mu.Lock()
	p.remote = m.value("To")
	good := m.status < 300
	if good {
		p.target = address(m.value("Contact"))
		if to, err := mediaOf(m.body); err == nil {
			a.rtp.Connect(p.leg, to)
		} else {
			m.status = 488
		}
	} else {
		p.end()
	}
	a.mu.Unlock()
	a.send(p.request("ACK", 1, nil))
	select {
	case p.settled <- outcome{m.status, now.Sub(p.sent)}:
	default: // repeated
	}
}

// request takes what the server asks.
func (a *agent) request(m message) {
	switch m.method {
	case "INVITE":
		a.invited(m)
	case "ACK":
	case "BYE", "CANCEL":
		a.mu.Lock()
		if p := a.parties[m.value("Call-ID")]; p != nil {
			p.end()
		}
		a.mu.Unlock()
		a.send(m.reply("200 OK", "", "", nil))
	default:
		a.send(m.reply("200 OK", "load", "", nil))
	}
}

// invited answers a call at once, as the leg next to its caller's.
func (a *agent) invited(m message) {
	id := m.value("Call-ID")
	a.mu.Lock()
	if p := a.parties[id]; p != nil {
		a.mu.Unlock()
		a.send(p.answer)
		return
	}
	digits, ok := strings.CutPrefix(user(address(m.value("From"))), callerPrefix)
	n, err := strconv.Atoi(digits)
	to, fault := mediaOf(m.body)
	if !ok || err != nil || fault != nil {
		a.mu.Unlock()
		a.send(m.reply("488 Not Acceptable Here", "load", "", nil))
		return
	}
	local := fmt.Sprintf("d%d", a.next.Add(1))
	p := &party{
		a: a, leg: n + 1, id: id, local: m.value("To") + ";tag=" + local, remote: m.value("From"),
		target: address(m.value("Contact")), over: make(chan struct{}),
	}
	p.answer = m.reply("200 OK", local, a.contact(), a.describe(p.leg))
	a.parties[id] = p
	a.rtp.Connect(p.leg, to)
	a.mu.Unlock()
	a.send(m.reply("180 Ringing", local, a.contact(), nil))
	a.send(p.answer)
}
