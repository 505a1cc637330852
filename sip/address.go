package sip

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// hop is where a request is to go next, not resolved yet.
type hop struct {
	transport string // UDP, TCP, TLS, WS, WSS
	host      string
	port      int // 0: by SRV, else the transport's default
}

// parseHop reads host, host:port and host:port;transport=tcp.
func parseHop(s string) (hop, error) {
	var uri sipmsg.Uri
	if !strings.HasPrefix(s, "sip:") && !strings.HasPrefix(s, "sips:") {
		s = "sip:" + s
	}
	if err := sipmsg.ParseUri(s, &uri); err != nil || uri.Host == "" {
		return hop{}, fmt.Errorf("sip: next hop %q is not host:port", s)
	}
	return hopOf(&uri), nil
}

// hopOf is where a URI leads (RFC 3263 4).
func hopOf(uri *sipmsg.Uri) hop {
	h := hop{transport: "UDP", host: strings.Trim(uri.Host, "[]"), port: uri.Port}
	if maddr, ok := uri.UriParams.Get("maddr"); ok && maddr != "" {
		h.host = maddr
	}
	if t, ok := uri.UriParams.Get("transport"); ok && t != "" {
		h.transport = strings.ToUpper(t)
	}
	if uri.IsEncrypted() {
		switch h.transport {
		case "UDP", "TCP":
			h.transport = "TLS"
		case "WS":
			h.transport = "WSS"
		}
	}
	return h
}

func (h hop) String() string {
	return net.JoinHostPort(h.host, strconv.Itoa(h.port)) + ";transport=" + strings.ToLower(h.transport)
}

// literal is the hop's address when it needs no name service.
func (h hop) literal() (netip.AddrPort, bool) {
	ip, err := netip.ParseAddr(h.host)
	if err != nil {
		return netip.AddrPort{}, false
	}
	port := h.port
	if port == 0 {
		port = sipmsg.DefaultPort(h.transport)
	}
	return addrPort(ip, port), true
}

// resolve finds the addresses of h, best first: SRV when there is no port, then
// address records (RFC 3263 4.2; NAPTR is not asked).
func (s *Stack) resolve(ctx context.Context, h hop) ([]netip.AddrPort, error) {
	if ap, ok := h.literal(); ok {
		return []netip.AddrPort{ap}, nil
	}
	var found []netip.AddrPort
	if h.port == 0 {
		service, proto := "sip", "udp"
		if h.transport != "UDP" {
			proto = "tcp"
		}
		if h.transport == "TLS" {
			service = "sips"
		}
		_, records, err := s.network.LookupSRV(ctx, service, proto, h.host)
		for _, r := range records {
			ips, err := s.network.LookupNetIP(ctx, "ip", strings.TrimSuffix(r.Target, "."))
			for _, ip := range ips {
				if err == nil {
					found = append(found, addrPort(ip, int(r.Port)))
				}
			}
		}
		if err == nil && len(found) > 0 {
			return found, nil
		}
		h.port = sipmsg.DefaultPort(h.transport)
	}
	ips, err := s.network.LookupNetIP(ctx, "ip", h.host)
	if err != nil {
		return nil, fmt.Errorf("sip: resolve %s: %w", h.host, err)
	}
	for _, ip := range ips {
		found = append(found, addrPort(ip, h.port))
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("sip: resolve %s: no address", h.host)
	}
	return found, nil
}

