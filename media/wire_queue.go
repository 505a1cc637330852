package media

import (
	"net/netip"
	"sync"
	"time"
)

// maxQueued bounds the packets that wait for a shard, and for a Conn that is in
// no set; further ones are lost, as in a kernel's socket buffer.
const maxQueued = 4096

// datagram is a packet that waits for its shard.
type datagram struct {
	conn *queueConn
	from netip.AddrPort
	data []byte
}

// queueConn is the receiving half of the wires whose packets come from another
// goroutine: it passes them to the set that it is in.
type queueConn struct {
	mu       sync.Mutex
	set      *queueSet
	receiver Receiver // the shard's
	early    []datagram
}

// deliver queues a copy of packet for the shard.
func (c *queueConn) deliver(packet []byte, from netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set != nil {
		c.set.push(c, packet, from)
		return
	}
	if len(c.early) < maxQueued {
		c.early = append(c.early, datagram{conn: c, from: from, data: append([]byte(nil), packet...)})
	}
}

// receiverIn is who takes the packets while the Conn is in s, else nil.
func (c *queueConn) receiverIn(s *queueSet) Receiver {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set != s {
		return nil
	}
	return c.receiver
}

// queueSet is the Set of the wires that are not polled. It works under
// testing/synctest: it waits on a channel and a timer only.
type queueSet struct {
	mu    sync.Mutex
	queue []datagram
	spare []datagram // handled ones, for their buffers
	busy  []datagram // the shard's, while it handles them
	wake  chan struct{}
	timer *time.Timer
}

func newQueueSet() *queueSet {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return &queueSet{wake: make(chan struct{}, 1), timer: t}
}

func (s *queueSet) push(c *queueConn, packet []byte, from netip.AddrPort) {
	s.mu.Lock()
	if len(s.queue) < maxQueued {
		d := datagram{}
		if n := len(s.spare); n > 0 {
			d = s.spare[n-1]
			s.spare = s.spare[:n-1]
		}
		d.conn, d.from, d.data = c, from, append(d.data[:0], packet...)
		s.queue = append(s.queue, d)
	}
	s.mu.Unlock()
	s.Wake()
}

func (s *queueSet) add(c *queueConn, r Receiver) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set, c.receiver = s, r
	for _, d := range c.early {
		s.push(c, d.data, d.from)
	}
	c.early = nil
}

func (s *queueSet) remove(c *queueConn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set, c.receiver = nil, nil
}

// Poll implements Set; it never lets packets gather.
func (s *queueSet) Poll(wait, _ time.Duration) {
	if !s.take() && wait > 0 {
		s.timer.Reset(wait)
		select {
		case <-s.wake:
		case <-s.timer.C:
		}
		s.timer.Stop()
		s.take()
	}
	for i := range s.busy {
		d := &s.busy[i]
		if r := d.conn.receiverIn(s); r != nil {
			r.Receive(d.data, d.from)
		} else {
			d.conn.deliver(d.data, d.from) // it moved on: so do its packets
		}
	}
}

// take moves the waiting packets to busy; false when there are none.
func (s *queueSet) take() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.busy {
		d.conn = nil
		s.spare = append(s.spare, d)
	}
	s.busy, s.queue = s.queue, s.busy[:0]
	return len(s.busy) > 0
}

// Wake implements Set.
func (s *queueSet) Wake() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close implements Set.
func (s *queueSet) Close() error {
	s.timer.Stop()
	return nil
}
