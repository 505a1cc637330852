package media

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"offhook/media/codec"
	"offhook/media/tone"
)

// frames drives ports frame by frame on their shard, with one packet from each
// party a frame.
type frames struct {
	engine *Engine
	shard  *shard
	ports  []*Port
	packet [172]byte
	n      int
}

func newFrames(t testing.TB, ports int, codecName string, change func(*Params)) *frames {
	t.Helper()
	w := NewMemoryWire()
	e := newMemoryEngine(t, w, 1)
	remote := netip.MustParseAddrPort("127.0.0.1:9000")
	if _, err := w.ListenFunc(remote, func([]byte, netip.AddrPort) {}); err != nil {
		t.Fatal(err)
	}
	f := &frames{engine: e, shard: e.shards[0]}
	for range ports {
		p := connect(t, e, &phone{addr: remote}, codecName, change)
		f.ports = append(f.ports, p)
	}
	f.packet[0], f.packet[1] = 0x80, format(t, codecName).PayloadType
	return f
}

// onShard runs fn on the shard, with its own ticks held off, and waits for it.
func (f *frames) onShard(fn func()) {
	done := make(chan struct{})
	f.shard.post(func() {
		fn()
		close(done)
	})
	<-done
}

// next is one frame of all ports.
func (f *frames) next(remote netip.AddrPort) {
	f.n++
	at := f.engine.now() + instant(time.Duration(f.n)*frameTime)
	f.shard.read, f.shard.stale = at, false
	binary.BigEndian.PutUint16(f.packet[2:], uint16(f.n))
	binary.BigEndian.PutUint32(f.packet[4:], uint32(f.n)*160)
	for _, p := range f.ports {
		(*rtpEnd)(p).Receive(f.packet[:], remote)
		p.tick(at)
	}
}

// cases are ways that audio takes through a port.
func cases() map[string]func(*Port) {
	return map[string]func(*Port){
		"silence": func(*Port) {},
		"prompt":  func(p *Port) { p.Play(tone.New(8000, tone.Milliwatt())) },
		"prompt at 16 kHz": func(p *Port) {
			p.Play(tone.New(16000, tone.Milliwatt()))
			p.PlayOver(tone.New(8000, tone.Milliwatt()))
		},
		"listened to":     func(p *Port) { p.Attach(&nothing{}, 8000) },
		"listened higher": func(p *Port) { p.Attach(&nothing{}, 48000) },
		"echo":            func(p *Port) { p.Echo(true) },
	}
}

// nothing is a sink that keeps nothing.
type nothing struct{}

func (nothing) WriteFrame(_, _ []int16) {}

func TestFramesDoNotAllocate(t *testing.T) {
	for name, prepare := range cases() {
		for _, c := range codec.Formats() {
			t.Run(name+" "+c.Name, func(t *testing.T) {
				f := newFrames(t, 2, c.Name, func(p *Params) { p.InbandDTMF = name == "listened to" })
				for _, p := range f.ports {
					prepare(p)
				}
				remote := netip.MustParseAddrPort("127.0.0.1:9000")
				var allocs float64
				f.onShard(func() {
					for range 60 {
						f.next(remote)
					}
					for _, p := range f.ports {
						p.reports.second += instant(time.Hour) // reports may allocate
					}
					allocs = testing.AllocsPerRun(200, func() { f.next(remote) })
				})
				if allocs != 0 {
					t.Errorf("%v allocations a frame", allocs)
				}
			})
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	for name, prepare := range cases() {
		for _, c := range codec.Formats() {
			b.Run(fmt.Sprintf("%s/%s", name, c.Name), func(b *testing.B) {
				b.ReportAllocs()
				f := newFrames(b, 1, c.Name, nil)
				prepare(f.ports[0])
				remote := netip.MustParseAddrPort("127.0.0.1:9000")
				f.onShard(func() {
					for b.Loop() {
						f.next(remote)
					}
				})
			})
		}
	}
}

func FuzzReceive(f *testing.F) {
	f.Add([]byte{0x80, 0, 0, 1, 0, 0, 0, 160, 0, 0, 0, 1, 0xff, 0xff})
	f.Add([]byte{0x80, 0xe5, 0, 1, 0, 0, 0, 160, 0, 0, 0, 1, 5, 0x80, 3, 0x20})
	f.Add([]byte{0x80, 200, 0, 6, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	fr := newFrames(f, 1, "PCMU", nil)
	fr.ports[0].Attach(&nothing{}, 8000)
	remote := netip.MustParseAddrPort("127.0.0.1:9000")
	f.Fuzz(func(t *testing.T, data []byte) {
		fr.onShard(func() {
			packet := append([]byte(nil), data...)
			(*rtpEnd)(fr.ports[0]).Receive(packet, remote)
			(*rtcpEnd)(fr.ports[0]).Receive(packet, remote)
			fr.next(remote)
		})
	})
}
