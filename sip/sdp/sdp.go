// Package sdp negotiates one audio stream by the offer/answer model of RFC
// 3264 in the syntax of RFC 8866.
//
// An Agent holds what one side has to remember of one session: the version in
// its o= line, the m= lines in their order and the payload numbers that codecs
// have been given. It never touches the network.
package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// ErrNotAcceptable is wrapped by every error that says that a description was
// understood but cannot be agreed to: answer it with 488 (RFC 3261 13.3.1.3).
// The text around it names what is wrong and is fit for a Warning header.
var ErrNotAcceptable = errors.New("session description not acceptable")

// ErrSyntax is wrapped by every error about a body that is not a session
// description at all: answer it with 400 or 488.
var ErrSyntax = errors.New("session description malformed")

// ErrNoOffer is returned by Accept when nothing has been offered.
var ErrNoOffer = errors.New("sdp: answer without an offer")

// Direction says which way media flows, seen from the side that states it
// (RFC 3264 section 5.1).
type Direction string

// The four directions of RFC 8866 section 6.7.
const (
	SendRecv Direction = "sendrecv"
	SendOnly Direction = "sendonly"
	RecvOnly Direction = "recvonly"
	Inactive Direction = "inactive"
)

// Sends tells whether the side that states d sends media.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives tells whether the side that states d receives media.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Mirror returns the direction as the other side sees it.
func (d Direction) Mirror() Direction { return direction(d.Receives(), d.Sends()) }

// And returns what both d and e allow, both seen from the same side.
func (d Direction) And(e Direction) Direction {
	return direction(d.Sends() && e.Sends(), d.Receives() && e.Receives())
}

func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// Codec is one payload format of an audio stream. ClockRate is that of the RTP
// timestamps, 8000 for G722 (RFC 3551 section 4.5.2). Channels 0 means 1.
type Codec struct {
	Name        string
	PayloadType uint8
	ClockRate   int
	Channels    int
	Fmtp        string
}

// String returns the codec as an rtpmap attribute writes it.
func (c Codec) String() string {
	if c.Channels > 1 {
		return fmt.Sprintf("%s/%d/%d", c.Name, c.ClockRate, c.Channels)
	}
	return fmt.Sprintf("%s/%d", c.Name, c.ClockRate)
}

// key identifies the format without its number: names compare without case
// (RFC 8866 section 6.6), one channel is the default.
func (c Codec) key() string {
	return strings.ToLower(Codec{Name: c.Name, ClockRate: c.ClockRate, Channels: c.Channels}.String())
}

// Local is what this side brings to a session.
type Local struct {
	Addr           netip.AddrPort // where RTP is received
	RTCP           netip.AddrPort // where RTCP is received; zero or Addr's port+1: not announced
	Codecs         []Codec        // what we speak, best first, with the numbers to offer
	TelephoneEvent bool           // offer and accept RFC 4733 digits
	Ptime          time.Duration  // packet time to announce; zero: 20 ms
	SessionName    string         // s= line; empty: "-"
	SessionID      uint64         // o= line; zero: chosen at random
}

// Media is what offer and answer have agreed to. Values compare with ==, so
// that a re-offer that changes nothing is recognised.
type Media struct {
	Remote           netip.AddrPort // where to send RTP; zero address: nowhere
	RemoteRTCP       netip.AddrPort // where to send RTCP
	Codec            Codec          // with the payload number to send
	EventPayloadType uint8          // telephone-event at the codec's clock; 0: none
	Direction        Direction      // ours: what WE may send and receive
	Held             bool           // the peer does not want to hear us although we would speak
	Ptime            time.Duration  // audio for each packet that we send
	RTCPMux          bool           // RTCP shares the RTP port (RFC 5761)
}

const telephoneEvent = "telephone-event"
