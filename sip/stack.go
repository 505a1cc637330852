package sip

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Config is what a [Stack] is made of. Only Handler is required.
type Config struct {
	// Listen are the addresses to serve: udp://host:port, tcp://, tls://,
	// ws://, wss://. Port 0 takes a free one.
	Listen []string
	// Domain is the host of From in calls that we place; empty: our address.
	Domain string
	// ExternalIP is advertised in Contact and Via to every peer that is not on
	// the loopback; empty: the local address that routes to the peer.
	ExternalIP string
	// UserAgent goes into User-Agent and Server.
	UserAgent string
	Logger    *slog.Logger
	Handler   Handler
	// Network is the system's when nil.
	Network Network
	// TLS is needed for tls:// and wss:// listeners, and used for calls out.
	TLS *tls.Config
	// SessionExpires is the session interval that we ask for (RFC 4028); 0: we
	// ask for none and follow the peer's. MinSE is the shortest we accept (90 s
	// when 0).
	SessionExpires, MinSE time.Duration
	// Filter is asked before anything of src is parsed or remembered; false
	// drops silently. It must not block.
	Filter func(src netip.AddrPort) bool
	// Stray is told of final responses to INVITEs that this process did not send,
	// by Call-ID; true has a 2xx acknowledged and hung up. It must not block. May
	// be nil.
	Stray func(callID string, status int) bool
	// ConnectionLost is told of every stream connection that has ended, accepted
	// or dialled, when nothing is read from it any more; nil: nobody is told. It
	// must not block.
	ConnectionLost func(transport string, remote netip.AddrPort)
}

// Stack is one SIP endpoint: its sockets, transactions and dialogs. Its methods
// may be called from any goroutine.
type Stack struct {
	cfg        Config
	log        *slog.Logger
	network    Network
	parser     *sipmsg.Parser
	externalIP netip.Addr
	random     func(n int) int // 0 to n-1; tests fix it

	closing chan struct{}  // closed by Shutdown when the sockets go
	readers sync.WaitGroup // goroutines that read sockets

	mu        sync.Mutex // guards what follows; never held while anything else is locked or written
	closed    bool
	packets   []*packetSocket
	listeners []*streamListener
	streams   map[streamKey]*stream
	dials     map[streamKey]*dialling
	servers   map[string]*server
	clients   map[string]*client
	dialogs   map[dialogKey]*Dialog
	invites   map[inviteKey]*Dialog // inbound INVITEs without a final answer, for merged requests
	idle      chan struct{}         // closed when the last dialog went, while somebody waits
}

type streamListener struct {
	transport string
	listener  net.Listener
	local     netip.AddrPort
}

type streamKey struct {
	transport string
	remote    netip.AddrPort
}

// dialogKey needs no remote tag: our tags are random and never used twice, and
// a forked INVITE has several remote tags until one of them answers.
type dialogKey struct{ callID, localTag string }

type inviteKey struct {
	callID, fromTag string
	seq             uint32
}

