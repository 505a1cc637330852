package sip

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"sync"

	sipmsg "github.com/emiago/sipgo/sip"
)

// flow is the way to one peer: a datagram socket and the peer's address, or one
// stream connection. A transaction writes to the flow it was made with, and a
// dialog keeps the flow its peer is reached by. That is the one place where
// requests inside a dialog come to use the connection that the peer opened
// (sipgo issue 361), and where answers go back to where the request came from
// (RFC 3581).
//
// flow implements sipgo's Connection, so that sipgo's transactions write to it.
// Its life does not depend on reference counts: sockets belong to the Stack.
type flow struct {
	transport string // as in Via: UDP, TCP, TLS, WS, WSS
	remote    netip.AddrPort
	packets   *packetSocket // UDP
	stream    *stream       // everything else
}

var _ sipmsg.Connection = (*flow)(nil)

var messageBuffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// WriteMsg sends m to the flow's peer, whatever m's own destination says. It
// blocks at most for the stream's write timeout.
func (f *flow) WriteMsg(m sipmsg.Message) error {
	buf := messageBuffers.Get().(*bytes.Buffer)
	defer messageBuffers.Put(buf)
	buf.Reset()
	m.StringWrite(buf)
	return f.write(buf.Bytes())
}

func (f *flow) write(data []byte) (err error) {
	if f.packets != nil {
		_, err = f.packets.conn.WriteToUDPAddrPort(data, f.remote)
	} else {
		err = f.stream.write(data)
	}
	if err != nil {
		return fmt.Errorf("sip: %s to %s: %w", f.transport, f.remote, err)
	}
	return nil
}

// local is the address of our end.
func (f *flow) local() netip.AddrPort {
	if f.packets != nil {
		return f.packets.local
	}
	return f.stream.local
}

// reliable tells whether lost messages are the transport's business.
func (f *flow) reliable() bool { return f.packets == nil }

// alive tells whether the flow can still be written to.
func (f *flow) alive() bool { return f.packets != nil || !f.stream.closed() }

func (f *flow) LocalAddr() net.Addr    { return net.UDPAddrFromAddrPort(f.local()) }
func (f *flow) Ref(int) int            { return 1 }
func (f *flow) TryClose() (int, error) { return 1, nil }
func (f *flow) Close() error           { return nil }
