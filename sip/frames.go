package sip

import (
	"bytes"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"
)

// frames cuts what comes on a stream into messages (RFC 3261 18.3), so that they
// are read as datagrams are, with the same patience and the same refusals.
type frames struct {
	conn       net.Conn
	buf        []byte
	start, end int  // what is read and not yet given
	searched   int  // of that, how much holds no end of a header
	blank      int  // octets of line ends since the last message
	spoken     bool // anything came at all
	timed      bool // conn has a deadline for reading
}

// frame is one message. Without data it is a ping (RFC 5626 3.5.1).
type frame struct {
	data []byte
	sure bool // it names its length, so what follows is another message
}

var errFrameTooLarge = errors.New("sip: message too large")

const headerEnd = "\r\n\r\n"

// newFrames reads conn, which may have a deadline for its first words.
func newFrames(conn net.Conn) *frames {
	return &frames{conn: conn, buf: make([]byte, 4<<10), timed: true}
}

// next is the next message; its data is good until the next call. It blocks
// until one is complete, and fails when the peer takes longer for it than
// firstMessage or it gets larger than a datagram can be.
func (r *frames) next() (frame, error) {
	for {
		if r.skipBlank() {
			return frame{}, nil
		}
		data := r.buf[r.start:r.end]
		i := bytes.Index(data[r.searched:], []byte(headerEnd))
		if i < 0 {
			r.searched = max(0, len(data)-len(headerEnd)+1)
			if err := r.fill(len(data) + 1); err != nil {
				return frame{}, err
			}
			continue
		}
		head := r.searched + i + len(headerEnd)
		length, sure := contentLength(data[:head])
		total := head + length
		switch {
		case length < 0: // what follows cannot be told apart
			r.start, r.searched = r.end, 0
			return frame{data: data}, nil
		case len(data) >= total:
			r.start, r.searched = r.start+total, 0
			return frame{data[:total], sure}, nil
		}
		r.searched = head - len(headerEnd)
		if err := r.fill(total); err != nil {
			return frame{}, err
		}
	}
}

// skipBlank passes over line ends between messages. It reports true for each
// double one, which is a ping.
func (r *frames) skipBlank() (ping bool) {
	for r.start < r.end && (r.buf[r.start] == '\r' || r.buf[r.start] == '\n') {
		r.start++
		if r.blank++; r.blank == len(headerEnd) {
			r.blank = 0
			return true
		}
	}
	if r.start < r.end {
		r.blank = 0
	}
	return false
}

// fill reads more of a message that has at least so many octets.
func (r *frames) fill(least int) error {
	if least > maxDatagram {
		return errFrameTooLarge
	}
	if r.start > 0 {
		r.end = copy(r.buf, r.buf[r.start:r.end])
		r.start = 0
	}
	if least > len(r.buf) {
		r.buf = append(r.buf, make([]byte, min(max(least, 2*len(r.buf)), maxDatagram)-len(r.buf))...)
	}
	if err := r.hurry(r.end > 0); err != nil {
		return err
	}
	n, err := r.conn.Read(r.buf[r.end:])
	r.end += n
	r.spoken = r.spoken || n > 0
	if n > 0 {
		return nil
	}
	return err
}

// hurry bounds how long a message that has begun may take.
func (r *frames) hurry(begun bool) (err error) {
	switch {
	case begun && !r.timed:
		err, r.timed = r.conn.SetReadDeadline(time.Now().Add(firstMessage)), true
	case !begun && r.timed && r.spoken:
		err, r.timed = r.conn.SetReadDeadline(time.Time{}), false
	}
	return err
}

// contentLength reads the length of the body that a header names: 0 when it
// names none, -1 when it is no number or names two. What no message can have is
// beyond maxDatagram, so that sums with it stay numbers everywhere.
func contentLength(head []byte) (length int, named bool) {
	for line := range bytes.SplitSeq(head, []byte("\r\n")) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || len(name) == 0 || name[0] == ' ' || name[0] == '\t' {
			continue
		}
		switch strings.ToLower(strings.TrimRight(string(name), " \t")) {
		case "content-length", "l":
			n, err := strconv.ParseUint(strings.TrimSpace(string(value)), 10, 31)
			size := int(min(n, maxDatagram+1))
			if err != nil || named && size != length {
				return -1, false
			}
			length, named = size, true
		}
	}
	return length, named
}
