package bridge

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/media"
	"offhook/media/codec"

	"github.com/pion/rtp"
)

// counterPhone is a party on a wire in memory that sends frames with a number in
// them, which PCMU carries through decoding and encoding, and keeps what it gets.
type counterPhone struct {
	conn media.Conn
	port *media.Port
	deaf bool // keeps nothing

	mu  sync.Mutex
	got []rtp.Packet
	at  []time.Time
}

const (
	firstCode = 0x90 // PCMU codes from here on are samples of modest size
	codes     = 64
)

func newCounterPhone(t *testing.T, w *media.MemoryWire, e *media.Engine, addr string) *counterPhone {
	t.Helper()
	p := &counterPhone{}
	var err error
	p.conn, err = w.ListenFunc(netip.MustParseAddrPort(addr), p.receive)
	if err != nil {
		t.Fatal(err)
	}
	if p.port, err = e.Open(media.PortOptions{Name: addr}); err != nil {
		t.Fatal(err)
	}
	f, _ := codec.Lookup("PCMU")
	err = p.port.Configure(media.Params{Format: f, EventPayloadType: 101, Remote: p.conn.LocalAddr(), Send: true, Receive: true})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *counterPhone) receive(packet []byte, _ netip.AddrPort) {
	if p.deaf {
		return
	}
	var r rtp.Packet
	if r.Unmarshal(append([]byte(nil), packet...)) != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, r)
	p.at = append(p.at, time.Now())
}

// packets gives all that came and when.
func (p *counterPhone) packets() ([]rtp.Packet, []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]rtp.Packet(nil), p.got...), append([]time.Time(nil), p.at...)
}

// count sends n frames, numbered from first.
func (p *counterPhone) count(t *testing.T, first, n int) {
	b := make([]byte, 12+160)
	b[0] = 0x80
	for i := first; i < first+n; i++ {
		binary.BigEndian.PutUint16(b[2:], uint16(i+1000))
		binary.BigEndian.PutUint32(b[4:], uint32(i)*160+77)
		binary.BigEndian.PutUint32(b[8:], 42)
		for j := range 160 {
			b[12+j] = byte(firstCode + i%codes)
		}
		if err := p.conn.WriteTo(b, p.port.LocalAddr()); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// nothing is a sink that listens and keeps nothing.
type nothing struct{}

func (nothing) WriteFrame(_, _ []int16) {}

func bubble(t *testing.T, test func(t *testing.T, w *media.MemoryWire, e *media.Engine)) {
	synctest.Test(t, func(t *testing.T) {
		w := media.NewMemoryWire()
		e, err := media.New(media.Config{Wire: w, Shards: 2, BindIP: netip.MustParseAddr("127.0.0.1")})
		if err != nil {
			t.Fatal(err)
		}
		test(t, w, e)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
}

// interruptions are what ends relaying in the middle of a call; each gives what
// ends the interruption.
var interruptions = map[string]func(t *testing.T, w *media.MemoryWire, e *media.Engine, br *Bridge, a, b *counterPhone) (end func()){
	"a recording of one party": func(_ *testing.T, _ *media.MemoryWire, _ *media.Engine, _ *Bridge, a, _ *counterPhone) func() {
		return a.port.Attach(nothing{}, 8000)
	},
	"a recording at another rate": func(_ *testing.T, _ *media.MemoryWire, _ *media.Engine, _ *Bridge, _, b *counterPhone) func() {
		return b.port.Attach(nothing{}, 16000)
	},
	"a recording of the bridge": func(_ *testing.T, _ *media.MemoryWire, _ *media.Engine, br *Bridge, _, _ *counterPhone) func() {
		return br.Attach(nothing{}, 16000)
	},
	"a supervisor who listens": func(t *testing.T, w *media.MemoryWire, e *media.Engine, br *Bridge, _, _ *counterPhone) func() {
		s := newCounterPhone(t, w, e, "127.0.0.1:9004")
		m := br.Join(s.port, JoinOptions{Mute: true})
		return func() {
			m.Leave()
			s.port.Close()
			if err := s.conn.Close(); err != nil {
				t.Error(err)
			}
		}
	},
}

func TestTechniqueChangesWithoutAGap(t *testing.T) {
	for name, interrupt := range interruptions {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *media.MemoryWire, e *media.Engine) {
				a, b := newCounterPhone(t, w, e, "127.0.0.1:9000"), newCounterPhone(t, w, e, "127.0.0.1:9002")
				br := New(e, "pair")
				br.Join(a.port, JoinOptions{})
				br.Join(b.port, JoinOptions{})
				time.Sleep(50 * time.Millisecond)
				sent := 0
				talk := func(technique string) {
					var wg sync.WaitGroup
					for _, p := range []*counterPhone{a, b} {
						wg.Go(func() { p.count(t, sent, 100) })
					}
					wg.Wait()
					sent += 100
					if got := br.Technique(); got != technique {
						t.Errorf("technique %s, want %s", got, technique)
					}
					for _, port := range []*media.Port{a.port, b.port} {
						if way := port.Describe(); !strings.Contains(way, "-> bridge pair ("+technique+")") || strings.Contains(way, "packets -> rtp") != (technique == Relay) {
							t.Errorf("%s, while the technique is %s", way, technique)
						}
					}
				}
				talk(Relay)
				for range 3 {
					end := interrupt(t, w, e, br, a, b)
					talk(Mix)
					end()
					talk(Relay)
				}
				br.Close()
				checkContinuous(t, a, sent)
				checkContinuous(t, b, sent)
			})
		})
	}
}

