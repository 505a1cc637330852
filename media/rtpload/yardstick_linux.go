//go:build linux && (amd64 || arm64)

package rtpload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Yardstick is the least that relaying calls can cost with a socket for each leg:
// non-blocking sockets in one epoll set that a thread polls every millisecond,
// each packet read and sent on unchanged to where the other leg's packets come
// from.
type Yardstick struct {
	ep    int
	sides []side
	stop  atomic.Bool
	done  chan struct{}
	cpu   atomic.Int64
}

// side is one leg's socket; sides 2n and 2n+1 are a call.
type side struct {
	fd   int
	port uint16
	from unix.RawSockaddrInet4
}

// NewYardstick starts a relay of so many calls on 127.0.0.1; Close ends it.
func NewYardstick(calls int) (*Yardstick, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("rtpload: epoll: %w", err)
	}
	y := &Yardstick{ep: ep, done: make(chan struct{})}
	for i := range 2 * calls {
		fd, port, err := socket(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
		if err != nil {
			return nil, errors.Join(err, y.free())
		}
		y.sides = append(y.sides, side{fd: fd, port: port})
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return nil, errors.Join(fmt.Errorf("rtpload: epoll: %w", err), y.free())
		}
	}
	procs(1)
	go y.run()
	return y, nil
}

// Addr is where leg 0 or 1 of a call sends to.
func (y *Yardstick) Addr(call, leg int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), y.sides[2*call+leg].port)
}

// CPU is the processor time used so far.
func (y *Yardstick) CPU() time.Duration { return time.Duration(y.cpu.Load()) }

// Close ends the relay.
func (y *Yardstick) Close() error {
	y.stop.Store(true)
	<-y.done
	procs(-1)
	return y.free()
}

func (y *Yardstick) free() error {
	err := unix.Close(y.ep)
	for _, s := range y.sides {
		err = errors.Join(err, unix.Close(s.fd))
	}
	return err
}

func (y *Yardstick) run() {
	runtime.LockOSThread()
	defer close(y.done)
	var events [256]unix.EpollEvent
	var buf [1500]byte
	next := time.Now()
	for round := 0; !y.stop.Load(); round++ {
		next = next.Add(time.Millisecond)
		if wait := time.Until(next); wait > 0 {
			ts := unix.NsecToTimespec(int64(wait))
			_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
		}
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(y.ep),
			uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		if errno != 0 {
			continue
		}
		for _, e := range events[:n] {
			y.pass(int(e.Fd), &buf)
		}
		if round%64 == 0 {
			y.cpu.Store(int64(threadTime()))
		}
	}
	y.cpu.Store(int64(threadTime()))
}

// pass sends one packet of a leg on to the other.
func (y *Yardstick) pass(i int, buf *[1500]byte) {
	a, b := &y.sides[i], &y.sides[i^1]
	size := uint32(unix.SizeofSockaddrInet4)
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(a.fd), uintptr(unsafe.Pointer(buf)), uintptr(len(buf)),
		unix.MSG_DONTWAIT, uintptr(unsafe.Pointer(&a.from)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 || binary.BigEndian.Uint32(b.from.Addr[:]) == 0 {
		return
	}
	_, _, _ = unix.RawSyscall6(unix.SYS_SENDTO, uintptr(b.fd), uintptr(unsafe.Pointer(buf)), n,
		unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, uintptr(unsafe.Pointer(&b.from)), unix.SizeofSockaddrInet4)
}
