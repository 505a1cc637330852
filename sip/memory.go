package sip

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Delivery is one datagram, or one write to a stream, on a [MemoryNetwork].
type Delivery struct {
	At        time.Time // when it was sent
	Transport string    // udp or tcp
	From, To  netip.AddrPort
	Data      []byte // must not be changed or kept
}

// MemoryNetwork carries datagrams and streams between stacks in one process. It
// keeps order, uses no socket and waits only on channels and timers, so that
// everything on it runs in the virtual time of testing/synctest.
type MemoryNetwork struct {
	// Delay is how long everything takes from sender to receiver.
	Delay time.Duration
	// Observe sees everything that is sent, lost or not. It must not block.
	Observe func(d Delivery, lost bool)
	// Lose decides which datagrams are lost.
	Lose func(d Delivery) bool

	mu        sync.Mutex
	packets   map[netip.AddrPort]*memoryPacketConn
	listeners map[netip.AddrPort]*memoryListener
	names     map[string][]netip.Addr
	records   map[string][]*net.SRV
	lastPort  uint16
}

// NewMemoryNetwork makes a network without loss and delay. The exported fields
// may be set until the first host uses it.
func NewMemoryNetwork() *MemoryNetwork {
	return &MemoryNetwork{
		packets: map[netip.AddrPort]*memoryPacketConn{}, listeners: map[netip.AddrPort]*memoryListener{},
		names: map[string][]netip.Addr{}, records: map[string][]*net.SRV{}, lastPort: 49151,
	}
}

// Name makes host resolve to ips.
func (n *MemoryNetwork) Name(host string, ips ...netip.Addr) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[host] = ips
}

// Service makes an SRV lookup of _service._proto.name find records.
func (n *MemoryNetwork) Service(service, proto, name string, records ...*net.SRV) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.records["_"+service+"._"+proto+"."+name] = records
}

// Host is the network as the machine with the address ip sees it.
func (n *MemoryNetwork) Host(ip netip.Addr) Network { return &memoryHost{n, ip} }

type memoryHost struct {
	*MemoryNetwork
	ip netip.Addr
}

func (h *memoryHost) LocalIP(netip.Addr) netip.Addr { return h.ip }

func (h *memoryHost) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if ips := h.names[host]; len(ips) > 0 {
		return ips, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

func (h *memoryHost) LookupSRV(_ context.Context, service, proto, name string) (string, []*net.SRV, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	full := "_" + service + "._" + proto + "." + name
	if r := h.records[full]; len(r) > 0 {
		return full, r, nil
	}
	return "", nil, &net.DNSError{Err: "no such host", Name: full, IsNotFound: true}
}

// bind reads a listen address; an unspecified host is the machine's own, port 0
// a free one. mu is held.
func (h *memoryHost) bind(address string) (netip.AddrPort, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return ap, fmt.Errorf("listen %s: %w", address, err)
	}
	ip, port := ap.Addr(), ap.Port()
	if ip.IsUnspecified() {
		ip = h.ip
	}
	if port == 0 {
		port = h.freePort()
	}
	return netip.AddrPortFrom(ip, port), nil
}

func (n *MemoryNetwork) freePort() uint16 {
	n.lastPort++
	return n.lastPort
}

func (h *memoryHost) ListenPacket(_ context.Context, address string) (PacketConn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	local, err := h.bind(address)
	if err != nil {
		return nil, err
	}
	if h.packets[local] != nil {
		return nil, fmt.Errorf("listen %s: address in use", address)
	}
	c := &memoryPacketConn{network: h.MemoryNetwork, local: local, in: newMemoryInbox()}
	h.packets[local] = c
	return c, nil
}

func (h *memoryHost) Listen(_ context.Context, address string) (net.Listener, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	local, err := h.bind(address)
	if err != nil {
		return nil, err
	}
	if h.listeners[local] != nil {
		return nil, fmt.Errorf("listen %s: address in use", address)
	}
	l := &memoryListener{network: h.MemoryNetwork, local: local, backlog: make(chan net.Conn, 128), done: make(chan struct{})}
	h.listeners[local] = l
	return l, nil
}

