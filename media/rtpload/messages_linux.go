//go:build linux && (amd64 || arm64)

package rtpload

import (
	"encoding/binary"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// message is the kernel's struct mmsghdr.
type message struct {
	header unix.Msghdr
	length uint32
	_      uint32
}

// messages is a batch for sendmmsg or recvmmsg.
type messages struct {
	headers [batch]message
	vectors [batch]unix.Iovec
	names   [batch]unix.RawSockaddrInet4
	control [batch]pktinfo
	data    [batch][1500]byte // received
}

// pktinfo is the control message that sets a packet's source address.
type pktinfo struct {
	header unix.Cmsghdr
	info   unix.Inet4Pktinfo
	_      uint32
}

func (m *messages) init(sending bool) {
	for i := range m.headers {
		h := &m.headers[i].header
		h.Iov = &m.vectors[i]
		h.SetIovlen(1)
		if !sending {
			m.vectors[i].Base = &m.data[i][0]
			m.vectors[i].SetLen(len(m.data[i]))
			continue
		}
		h.Name = (*byte)(unsafe.Pointer(&m.names[i]))
		h.Namelen = unix.SizeofSockaddrInet4
		c := &m.control[i]
		c.header.Level, c.header.Type = unix.IPPROTO_IP, unix.IP_PKTINFO
		c.header.SetLen(unix.CmsgLen(unix.SizeofInet4Pktinfo))
		h.Control = (*byte)(unsafe.Pointer(c))
		h.SetControllen(unix.CmsgSpace(unix.SizeofInet4Pktinfo))
	}
}

// set prepares a packet to ip:port from an address of ours.
func (m *messages) set(i int, packet *[packetSize]byte, ip uint32, port uint16, from netip.Addr) {
	m.vectors[i].Base = &packet[0]
	m.vectors[i].SetLen(len(packet))
	name := &m.names[i]
	name.Family = unix.AF_INET
	binary.BigEndian.PutUint32(name.Addr[:], ip)
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&name.Port))[:], port)
	m.control[i].info.Spec_dst = from.As4()
}
