// Package dtmf receives and sends key presses as RTP telephone-events (RFC 4733).
package dtmf

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// keys are the keys in the order of their event codes (RFC 4733 section 3.2).
const keys = "0123456789*#ABCD"

// ErrShort tells that a payload is too short for an event.
var ErrShort = errors.New("dtmf: telephone-event shorter than 4 bytes")

// size of an event in the payload (RFC 4733 section 2.3).
const size = 4

// Event is a telephone-event payload.
type Event struct {
	Code     uint8
	End      bool
	Volume   uint8  // 0 to 63, dB below 0 dBm0
	Duration uint16 // RTP units since the packet's timestamp
}

// Parse reads the first event of a payload.
func Parse(payload []byte) (Event, error) {
	if len(payload) < size {
		return Event{}, ErrShort
	}
	return Event{
		Code:     payload[0],
		End:      payload[1]&0x80 != 0,
		Volume:   payload[1] & 0x3f,
		Duration: binary.BigEndian.Uint16(payload[2:]),
	}, nil
}

// Marshal writes the event to dst, which must hold 4 bytes, and returns 4.
func (e Event) Marshal(dst []byte) int {
	dst[0] = e.Code
	dst[1] = e.Volume & 0x3f
	if e.End {
		dst[1] |= 0x80
	}
	binary.BigEndian.PutUint16(dst[2:], e.Duration)
	return size
}

// Key is the key of an event code, false for events that are no keys.
func Key(code uint8) (byte, bool) {
	if int(code) >= len(keys) {
		return 0, false
	}
	return keys[code], true
}

// Code is the event code of a key, letters in either case.
func Code(key byte) (uint8, bool) {
	if key >= 'a' && key <= 'd' {
		key -= 'a' - 'A'
	}
	i := strings.IndexByte(keys, key)
	return uint8(max(i, 0)), i >= 0
}

// Press is one key press.
type Press struct {
	Key      byte
	Duration time.Duration // as known when it was told of
}