func (h *memoryHost) Dial(ctx context.Context, address string) (net.Conn, error) {
	remote, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	l := h.listeners[remote]
	local := netip.AddrPortFrom(h.ip, h.freePort())
	h.mu.Unlock()
	if l == nil {
		return nil, fmt.Errorf("dial %s: connection refused", address)
	}
	near := &memoryConn{network: h.MemoryNetwork, local: local, remote: remote, in: newMemoryInbox()}
	far := &memoryConn{network: h.MemoryNetwork, local: remote, remote: local, in: newMemoryInbox()}
	near.peer, far.peer = far, near
	select {
	case l.backlog <- far:
		return near, nil
	case <-l.done:
		return nil, fmt.Errorf("dial %s: connection refused", address)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// send observes a delivery and says whether it is lost.
func (n *MemoryNetwork) send(d Delivery) (lost bool) {
	lost = n.Lose != nil && d.Transport == "udp" && n.Lose(d)
	if n.Observe != nil {
		n.Observe(d, lost)
	}
	return lost
}

// memoryInbox holds what is on its way to one receiver, in order.
type memoryInbox struct {
	mu     sync.Mutex
	items  []memoryItem
	wake   chan struct{}
	closed chan struct{}
	once   sync.Once

	deadline *time.Timer // of reading
	late     bool        // it has passed
}

type memoryItem struct {
	due  time.Time
	from netip.AddrPort
	data []byte // nil: the stream ends
}

func newMemoryInbox() *memoryInbox {
	return &memoryInbox{wake: make(chan struct{}, 1), closed: make(chan struct{})}
}

func (b *memoryInbox) put(i memoryItem) {
	b.mu.Lock()
	b.items = append(b.items, i)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// take waits for the next item that is due; false when the inbox is closed.
func (b *memoryInbox) take() (memoryItem, bool) {
	for {
		b.mu.Lock()
		if len(b.items) > 0 {
			i := b.items[0]
			b.items = b.items[1:]
			b.mu.Unlock()
			return i, b.waitUntil(i.due)
		}
		late := b.late
		b.mu.Unlock()
		if late {
			return memoryItem{}, false
		}
		select {
		case <-b.wake:
		case <-b.closed:
			return memoryItem{}, false
		}
	}
}

func (b *memoryInbox) waitUntil(due time.Time) bool {
	left := time.Until(due)
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-b.closed:
		return false
	}
}

// expire ends the read that waits now.
func (b *memoryInbox) expire() {
	b.mu.Lock()
	b.late = true
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *memoryInbox) close() { b.once.Do(func() { close(b.closed) }) }

type memoryPacketConn struct {
	network *MemoryNetwork
	local   netip.AddrPort
	in      *memoryInbox
}

func (c *memoryPacketConn) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	i, ok := c.in.take()
	if !ok {
		return 0, netip.AddrPort{}, net.ErrClosed
	}
	return copy(p, i.data), i.from, nil
}

func (c *memoryPacketConn) WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error) {
	n := c.network
	now := time.Now()
	lost := n.send(Delivery{At: now, Transport: "udp", From: c.local, To: to, Data: p})
	n.mu.Lock()
	peer := n.packets[to]
	n.mu.Unlock()
	if !lost && peer != nil {
		peer.in.put(memoryItem{due: now.Add(n.Delay), from: c.local, data: append([]byte{}, p...)})
	}
	return len(p), nil
}

func (c *memoryPacketConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

func (c *memoryPacketConn) Close() error {
	c.network.mu.Lock()
	delete(c.network.packets, c.local)
	c.network.mu.Unlock()
	c.in.close()
	return nil
}

type memoryListener struct {
	network *MemoryNetwork
	local   netip.AddrPort
	backlog chan net.Conn
	done    chan struct{}
	once    sync.Once
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.local) }

func (l *memoryListener) Close() error {
	l.once.Do(func() {
		l.network.mu.Lock()
		delete(l.network.listeners, l.local)
		l.network.mu.Unlock()
		close(l.done)
	})
	return nil
}

// memoryConn is one end of a stream. Writes never block.
type memoryConn struct {
	network       *MemoryNetwork
	local, remote netip.AddrPort
	in            *memoryInbox
	peer          *memoryConn
	rest          []byte // read in part; only the reader touches it
	once          sync.Once
}

func (c *memoryConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		i, ok := c.in.take()
		if !ok {
			return 0, net.ErrClosed
		}
		if i.data == nil {
			return 0, io.EOF
		}
		c.rest = i.data
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

func (c *memoryConn) Write(p []byte) (int, error) {
	select {
	case <-c.in.closed:
		return 0, net.ErrClosed
	case <-c.peer.in.closed:
		return 0, &net.OpError{Op: "write", Net: "tcp", Err: os.ErrClosed}
	default:
	}
	now := time.Now()
	c.network.send(Delivery{At: now, Transport: "tcp", From: c.local, To: c.remote, Data: p})
	c.peer.in.put(memoryItem{due: now.Add(c.network.Delay), data: append([]byte{}, p...)})
	return len(p), nil
}

func (c *memoryConn) Close() error {
	c.once.Do(func() {
		c.peer.in.put(memoryItem{due: time.Now().Add(c.network.Delay)})
		c.in.close()
	})
	return nil
}

func (c *memoryConn) LocalAddr() net.Addr              { return net.TCPAddrFromAddrPort(c.local) }
func (c *memoryConn) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(c.remote) }
func (c *memoryConn) SetDeadline(t time.Time) error    { return c.SetReadDeadline(t) }
func (c *memoryConn) SetWriteDeadline(time.Time) error { return nil }

func (c *memoryConn) SetReadDeadline(t time.Time) error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.late = false
	stopTimer(c.in.deadline)
	if c.in.deadline = nil; !t.IsZero() {
		c.in.deadline = time.AfterFunc(time.Until(t), c.in.expire)
	}
	return nil
}
