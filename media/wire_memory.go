package media

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// MemoryWire carries packets between addresses inside the process, for tests.
// It works under testing/synctest.
type MemoryWire struct {
	// Filter, when set before use, may lose or delay each packet. It is called
	// by the sender.
	Filter func(from, to netip.AddrPort, packet []byte) (delay time.Duration, lost bool)

	mu    sync.Mutex
	conns map[netip.AddrPort]*memoryConn
}

// NewMemoryWire makes an empty wire.
func NewMemoryWire() *MemoryWire {
	return &MemoryWire{conns: make(map[netip.AddrPort]*memoryConn)}
}

// Listen implements Wire.
func (w *MemoryWire) Listen(addr netip.AddrPort) (Conn, error) {
	c := &memoryConn{wire: w, addr: addr}
	c.receive = c.deliver
	if err := w.bind(c); err != nil {
		return nil, err
	}
	return c, nil
}

// ListenFunc binds addr for a test's own end, which hands each packet to
// receive on the sender's goroutine; receive must not block and not keep the
// slice.
func (w *MemoryWire) ListenFunc(addr netip.AddrPort, receive func(packet []byte, from netip.AddrPort)) (Conn, error) {
	c := &memoryConn{wire: w, addr: addr, receive: receive}
	if err := w.bind(c); err != nil {
		return nil, err
	}
	return c, nil
}

func (w *MemoryWire) bind(c *memoryConn) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.conns[c.addr] != nil {
		return fmt.Errorf("media: bind %s: %w", c.addr, syscall.EADDRINUSE)
	}
	w.conns[c.addr] = c
	return nil
}

// NewSet implements Wire.
func (w *MemoryWire) NewSet() (Set, error) { return memorySet{newQueueSet()}, nil }

func (w *MemoryWire) send(packet []byte, from, to netip.AddrPort) error {
	var delay time.Duration
	if w.Filter != nil {
		var lost bool
		if delay, lost = w.Filter(from, to, packet); lost {
			return nil
		}
	}
	if delay <= 0 {
		w.hand(packet, from, to)
		return nil
	}
	late := append([]byte(nil), packet...)
	time.AfterFunc(delay, func() { w.hand(late, from, to) })
	return nil
}

// hand gives the packet to whoever is bound to the address, or loses it.
func (w *MemoryWire) hand(packet []byte, from, to netip.AddrPort) {
	w.mu.Lock()
	c := w.conns[to]
	w.mu.Unlock()
	if c != nil {
		c.receive(packet, from)
	}
}

type memoryConn struct {
	queueConn
	wire    *MemoryWire
	addr    netip.AddrPort
	receive func(packet []byte, from netip.AddrPort)
}

func (c *memoryConn) LocalAddr() netip.AddrPort { return c.addr }

func (c *memoryConn) WriteTo(packet []byte, to netip.AddrPort) error {
	return c.wire.send(packet, c.addr, to)
}

func (c *memoryConn) Close() error {
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	if c.wire.conns[c.addr] != c {
		return net.ErrClosed
	}
	delete(c.wire.conns, c.addr)
	return nil
}

type memorySet struct{ *queueSet }

func (s memorySet) Add(c Conn, r Receiver) error {
	m, ok := c.(*memoryConn)
	if !ok {
		return fmt.Errorf("media: %T is not of this wire", c)
	}
	s.add(&m.queueConn, r)
	return nil
}

func (s memorySet) Remove(c Conn) {
	if m, ok := c.(*memoryConn); ok {
		s.remove(&m.queueConn)
	}
}
