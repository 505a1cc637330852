//go:build linux && (amd64 || arm64)

package media

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dscpEF marks packets as expedited forwarding (RFC 3246), as telephony is.
const dscpEF = 46 << 2

func defaultWire() Wire { return epollWire{} }

type epollWire struct{}

// Listen implements Wire.
func (epollWire) Listen(addr netip.AddrPort) (Conn, error) {
	family := unix.AF_INET
	if addr.Addr().Is6() && !addr.Addr().Is4In6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("media: socket: %w", err)
	}
	c := &epollConn{fd: fd, six: family == unix.AF_INET6, slot: -1}
	if err := c.bind(addr); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("media: bind %s: %w", addr, err)
	}
	return c, nil
}

func (c *epollConn) bind(addr netip.AddrPort) error {
	var sa unix.Sockaddr
	if !c.six {
		sa = &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().Unmap().As4()}
	} else {
		sa = &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
		// Without IPV6_V6ONLY the port would be taken in IPv4 as well.
		if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1); err != nil {
			return err
		}
	}
	// The mark is a wish: networks and containers may refuse it.
	if c.six {
		_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, dscpEF)
	} else {
		_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_TOS, dscpEF)
		// Packets of sound are never near a path's limit. Datagrams that may be
		// split need a number each, which costs the kernel more than their route.
		_ = unix.SetsockoptInt(c.fd, unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_DO)
	}
	if err := unix.Bind(c.fd, sa); err != nil {
		return err
	}
	name, err := unix.Getsockname(c.fd)
	if err != nil {
		return err
	}
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		c.addr = netip.AddrPortFrom(netip.AddrFrom4(name.Addr), uint16(name.Port))
	case *unix.SockaddrInet6:
		c.addr = netip.AddrPortFrom(netip.AddrFrom16(name.Addr), uint16(name.Port))
	}
	return nil
}

// epollConn is a non-blocking socket.
type epollConn struct {
	fd       int
	six      bool
	addr     netip.AddrPort
	receiver Receiver
	slot     int    // index in the set's conns; -1: in none
	ready    uint32 // the set's round in which it was readable last
	to       unix.RawSockaddrInet6
	toAddr   netip.AddrPort // what to holds
	toLen    uintptr
}

func (c *epollConn) LocalAddr() netip.AddrPort { return c.addr }

// WriteTo implements Conn. The system call never blocks, so the scheduler is
// not told of it.
func (c *epollConn) WriteTo(packet []byte, to netip.AddrPort) error {
	if len(packet) == 0 {
		return nil
	}
	if to != c.toAddr {
		c.aim(to)
	}
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.fd),
		uintptr(unsafe.Pointer(&packet[0])), uintptr(len(packet)),
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&c.to)), c.toLen)
	if errno != 0 {
		return errno
	}
	return nil
}

// aim keeps the kernel's form of the address that packets go to.
func (c *epollConn) aim(to netip.AddrPort) {
	c.toAddr = to
	if c.six {
		c.to = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.Addr().As16()}
		c.toLen = unix.SizeofSockaddrInet6
		binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&c.to.Port))[:], to.Port())
		return
	}
	four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&c.to))
	*four = unix.RawSockaddrInet4{Family: unix.AF_INET}
	if a := to.Addr().Unmap(); a.Is4() {
		four.Addr = a.As4()
	}
	c.toLen = unix.SizeofSockaddrInet4
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&four.Port))[:], to.Port())
}

func (c *epollConn) Close() error { return os.NewSyscallError("close", unix.Close(c.fd)) }

// NewSet implements Wire.
func (epollWire) NewSet() (Set, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("media: epoll: %w", err)
	}
	ev, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(ep)
		return nil, fmt.Errorf("media: eventfd: %w", err)
	}
	s := &epollSet{ep: ep, wake: ev, buf: make([]byte, maxPacket)}
	err = unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, ev, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeSlot})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("media: epoll: %w", err), s.release())
	}
	reserve(1)
	return s, nil
}

// wakeSlot marks the eventfd among the events.
const wakeSlot = -1

// epollSet is a shard's epoll instance; Fd of its events is an index in conns.
type epollSet struct {
	ep, wake int
	conns    []*epollConn
	free     []int
	events   [256]unix.EpollEvent
	buf      []byte
	from     unix.RawSockaddrInet6
	fromLen  uint32
	round    uint32
	traffic  traffic
	timeout  unix.Timespec
}

func (s *epollSet) Add(c Conn, r Receiver) error {
	e, ok := c.(*epollConn)
	if !ok {
		return fmt.Errorf("media: %T is not of this wire", c)
	}
	slot := len(s.conns)
	if n := len(s.free); n > 0 {
		slot = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		s.conns = append(s.conns, nil)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(slot)}
	if err := unix.EpollCtl(s.ep, unix.EPOLL_CTL_ADD, e.fd, &event); err != nil {
		s.free = append(s.free, slot)
		return fmt.Errorf("media: epoll: %w", err)
	}
	e.receiver, e.slot, e.ready = r, slot, 0
	s.conns[slot] = e
	return nil
}

