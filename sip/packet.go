package sip

import (
	"bytes"
	"errors"
	"net"
	"net/netip"

	"offhook/sip/conform"
)

// maxDatagram is the largest datagram that UDP can carry.
const maxDatagram = 65535

// packetSocket is a bound UDP socket.
type packetSocket struct {
	conn  PacketConn
	local netip.AddrPort
}

// reaches tells whether the socket can send to an address of ip's family.
func (p *packetSocket) reaches(ip netip.Addr) bool {
	if p == nil {
		return false
	}
	local := p.local.Addr()
	return local.Is4() == ip.Is4() || local.Is6() && local.IsUnspecified()
}

// readPackets hands every datagram to the stack in the order of arrival, until
// the socket is closed. It runs on a goroutine of its own.
func (s *Stack) readPackets(p *packetSocket) {
	buf := make([]byte, maxDatagram)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// ICMP errors of earlier packets show up here; the socket lives.
			s.log.Debug("sip datagram not read", "local", p.local, "error", err)
			continue
		}
		from = unmap(from)
		data := buf[:n]
		if !s.admit(from) || len(bytes.Trim(data, "\r\n\x00 ")) == 0 {
			continue
		}
		s.receive(data, &flow{transport: "UDP", remote: from, packets: p})
	}
}

// receive parses one datagram, or a message of a stream, and handles it. It
// reports false when it could not be read; then it is refused as far as possible.
func (s *Stack) receive(data []byte, f *flow) bool {
	m, err := s.parser.ParseSIP(conform.Tidy(data))
	if err != nil {
		s.refuseMalformed(data, f, err)
		return false
	}
	s.handle(m, f)
	return true
}
