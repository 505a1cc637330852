package media

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"offhook/media/codec"

	"github.com/pion/rtp"
)

// phone is the far end of a leg on a MemoryWire: it keeps what it receives and
// sends what a test tells it.
type phone struct {
	t    *testing.T
	wire *MemoryWire
	conn Conn
	addr netip.AddrPort

	mu   sync.Mutex
	got  []rtp.Packet
	at   []time.Time
	seq  uint16
	ts   uint32
	ssrc uint32
}

func newPhone(t *testing.T, w *MemoryWire, addr string) *phone {
	t.Helper()
	p := &phone{t: t, wire: w, addr: netip.MustParseAddrPort(addr), seq: 100, ts: 5000, ssrc: 0xabcd}
	conn, err := w.ListenFunc(p.addr, p.receive)
	if err != nil {
		t.Fatal(err)
	}
	p.conn = conn
	return p
}

func (p *phone) receive(packet []byte, _ netip.AddrPort) {
	var r rtp.Packet
	if err := r.Unmarshal(append([]byte(nil), packet...)); err != nil {
		p.t.Errorf("phone got no RTP: %v", err)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, r)
	p.at = append(p.at, time.Now())
}

// packets gives what came so far, or since the last call.
func (p *phone) packets() []rtp.Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got, p.at = nil, nil
	return got
}

// send sends a packet with the phone's next sequence number.
func (p *phone) send(to netip.AddrPort, payloadType uint8, ts uint32, marker bool, payload []byte) {
	b := make([]byte, 12+len(payload))
	b[0], b[1] = 0x80, payloadType
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], p.seq)
	binary.BigEndian.PutUint32(b[4:], ts)
	binary.BigEndian.PutUint32(b[8:], p.ssrc)
	copy(b[12:], payload)
	p.seq++
	if err := p.conn.WriteTo(b, to); err != nil {
		p.t.Errorf("phone: %v", err)
	}
}

// talk sends frames of 20 ms in real time, each filled by src.
func (p *phone) talk(to netip.AddrPort, f codec.Format, src Source, frames int) {
	enc := f.NewEncoder()
	pcm := make([]int16, f.SampleRate/50)
	payload := make([]byte, 160)
	for range frames {
		if err := src.ReadFrame(pcm); err != nil {
			clear(pcm)
		}
		n := enc.Encode(payload, pcm)
		p.send(to, f.PayloadType, p.ts, false, payload[:n])
		p.ts += 160
		time.Sleep(20 * time.Millisecond)
	}
}

// decode gives the audio of packets.
func decode(f codec.Format, packets []rtp.Packet) []int16 {
	dec := f.NewDecoder()
	var pcm []int16
	buf := make([]int16, 8192)
	for _, r := range packets {
		if r.PayloadType == f.PayloadType {
			n := dec.Decode(buf, r.Payload)
			pcm = append(pcm, buf[:n]...)
		}
	}
	return pcm
}

func format(t testing.TB, name string) codec.Format {
	t.Helper()
	f, ok := codec.Lookup(name)
	if !ok {
		t.Fatalf("no codec %s", name)
	}
	return f
}

// newMemoryEngine starts an engine on a wire in memory, at 127.0.0.1.
func newMemoryEngine(t testing.TB, w *MemoryWire, shards int) *Engine {
	t.Helper()
	e, err := New(Config{Wire: w, Shards: shards, BindIP: netip.MustParseAddr("127.0.0.1"), MinPort: 4000, MaxPort: 4999})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func openPort(t testing.TB, e *Engine) *Port {
	t.Helper()
	p, err := e.Open(PortOptions{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// connect opens a port for the phone.
func connect(t testing.TB, e *Engine, p *phone, codecName string, change func(*Params)) *Port {
	t.Helper()
	port := openPort(t, e)
	f := format(t, codecName)
	params := Params{Format: f, PayloadType: f.PayloadType, EventPayloadType: 101, Remote: p.addr, Send: true, Receive: true}
	if change != nil {
		change(&params)
	}
	if err := port.Configure(params); err != nil {
		t.Fatal(err)
	}
	return port
}

// inBubble runs a test with an engine of two shards and one phone in virtual time.
func inBubble(t *testing.T, test func(t *testing.T, w *MemoryWire, e *Engine)) {
	synctest.Test(t, func(t *testing.T) {
		w := NewMemoryWire()
		test(t, w, newMemoryEngine(t, w, 2))
	})
}

// checkStream fails when sequence numbers or timestamps of one stream are not
// continuous.
func checkStream(t *testing.T, packets []rtp.Packet) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		a, b := packets[i-1], packets[i]
		if b.SSRC != a.SSRC || b.SequenceNumber != a.SequenceNumber+1 {
			t.Fatalf("packet %d: SSRC %x seq %d after SSRC %x seq %d", i, b.SSRC, b.SequenceNumber, a.SSRC, a.SequenceNumber)
		}
		if a.PayloadType == b.PayloadType && a.PayloadType < 96 && b.Timestamp-a.Timestamp != uint32(len(a.Payload)) {
			t.Fatalf("packet %d: timestamp %d after %d with %d bytes", i, b.Timestamp, a.Timestamp, len(a.Payload))
		}
	}
}
