package media

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// NewUDPWire makes the portable wire: a net.UDPConn and a reading goroutine for
// each socket.
func NewUDPWire() Wire { return udpWire{} }

type udpWire struct{}

// Listen implements Wire.
func (udpWire) Listen(addr netip.AddrPort) (Conn, error) {
	network := "udp4"
	if addr.Addr().Is6() && !addr.Addr().Is4In6() {
		network = "udp6"
	}
	pc, err := net.ListenUDP(network, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return nil, fmt.Errorf("media: bind %s: %w", addr, err)
	}
	c := &udpConn{pc: pc, done: make(chan struct{})}
	go c.read()
	return c, nil
}

// NewSet implements Wire.
func (udpWire) NewSet() (Set, error) { return udpSet{newQueueSet()}, nil }

// udpConn is a socket whose goroutine, read, ends with Close.
type udpConn struct {
	queueConn
	pc   *net.UDPConn
	done chan struct{}
}

func (c *udpConn) read() {
	defer close(c.done)
	buf := make([]byte, maxPacket)
	for {
		n, from, err := c.pc.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			c.deliver(buf[:n], unmap(from))
		case errors.Is(err, net.ErrClosed):
			return
		}
		// Other errors are ICMP answers to packets sent: the next read goes on.
	}
}

func (c *udpConn) LocalAddr() netip.AddrPort {
	return unmap(c.pc.LocalAddr().(*net.UDPAddr).AddrPort())
}

func (c *udpConn) WriteTo(packet []byte, to netip.AddrPort) error {
	_, err := c.pc.WriteToUDPAddrPort(packet, to)
	return err
}

func (c *udpConn) Close() error {
	err := c.pc.Close()
	<-c.done
	return err
}

type udpSet struct{ *queueSet }

func (s udpSet) Add(c Conn, r Receiver) error {
	u, ok := c.(*udpConn)
	if !ok {
		return fmt.Errorf("media: %T is not of this wire", c)
	}
	s.add(&u.queueConn, r)
	return nil
}

func (s udpSet) Remove(c Conn) {
	if u, ok := c.(*udpConn); ok {
		s.remove(&u.queueConn)
	}
}

func (s udpSet) Poll(wait, linger time.Duration) { s.queueSet.Poll(wait, linger) }

// unmap writes IPv4 addresses as such, so that equal addresses compare equal.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
