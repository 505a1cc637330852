package sip

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// PacketConn is the part of *net.UDPConn that the stack uses.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, from netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (n int, err error)
	LocalAddr() net.Addr
	Close() error
}

// Network is where the sockets, routes and names of a [Stack] come from. The
// system's is used when none is given; tests use [NewMemoryNetwork].
type Network interface {
	// ListenPacket opens a datagram socket at host:port; port 0 takes a free one.
	ListenPacket(ctx context.Context, address string) (PacketConn, error)
	// Listen opens a stream listener at host:port.
	Listen(ctx context.Context, address string) (net.Listener, error)
	// Dial connects a stream to host:port. It may block until ctx ends.
	Dial(ctx context.Context, address string) (net.Conn, error)
	// LocalIP is the local address from which packets to peer leave; the zero
	// Addr when there is no route. It must not block.
	LocalIP(peer netip.Addr) netip.Addr
	// LookupNetIP and LookupSRV are as in net.Resolver.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (cname string, records []*net.SRV, err error)
}

// systemNetwork is the operating system's.
type systemNetwork struct {
	net.Resolver
	mu     sync.Mutex
	routes map[netip.Addr]route
}

func (*systemNetwork) ListenPacket(ctx context.Context, address string) (PacketConn, error) {
	var lc net.ListenConfig
	conn, err := lc.ListenPacket(ctx, "udp", address)
	if err != nil {
		return nil, err
	}
	udp := conn.(*net.UDPConn)
	// A burst of calls arrives faster than one reader drains it; the default
	// buffer of 208 KB holds about 200 INVITEs. The kernel caps the value.
	_ = udp.SetReadBuffer(4 << 20)
	return udp, nil
}

func (*systemNetwork) Listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	return lc.Listen(ctx, "tcp", address)
}

func (*systemNetwork) Dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", address)
}

// LocalIP asks the kernel for the source address by connecting a datagram
// socket, which sends nothing. That costs some 15 µs, and every Via and Contact
// needs it, so answers are kept for routeLife.
func (n *systemNetwork) LocalIP(peer netip.Addr) netip.Addr {
	now := time.Now()
	n.mu.Lock()
	r, ok := n.routes[peer]
	n.mu.Unlock()
	if ok && now.Before(r.until) {
		return r.local
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, 9)))
	if err != nil {
		return netip.Addr{}
	}
	defer conn.Close()
	local := addrPortOf(conn.LocalAddr()).Addr()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.routes == nil || len(n.routes) >= maxRoutes {
		n.routes = map[netip.Addr]route{}
	}
	n.routes[peer] = route{local, now.Add(routeLife)}
	return local
}

const (
	routeLife = 10 * time.Second
	maxRoutes = 1024
)

type route struct {
	local netip.Addr
	until time.Time
}

// addrPortOf reads the address of a socket; 4-in-6 addresses come out as IPv4.
func addrPortOf(a net.Addr) netip.AddrPort {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.UDPAddr:
		ap = a.AddrPort()
	case *net.TCPAddr:
		ap = a.AddrPort()
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	return unmap(ap)
}

func unmap(ap netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