// checkContinuous looks at the stream that a phone got: one SSRC, no leap in
// sequence or timestamp, no packet more than 20 ms after its time, and every number
// in its turn: none lost, none repeated.
func checkContinuous(t *testing.T, p *counterPhone, sent int) {
	t.Helper()
	last, wrong, numbered := -1, 0, 0
	got, at := p.packets()
	for i, r := range got {
		if i > 0 {
			q := got[i-1]
			if r.SSRC != q.SSRC || r.SequenceNumber != q.SequenceNumber+1 || r.Timestamp != q.Timestamp+160 {
				t.Errorf("packet %d: %x/%d/%d after %x/%d/%d", i, r.SSRC, r.SequenceNumber, r.Timestamp, q.SSRC, q.SequenceNumber, q.Timestamp)
			}
			if gap := at[i].Sub(at[i-1]); last >= 0 && gap > 40*time.Millisecond {
				t.Errorf("packet %d: %s after the one before", i, gap)
			}
		}
		code := int(r.Payload[80])
		if code < firstCode || code >= firstCode+codes {
			continue // silence before the first and after the last
		}
		numbered++
		if number := code - firstCode; last >= 0 && number != (last+1)%codes {
			wrong++
		}
		last = code - firstCode
	}
	if wrong > 0 || numbered != sent {
		t.Errorf("%d numbers of %d arrived, %d out of turn over 6 changes", numbered, sent, wrong)
	}
}

func TestDigitsPassTheBridge(t *testing.T) {
	for _, technique := range []string{Relay, Mix} {
		bubble(t, func(t *testing.T, w *media.MemoryWire, e *media.Engine) {
			a, b := newCounterPhone(t, w, e, "127.0.0.1:9000"), newCounterPhone(t, w, e, "127.0.0.1:9002")
			br := New(e, "pair")
			br.Join(a.port, JoinOptions{})
			br.Join(b.port, JoinOptions{})
			if technique == Mix {
				br.Attach(nothing{}, 8000)
			}
			a.count(t, 0, 10)
			// The digit comes from a third port that plays the phone's part.
			press(t, a, 10)
			time.Sleep(500 * time.Millisecond)
			if got := br.Technique(); got != technique {
				t.Errorf("technique %s", got)
			}
			starts, ends := map[uint32]bool{}, map[uint32]bool{}
			got, _ := b.packets()
			for _, r := range got {
				if r.PayloadType == 101 {
					if r.Payload[0] != 7 {
						t.Errorf("event %d", r.Payload[0])
					}
					starts[r.Timestamp] = true
					if r.Payload[1]&0x80 != 0 {
						ends[r.Timestamp] = true
					}
				}
			}
			if len(starts) != 1 || len(ends) != 1 {
				t.Errorf("%s: %d presses, %d ends", technique, len(starts), len(ends))
			}
			br.Close()
		})
	}
}

func TestALostEndIsToldWhileRelaying(t *testing.T) {
	// A pair at rest has a tick now and then: the key comes at different distances from it.
	for frames := 50; frames < 55; frames++ {
		bubble(t, func(t *testing.T, w *media.MemoryWire, e *media.Engine) {
			a, b := newCounterPhone(t, w, e, "127.0.0.1:9000"), newCounterPhone(t, w, e, "127.0.0.1:9002")
			told := make(chan time.Time, 2)
			a.port.OnDigit(func(media.Digit) { told <- time.Now() })
			br := New(e, "pair")
			br.Join(a.port, JoinOptions{})
			br.Join(b.port, JoinOptions{})
			a.count(t, 0, frames)
			event := []byte{0x80, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 42, 7, 10, 0, 160}
			binary.BigEndian.PutUint16(event[2:], uint16(frames+1000))
			binary.BigEndian.PutUint32(event[4:], uint32(frames)*160+77)
			pressed := time.Now()
			if err := a.conn.WriteTo(event, a.port.LocalAddr()); err != nil {
				t.Fatal(err)
			}
			if took := (<-told).Sub(pressed); took < 100*time.Millisecond || took > 125*time.Millisecond {
				t.Errorf("the key is told of after %s, not 100 ms and a frame", took)
			}
			br.Close()
		})
	}
}

// press sends the key 7 as events, after so many frames.
func press(t *testing.T, p *counterPhone, after int) {
	for i := range 7 {
		b := []byte{0x80, 101, 0, 0, 0, 0, 0, 0, 0, 0, 0, 42, 7, 10, 0, 0}
		binary.BigEndian.PutUint16(b[2:], uint16(after+1000+i))
		binary.BigEndian.PutUint32(b[4:], uint32(after)*160+77)
		binary.BigEndian.PutUint16(b[14:], uint16(160*min(i+1, 5)))
		if i >= 4 {
			b[13] |= 0x80
		}
		if err := p.conn.WriteTo(b, p.port.LocalAddr()); err != nil {
			t.Error(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
