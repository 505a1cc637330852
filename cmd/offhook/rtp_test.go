package main

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtp"

	"offhook/media"
	"offhook/media/codec"
	"offhook/media/tone"
)

// soundEnd is the sound of a call whose signalling sipp does: a UDP socket
// that sends PCMU or PCMA each 20 ms to wherever it hears from, as a phone
// behind a NAT would have to, and listens. It shares no code with offhook's
// own RTP.
type soundEnd struct {
	*ear
	conn   *net.UDPConn
	remote atomic.Pointer[netip.AddrPort]

	mu     sync.Mutex
	format codec.Format
	source media.Source
	keys   []byte // still to be pressed
}

// telephoneEvent is the payload type that the scenarios offer for RFC 4733.
const telephoneEvent = 101

// newSoundEnd opens an end; it is closed with the test.
func newSoundEnd(t testing.TB, format string) *soundEnd {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	f, ok := codec.Lookup(format)
	if !ok {
		t.Fatalf("no codec %s", format)
	}
	s := &soundEnd{ear: newEar(), conn: conn, format: f}
	done := make(chan struct{})
	var both sync.WaitGroup
	both.Go(s.listen)
	both.Go(func() { s.speak(done) })
	t.Cleanup(func() {
		close(done)
		_ = conn.Close()
		both.Wait()
	})
	return s
}

// port is where the end receives.
func (s *soundEnd) port() int { return s.conn.LocalAddr().(*net.UDPAddr).Port }

// press sends keys as RFC 4733 events, 100 ms each.
func (s *soundEnd) press(keys string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = append(s.keys, keys...)
}

// play sends a source instead of silence.
func (s *soundEnd) play(src media.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source = src
}

// tone plays a steady tone.
func (s *soundEnd) tone() { s.play(tone.New(8000, tone.Milliwatt())) }

func (s *soundEnd) listen() {
	decoder := s.format.NewDecoder()
	raw, pcm := make([]byte, 1500), make([]int16, 1500)
	var p rtp.Packet
	for {
		n, from, err := s.conn.ReadFromUDPAddrPort(raw)
		if err != nil {
			return
		}
		if p.Unmarshal(raw[:n]) != nil {
			continue
		}
		s.remote.Store(&from)
		if p.PayloadType == s.format.PayloadType {
			s.WriteFrame(pcm[:decoder.Decode(pcm, p.Payload)], nil)
		}
	}
}

func (s *soundEnd) speak(done <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	p := rtp.Packet{Header: rtp.Header{Version: 2, SSRC: 0x5155, SequenceNumber: 7, Timestamp: 1000}}
	encoder := s.format.NewEncoder()
	pcm, payload := make([]int16, 160), make([]byte, 160)
	held := 0 // frames that the present key is held
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		to := s.remote.Load()
		if to == nil {
			continue
		}
		p.SequenceNumber++
		p.Marker = false
		if event, more := s.event(&held); event != nil {
			p.PayloadType, p.Payload, p.Marker = telephoneEvent, event, held == 1
			s.send(p, *to)
			if !more { // the key's time is over only now, RFC 4733 2.5.1.2
				p.Timestamp += 160 * 7
			}
			continue
		}
		s.frame(pcm)
		p.Timestamp += 160
		p.PayloadType, p.Payload = s.format.PayloadType, payload[:encoder.Encode(payload, pcm)]
		s.send(p, *to)
	}
}

// event is the next RFC 4733 payload of the key that is being pressed: seven
// frames of which the last three say that it ended, and three of silence
// between two keys.
func (s *soundEnd) event(held *int) (payload []byte, more bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.keys) == 0 {
		return nil, false
	}
	*held++
	if *held > 7 {
		if *held == 10 {
			*held, s.keys = 0, s.keys[1:]
		}
		return nil, false
	}
	code := byte(10) // *
	switch k := s.keys[0]; {
	case k >= '0' && k <= '9':
		code = k - '0'
	case k == '#':
		code = 11
	}
	end := byte(0)
	if *held > 4 {
		end = 0x80
	}
	duration := uint16(160 * min(*held, 5))
	return []byte{code, end | 10, byte(duration >> 8), byte(duration)}, *held < 7
}

func (s *soundEnd) frame(pcm []int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(pcm)
	if s.source != nil && s.source.ReadFrame(pcm) != nil {
		s.source = nil
	}
}

func (s *soundEnd) send(p rtp.Packet, to netip.AddrPort) {
	if raw, err := p.Marshal(); err == nil {
		_, _ = s.conn.WriteToUDPAddrPort(raw, to) // the other side may be gone
	}
}