func (s *epollSet) Remove(c Conn) {
	e, ok := c.(*epollConn)
	if !ok || e.slot < 0 || s.conns[e.slot] != e {
		return
	}
	_ = unix.EpollCtl(s.ep, unix.EPOLL_CTL_DEL, e.fd, nil) // it can only fail for a socket that is not there
	s.conns[e.slot] = nil
	s.free = append(s.free, e.slot)
	e.receiver, e.slot = nil, -1
}

// traffic measures whether packets come often enough to look for them now and
// then instead of being woken for each.
type traffic struct {
	since   time.Time
	packets int
	busy    bool
}

// The measure of busy: packets in a window.
const (
	trafficWindow = 32 * time.Millisecond
	busyPackets   = 12 // 375 a second, some four relayed calls
)

func (t *traffic) add(packets int) {
	t.packets += packets
	now := time.Now()
	if now.Sub(t.since) < trafficWindow {
		return
	}
	t.busy = t.packets >= busyPackets
	t.since, t.packets = now, 0
}

// Poll implements Set. While many packets come it sleeps for linger, or until the
// next tick, and then takes all that has gathered, which costs half of waking for
// each packet; else it waits in the kernel for the first packet.
func (s *epollSet) Poll(wait, linger time.Duration) {
	if s.traffic.busy && wait > 0 {
		// One sleep for both where the next tick is about as far.
		if wait > linger*3/2 {
			wait = linger
		}
		sleep(wait)
		wait = 0
	}
	n := s.wait(wait)
	s.round++
	s.traffic.add(n)
	for i := range s.events[:n] {
		slot := s.events[i].Fd
		if slot == wakeSlot {
			s.drainWake()
			continue
		}
		if c := s.conns[slot]; c != nil {
			s.read(c)
		}
	}
}

// read takes one packet of c, or all when it was readable in the round before
// as well and so falls behind: one that paces itself never does, and need not be
// asked in vain whether there is more.
func (s *epollSet) read(c *epollConn) {
	limit := 1
	if c.ready == s.round-1 {
		limit = 32
	}
	c.ready = s.round
	for ; limit > 0; limit-- {
		s.fromLen = unix.SizeofSockaddrInet6
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(c.fd),
			uintptr(unsafe.Pointer(&s.buf[0])), uintptr(len(s.buf)), unix.MSG_DONTWAIT,
			uintptr(unsafe.Pointer(&s.from)), uintptr(unsafe.Pointer(&s.fromLen)))
		if errno != 0 {
			return // nothing there, or an ICMP answer to a packet sent
		}
		r := c.receiver
		if r == nil {
			return
		}
		r.Receive(s.buf[:n], s.source())
	}
}

// source is the address of the packet read last.
func (s *epollSet) source() netip.AddrPort {
	if s.from.Family == unix.AF_INET6 {
		port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&s.from.Port))[:])
		return netip.AddrPortFrom(netip.AddrFrom16(s.from.Addr).Unmap(), port)
	}
	four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&s.from))
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&four.Port))[:])
	return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), port)
}

func (s *epollSet) drainWake() {
	var b [8]byte
	_, _ = unix.Read(s.wake, b[:]) // non-blocking; its content does not matter
}

// shortWait is how long the shard may keep its P while it waits. Telling the
// scheduler of waits around 10 ms makes its monitor look every 20 µs, for long
// after; a signal ends the wait when the runtime wants the P.
const shortWait = 25 * time.Millisecond

// wait is epoll_pwait2, whose timeout is in nanoseconds.
func (s *epollSet) wait(d time.Duration) int {
	s.timeout = unix.NsecToTimespec(int64(max(d, 0))) // in s, not on the stack: the stack may move
	call := unix.RawSyscall6
	if d > shortWait {
		call = unix.Syscall6
	}
	events, n := uintptr(unsafe.Pointer(&s.events[0])), uintptr(len(s.events))
	r, _, errno := call(unix.SYS_EPOLL_PWAIT2, uintptr(s.ep), events, n, uintptr(unsafe.Pointer(&s.timeout)), 0, 0)
	if errno == unix.ENOSYS { // before Linux 5.11: whole milliseconds
		ms := (max(d, 0) + time.Millisecond - 1) / time.Millisecond
		r, _, errno = call(unix.SYS_EPOLL_PWAIT, uintptr(s.ep), events, n, uintptr(ms), 0, 0)
	}
	if errno != 0 {
		return 0
	}
	return int(r)
}

// Wake implements Set.
func (s *epollSet) Wake() {
	b := [8]byte{1}
	_, _ = unix.Write(s.wake, b[:]) // a full counter wakes as well
}

// Close implements Set.
func (s *epollSet) Close() error {
	reserve(-1)
	return s.release()
}

func (s *epollSet) release() error {
	return errors.Join(os.NewSyscallError("close", unix.Close(s.wake)), os.NewSyscallError("close", unix.Close(s.ep)))
}

// sleep pauses the shard in the kernel for a millisecond or so. The scheduler is
// not told: to tell it of a thousand pauses a second costs more than all packets.
// So the shard keeps its P meanwhile; NewSet made one more for it. A signal, by
// which the runtime asks for the P, ends the sleep early.
func sleep(d time.Duration) {
	ts := unix.NsecToTimespec(int64(d))
	_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// reserve adds n to the goroutines that run at a time.
func reserve(n int) {
	procs.Lock()
	defer procs.Unlock()
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
}

var procs sync.Mutex
