//go:build linux && (amd64 || arm64)

package rtpload

import (
	"encoding/binary"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// How many packets a system call sends or receives. A packet's stamp is older
// than its way through the kernel by the packets of the same call before it, so
// few are sent in one.
const (
	sendBatch    = 16
	receiveBatch = 64
)

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      uint32
}

// outgoing is a batch for sendmmsg.
type outgoing struct {
	headers [sendBatch]message
	vectors [sendBatch]unix.Iovec
	names   [sendBatch]unix.RawSockaddrInet4
	control [sendBatch]pktinfo
}

// pktinfo is the control message that sets a packet's source address.
type pktinfo struct {
	header unix.Cmsghdr
	info   unix.Inet4Pktinfo
	_      uint32
}

func (m *outgoing) init() {
	for i := range m.headers {
		h, c := &m.headers[i].header, &m.control[i]
		h.Iov = &m.vectors[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&m.names[i]))
		h.Namelen = unix.SizeofSockaddrInet4
		c.header.Level, c.header.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		c.header.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		h.Control = (*byte)(unsafe.Pointer(c))
		h.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	}
}

// set prepares a packet to ip:port from an address of ours.
func (m *outgoing) set(i int, packet []byte, ip uint32, port uint16, from netip.Addr) {
	m.vectors[i].Base = &packet[0]
	m.vectors[i].SetLen(len(packet))
	name := &m.names[i]
	name.Family = unix.AF_INET
	binary.BigEndian.PutUint32(name.Addr[:], ip)
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], port)
	m.control[i].info.Spec_dst = from.As4()
}

// incoming is a batch for recvmmsg.
type incoming struct {
	headers [receiveBatch]message
	vectors [receiveBatch]unix.Iovec
	control [receiveBatch]arrival
	data    [receiveBatch][maxPacket]byte
}

// arrival is the control message with the time at which the kernel took a packet
// in: when its sender handed it over, on the loopback.
type arrival struct {
	header unix.Cmsghdr
	time   unix.Timespec
}

func (m *incoming) init() {
	for i := range m.headers {
		h := &m.headers[i].header
		h.Iov = &m.vectors[i]
		h.SetIovlen(1)
		m.vectors[i].Base = &m.data[i][0]
		m.vectors[i].SetLen(len(m.data[i]))
		h.Control = (*byte)(unsafe.Pointer(&m.control[i]))
		m.rearm(i)
	}
}

// rearm makes room for the control message again, which a receive used up.
func (m *incoming) rearm(i int) { m.headers[i].header.SetControllen(int(unsafe.Sizeof(arrival{}))) }

// packet is what the last recvmmsg put into place i.
func (m *incoming) packet(i int) []byte { return m.data[i][:m.headers[i].length] }

// arrived is when, on the system's clock; false when the kernel does not say.
func (m *incoming) arrived(i int) (time.Duration, bool) {
	c := &m.control[i]
	if m.headers[i].header.Controllen == 0 || c.header.Level != unix.SOL_SOCKET || c.header.Type != unix.SCM_TIMESTAMPNS {
		return 0, false
	}
	return time.Duration(c.time.Nano()), true
}