// New checks cfg; it opens nothing.
func New(cfg Config) (*Stack, error) {
	if cfg.Handler == nil {
		return nil, errors.New("sip: no handler")
	}
	s := &Stack{
		cfg: cfg, log: cfg.Logger, network: cfg.Network, parser: sipmsg.NewParser(),
		closing: make(chan struct{}), random: rand.IntN,
		streams: map[streamKey]*stream{},
		dials:   map[streamKey]*dialling{},
		servers: map[string]*server{}, clients: map[string]*client{},
		dialogs: map[dialogKey]*Dialog{}, invites: map[inviteKey]*Dialog{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.network == nil {
		s.network = &systemNetwork{}
	}
	if s.cfg.UserAgent == "" {
		s.cfg.UserAgent = "offhook"
	}
	if s.cfg.MinSE == 0 {
		s.cfg.MinSE = 90 * time.Second // RFC 4028 5
	}
	if cfg.ExternalIP != "" {
		ip, err := netip.ParseAddr(cfg.ExternalIP)
		if err != nil {
			return nil, fmt.Errorf("sip: external_ip: %w", err)
		}
		s.externalIP = ip.Unmap()
	}
	for _, l := range cfg.Listen {
		if _, _, err := splitListen(l); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// splitListen takes udp://host:port apart.
func splitListen(l string) (transport, address string, err error) {
	scheme, address, ok := strings.Cut(l, "://")
	if !ok {
		return "", "", fmt.Errorf("sip: listen address %q is not like udp://0.0.0.0:5060", l)
	}
	transport = strings.ToUpper(scheme)
	switch transport {
	case "UDP", "TCP", "TLS", "WS", "WSS":
	default:
		return "", "", fmt.Errorf("sip: listen address %q: transport %q is none of udp, tcp, tls, ws, wss", l, scheme)
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return "", "", fmt.Errorf("sip: listen address %q: %w", l, err)
	}
	return transport, address, nil
}

// Start opens the listeners and serves them until Shutdown. ctx bounds only the
// opening. When one listener fails none stays open.
func (s *Stack) Start(ctx context.Context) error {
	for _, l := range s.cfg.Listen {
		transport, address, err := splitListen(l)
		if err == nil && transport == "UDP" {
			err = s.listenPacket(ctx, address)
		} else if err == nil {
			err = s.listenStream(ctx, transport, address)
		}
		if err != nil {
			s.closeSockets()
			return fmt.Errorf("sip: listen %s: %w", l, err)
		}
	}
	return nil
}

func (s *Stack) listenPacket(ctx context.Context, address string) error {
	conn, err := s.network.ListenPacket(ctx, address)
	if err != nil {
		return err
	}
	p := &packetSocket{conn: conn, local: addrPortOf(conn.LocalAddr())}
	s.mu.Lock()
	s.packets = append(s.packets, p)
	s.mu.Unlock()
	s.readers.Go(func() { s.readPackets(p) })
	return nil
}

func (s *Stack) listenStream(ctx context.Context, transport, address string) error {
	secure := transport == "TLS" || transport == "WSS"
	if secure && s.cfg.TLS == nil {
		return errors.New("no certificate configured")
	}
	l, err := s.network.Listen(ctx, address)
	if err != nil {
		return err
	}
	local := addrPortOf(l.Addr())
	if secure {
		l = tls.NewListener(l, s.cfg.TLS)
	}
	s.mu.Lock()
	s.listeners = append(s.listeners, &streamListener{transport, l, local})
	s.mu.Unlock()
	if transport == "WS" || transport == "WSS" {
		s.readers.Go(func() { s.serveWebSocket(transport, l) })
	} else {
		s.readers.Go(func() { s.accept(transport, l) })
	}
	return nil
}

// Addrs are the bound addresses in the form of Config.Listen, in its order.
func (s *Stack) Addrs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	addrs := make([]string, 0, len(s.cfg.Listen))
	packets, listeners := s.packets, s.listeners
	for _, l := range s.cfg.Listen {
		switch strings.HasPrefix(l, "udp://") {
		case true:
			if len(packets) > 0 {
				addrs = append(addrs, "udp://"+packets[0].local.String())
				packets = packets[1:]
			}
		default:
			if len(listeners) > 0 {
				addrs = append(addrs, strings.ToLower(listeners[0].transport)+"://"+listeners[0].local.String())
				listeners = listeners[1:]
			}
		}
	}
	return addrs
}

// Dialogs counts the dialogs that are held, among them those that are ended for
// the handler but still owe the peer an ACK, a BYE or its answer.
func (s *Stack) Dialogs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.dialogs)
}

// Find returns the dialog with these identifiers, seen from here (for Replaces,
// RFC 3891: to-tag is the local tag), or nil.
func (s *Stack) Find(callID, localTag, remoteTag string) *Dialog {
	d := s.find(callID, localTag)
	if d == nil || d.RemoteTag() != remoteTag {
		return nil
	}
	return d
}

func (s *Stack) find(callID, localTag string) *Dialog {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dialogs[dialogKey{callID, localTag}]
}

// farewell bounds how long Shutdown waits for peers to confirm the hang-up: on
// UDP they have been asked three times by then, and nothing of ours depends on
// it.
const farewell = 2 * time.Second

// Shutdown hangs up every dialog, waits until the peers have confirmed it, at
// most for two seconds or until ctx ends, then closes the sockets and ends all
// transactions. It returns context.DeadlineExceeded or ctx's error, wrapped,
// when dialogs were left behind.
func (s *Stack) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	dialogs := make([]*Dialog, 0, len(s.dialogs))
	for _, d := range s.dialogs {
		dialogs = append(dialogs, d)
	}
	idle := make(chan struct{})
	if len(dialogs) == 0 {
		close(idle)
	} else {
		s.idle = idle
	}
	s.mu.Unlock()
	for _, d := range dialogs {
		_ = d.Hangup(Cause{Status: 503, Q850: 41, Reason: "Shutting down"})
	}
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	var err error
	select {
	case <-idle:
	case <-ctx.Done():
		err = fmt.Errorf("sip: shutdown with %d dialogs left: %w", s.Dialogs(), ctx.Err())
	}
	s.closeSockets()
	return err
}

// closeSockets ends whatever reads, then whatever still has a timer.
func (s *Stack) closeSockets() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.closing)
	for _, p := range s.packets {
		p.conn.Close()
	}
	for _, l := range s.listeners {
		l.listener.Close()
	}
	streams := make([]*stream, 0, len(s.streams))
	for _, c := range s.streams {
		streams = append(streams, c)
	}
	s.mu.Unlock()
	for _, c := range streams {
		c.close()
	}
	s.readers.Wait()
	s.endTransactions()
}

func (s *Stack) endTransactions() {
	s.mu.Lock()
	servers := make([]*sipmsg.ServerTx, 0, len(s.servers))
	for _, sv := range s.servers {
		servers = append(servers, sv.tx)
	}
	clients := make([]*client, 0, len(s.clients))
	for _, c := range s.clients {
		clients = append(clients, c)
	}
	s.mu.Unlock()
	for _, tx := range servers {
		tx.Terminate()
	}
	for _, c := range clients {
		c.tx.Terminate()
	}
}

// admit asks the configured filter.
func (s *Stack) admit(src netip.AddrPort) bool {
	return s.cfg.Filter == nil || s.cfg.Filter(src)
}

// register makes d findable.
func (s *Stack) register(d *Dialog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dialogs[dialogKey{d.callID, d.localTag}] = d
}

// forget removes d, whose protocol is over.
func (s *Stack) forget(d *Dialog) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if key := (dialogKey{d.callID, d.localTag}); s.dialogs[key] == d {
		delete(s.dialogs, key)
	}
	if d.inbound && s.invites[d.inviteKey()] == d {
		delete(s.invites, d.inviteKey())
	}
	if s.idle != nil && len(s.dialogs) == 0 {
		close(s.idle)
		s.idle = nil
	}
}
