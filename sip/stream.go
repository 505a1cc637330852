package sip

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"
)

// writeTimeout bounds how long a peer that does not read can hold a writer.
const writeTimeout = 5 * time.Second

// firstMessage bounds how long an accepted connection may be silent, or shake
// hands, before its first bytes.
const firstMessage = 30 * time.Second

// stream is one TCP or TLS connection.
type stream struct {
	transport string
	conn      net.Conn
	local     netip.AddrPort
	remote    netip.AddrPort

	mu   sync.Mutex // one message at a time
	done chan struct{}
	once sync.Once
}

func newStream(transport string, conn net.Conn) *stream {
	return &stream{
		transport: transport, conn: conn, done: make(chan struct{}),
		local: addrPortOf(conn.LocalAddr()), remote: addrPortOf(conn.RemoteAddr()),
	}
}

func (c *stream) flow() *flow {
	return &flow{transport: c.transport, remote: c.remote, stream: c}
}

// write sends one message whole. A connection that does not take it within
// writeTimeout is broken and closed: half a message cannot be taken back.
func (c *stream) write(data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed() {
		return net.ErrClosed
	}
	if err := c.conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	if _, err := c.conn.Write(data); err != nil {
		c.close()
		return err
	}
	return nil
}

func (c *stream) closed() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

func (c *stream) close() {
	c.once.Do(func() {
		close(c.done)
		c.conn.Close()
	})
}

// accept serves a stream listener until it is closed.
func (s *Stack) accept(transport string, l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			s.log.Warn("sip connection not accepted", "listener", l.Addr().String(), "error", err)
			// Out of descriptors: waiting a moment beats spinning.
			select {
			case <-s.closing:
				return
			case <-time.After(50 * time.Millisecond):
			}
			continue
		}
		if !s.admit(addrPortOf(conn.RemoteAddr())) {
			conn.Close()
			continue
		}
		_ = conn.SetReadDeadline(time.Now().Add(firstMessage))
		s.serveStream(newStream(transport, conn))
	}
}

// keepStream makes c available to requests; false when the stack is closed.
func (s *Stack) keepStream(c *stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		c.close()
		return false
	}
	s.streams[streamKey{c.transport, c.remote}] = c
	return true
}

// serveStream keeps c for reuse and reads it on a goroutine of its own.
func (s *Stack) serveStream(c *stream) {
	if !s.keepStream(c) {
		return
	}
	s.readers.Go(func() {
		s.readStream(c)
		c.close()
		s.forgetStream(c)
	})
}

// forgetStream drops a closed connection. Requests that went over it and have
// no final response fail now: their peer cannot answer any more, and after a
// provisional response no timer would end them.
func (s *Stack) forgetStream(c *stream) {
	s.mu.Lock()
	if key := (streamKey{c.transport, c.remote}); s.streams[key] == c {
		delete(s.streams, key)
	}
	var pending []*client
	for _, cl := range s.clients {
		if cl.flow.stream == c && !cl.final.Load() {
			pending = append(pending, cl)
		}
	}
	s.mu.Unlock()
	for _, cl := range pending {
		cl.tx.Terminate()
	}
	if s.cfg.ConnectionLost != nil {
		s.cfg.ConnectionLost(c.transport, c.remote)
	}
}

// readStream reads messages and RFC 5626 keep-alives until the peer closes or
// sends what cannot be framed any more.
func (s *Stack) readStream(c *stream) {
	in, f := newFrames(c.conn), c.flow()
	for {
		m, err := in.next()
		switch {
		case err != nil:
			s.log.Debug("sip stream ends", "peer", c.remote, "error", err)
			return
		case !s.admit(c.remote):
			return
		case m.data == nil:
			if c.write([]byte("\r\n")) != nil { // RFC 5626 3.5.1
				return
			}
		case !s.receive(m.data, f) && !m.sure:
			return
		}
	}
}