// connect makes the flow to h: resolves it and, on a stream transport, takes an
// open connection or dials the addresses in turn until one accepts.
func (s *Stack) connect(ctx context.Context, h hop) (*flow, error) {
	addrs, err := s.resolve(ctx, h)
	if err != nil {
		return nil, err
	}
	for _, to := range addrs {
		f := s.openFlow(h.transport, to)
		if f == nil && h.transport != "UDP" {
			f, err = s.dialOnce(ctx, h, to)
		}
		if f != nil {
			return f, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("sip: no %s socket that reaches %s", h.transport, h)
	}
	return nil, err
}

// openFlow is the flow to an address that needs no connecting, or nil.
func (s *Stack) openFlow(transport string, to netip.AddrPort) *flow {
	if transport == "UDP" {
		if p := s.packetSocketTo(to.Addr()); p != nil {
			return &flow{transport: "UDP", remote: to, packets: p}
		}
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.streams[streamKey{transport, to}]; c != nil && !c.closed() {
		return c.flow()
	}
	return nil
}

// packetSocketTo is the socket to send to ip from: the one that is bound to the
// address which routes there, else the first that can.
func (s *Stack) packetSocketTo(ip netip.Addr) *packetSocket {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first *packetSocket
	for _, p := range s.packets {
		switch {
		case !p.reaches(ip):
		case len(s.packets) == 1 || p.local.Addr() == s.network.LocalIP(ip):
			return p
		case first == nil:
			first = p
		}
	}
	return first
}

func (s *Stack) dial(ctx context.Context, h hop, to netip.AddrPort) (*flow, error) {
	switch h.transport {
	case "TCP", "TLS":
	default:
		return nil, fmt.Errorf("sip: no open %s connection to %s", h.transport, to)
	}
	conn, err := s.network.Dial(ctx, to.String())
	if err != nil {
		return nil, fmt.Errorf("sip: connect %s: %w", h, err)
	}
	if h.transport == "TLS" {
		cfg := &tls.Config{}
		if s.cfg.TLS != nil {
			cfg = s.cfg.TLS.Clone()
		}
		cfg.ServerName = h.host
		secure := tls.Client(conn, cfg)
		if err := secure.HandshakeContext(ctx); err != nil {
			conn.Close()
			return nil, fmt.Errorf("sip: connect %s: %w", h, err)
		}
		conn = secure
	}
	c := newStream(h.transport, conn)
	c.remote = to
	s.serveStream(c)
	if c.closed() {
		return nil, errClosed
	}
	return c.flow(), nil
}

// LocalIPFor is the address that peer can reach us at: the configured external
// one unless peer is on the loopback, else the local address that routes to it.
func (s *Stack) LocalIPFor(peer netip.Addr) netip.Addr {
	peer = peer.Unmap()
	if s.externalIP.IsValid() && !peer.IsLoopback() {
		return s.externalIP
	}
	return s.network.LocalIP(peer)
}

// advertised is the host and port that we put in Via and Contact for a flow.
func (s *Stack) advertised(f *flow) (string, int) {
	local := f.local()
	ip := local.Addr()
	if s.externalIP.IsValid() && !f.remote.Addr().IsLoopback() {
		ip = s.externalIP
	} else if ip.IsUnspecified() {
		if ip = s.network.LocalIP(f.remote.Addr()); !ip.IsValid() {
			ip = local.Addr()
		}
	}
	port := int(local.Port())
	if f.reliable() {
		if l := s.listenerPort(f.transport); l != 0 {
			port = l
		}
	}
	return ip.String(), port
}

// listenerPort is the port where peers can open a new connection to us.
func (s *Stack) listenerPort(transport string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		if l.transport == transport {
			return int(l.local.Port())
		}
	}
	return 0
}

// contact is our Contact on a flow.
func (s *Stack) contact(user string, f *flow) *sipmsg.ContactHeader {
	host, port := s.advertised(f)
	uri := sipmsg.Uri{Scheme: "sip", User: user, Host: host, Port: port, UriParams: sipmsg.NewParams()}
	if f.transport != "UDP" {
		uri.UriParams.Add("transport", strings.ToLower(f.transport))
	}
	return &sipmsg.ContactHeader{Address: uri}
}

// ContactFor is the Contact to send to a peer at nextHop (host:port with an
// optional ;transport=), for requests made outside a dialog such as REGISTER.
// It may block for name resolution and connecting.
func (s *Stack) ContactFor(ctx context.Context, user, nextHop string) (*sipmsg.ContactHeader, error) {
	h, err := parseHop(nextHop)
	if err != nil {
		return nil, err
	}
	f, err := s.connect(ctx, h)
	if err != nil {
		return nil, err
	}
	return s.contact(user, f), nil
}

// addVia puts our Via on top of a new request.
func (s *Stack) addVia(req *sipmsg.Request, f *flow) {
	host, port := s.advertised(f)
	via := &sipmsg.ViaHeader{
		ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: f.transport,
		Host: host, Port: port, Params: sipmsg.NewParams(),
	}
	via.Params.Add("branch", sipmsg.GenerateBranch())
	via.Params.Add("rport", "")
	req.PrependHeader(via)
	req.SetTransport(f.transport) // sipgo's transaction asks it whether to retransmit
}
