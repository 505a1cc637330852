package media

import (
	"net/netip"
	"time"
)

// Wire opens the sockets of an Engine. There are three: epoll (Linux), net.UDPConn
// (everywhere) and memory (tests).
type Wire interface {
	// Listen binds a UDP socket, from any goroutine. An address in use gives
	// an error that wraps syscall.EADDRINUSE.
	Listen(addr netip.AddrPort) (Conn, error)
	// NewSet makes the set of sockets of one shard.
	NewSet() (Set, error)
}

// Conn is one bound socket of a Wire. Until it is in a Set, and while it moves
// from one to another, packets wait in it.
type Conn interface {
	// LocalAddr is the bound address.
	LocalAddr() netip.AddrPort
	// WriteTo sends one packet without blocking; a full socket loses it and
	// says so. Only the shard that holds the Conn may call it.
	WriteTo(packet []byte, to netip.AddrPort) error
	// Close frees the address. The Conn must have left its Set.
	Close() error
}

// Receiver takes the packets of a Conn, on the shard's goroutine. The slice is
// the Wire's again when Receive returns; it may be changed in place.
type Receiver interface {
	Receive(packet []byte, from netip.AddrPort)
}

// Set is the sockets of one shard. All but Wake belong to the shard's goroutine.
type Set interface {
	// Add starts handing the packets of c to r.
	Add(c Conn, r Receiver) error
	// Remove stops it.
	Remove(c Conn)
	// Poll hands over the packets that are there. When there are none it waits
	// for some, for at most wait (0 or less: not at all), or until Wake. Where
	// that is cheaper it lets packets gather for up to linger, or to the end of
	// wait when that is not much further.
	Poll(wait, linger time.Duration)
	// Wake makes a waiting Poll, or the next one, return early; one that lets
	// packets gather does so first. Any goroutine may call it.
	Wake()
	// Close frees the set.
	Close() error
}

// maxPacket is the largest packet read; longer ones are cut, and refused then
// by the codec's length.
const maxPacket = 1500
