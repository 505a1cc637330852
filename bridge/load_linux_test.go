//go:build linux && (amd64 || arm64)

package bridge

import (
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"testing"
	"time"

	"offhook/media"
	"offhook/media/codec"
	"offhook/media/rtpload"
)

// load is an engine under the load of a generator in the same process.
type load struct {
	b     *testing.B
	e     *media.Engine
	g     *rtpload.Generator
	ports []*media.Port
}

func newLoad(b *testing.B, o rtpload.Options) *load {
	b.Helper()
	e, err := media.New(media.Config{BindIP: netip.MustParseAddr("127.0.0.1"), MinPort: 10000, MaxPort: 30000, Shards: 2})
	if err != nil {
		b.Fatal(err)
	}
	g, err := rtpload.New(o)
	if err != nil {
		b.Fatal(err)
	}
	l := &load{b: b, e: e, g: g}
	b.Cleanup(func() {
		if err := g.Close(); err != nil {
			b.Error(err)
		}
		if err := e.Close(); err != nil {
			b.Error(err)
		}
	})
	return l
}

// leg connects the generator's next leg to a port.
func (l *load) leg(codecName string) *media.Port {
	l.b.Helper()
	p, err := l.e.Open(media.PortOptions{Name: "load"})
	if err != nil {
		l.b.Fatal(err)
	}
	f, _ := codec.Lookup(codecName)
	n := len(l.ports)
	err = p.Configure(media.Params{
		Format: f, PayloadType: f.PayloadType, EventPayloadType: 101,
		Remote: l.g.Addr(n), Send: true, Receive: true,
	})
	if err != nil {
		l.b.Fatal(err)
	}
	l.g.Connect(n, p.LocalAddr())
	l.ports = append(l.ports, p)
	return p
}

// measure runs the load for a while and reports the engine's processor time for
// each second of one of n calls.
func (l *load) measure(n int) {
	l.b.Helper()
	const settle, run = 2 * time.Second, 4 * time.Second
	<-time.After(settle)
	l.g.Reset()
	start, cpu, own := time.Now(), rtpload.ProcessTime(), l.g.CPU()
	<-time.After(run)
	used := rtpload.ProcessTime() - cpu - (l.g.CPU() - own)
	seconds := time.Since(start).Seconds() * float64(n)
	r := l.g.Result()
	l.b.ReportMetric(used.Seconds()*1000/seconds, "ms/call-s")
	l.b.ReportMetric(float64(r.Received)/seconds, "packets/call-s")
	l.b.ReportMetric(100*float64(l.g.CPU()-own)/float64(run), "generator-%")
	if r.P99 > 0 {
		l.b.ReportMetric(r.P50.Seconds()*1000, "p50-ms")
		l.b.ReportMetric(r.P99.Seconds()*1000, "p99-ms")
	}
	l.b.ReportMetric(float64(heap())/1024/float64(n), "KB/call")
	l.b.ReportMetric(0, "ns/op")
}

// heap is the memory in use, the generator's included.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// BenchmarkLoad measures the engine with real sockets on loopback. Each run takes
// six seconds however large b.N is: use -benchtime 1x.
func BenchmarkLoad(b *testing.B) {
	for _, calls := range []int{1, 200} {
		b.Run(fmt.Sprintf("yardstick/%d", calls), func(b *testing.B) { benchYardstick(b, calls) })
		b.Run(fmt.Sprintf("relay/%d", calls), func(b *testing.B) {
			benchPairs(b, calls, rtpload.Options{Legs: 2 * calls, Stamp: true}, "PCMU", "PCMU")
		})
		b.Run(fmt.Sprintf("transcode/%d", calls), func(b *testing.B) {
			benchPairs(b, calls, rtpload.Options{Legs: 2 * calls}, "PCMU", "PCMA")
		})
		b.Run(fmt.Sprintf("transcode-g722/%d", calls), func(b *testing.B) {
			benchPairs(b, calls, rtpload.Options{Legs: 2 * calls}, "PCMU", "G722")
		})
		b.Run(fmt.Sprintf("prompt/%d", calls), func(b *testing.B) { benchPrompt(b, calls) })
	}
	for _, calls := range []int{1000} {
		b.Run(fmt.Sprintf("relay/%d", calls), func(b *testing.B) {
			benchPairs(b, calls, rtpload.Options{Legs: 2 * calls, Stamp: true}, "PCMU", "PCMU")
		})
	}
	b.Run("recorded/200", func(b *testing.B) { benchRecorded(b, 200) })
	for _, members := range []int{3, 10, 50, 100} {
		b.Run(fmt.Sprintf("conference/%d", members), func(b *testing.B) { benchRooms(b, 200/members, members, "PCMU") })
	}
	for _, members := range []int{3, 10, 50, 100} {
		b.Run(fmt.Sprintf("conference-mixed/%d", members), func(b *testing.B) { benchRooms(b, 200/members, members, oneWide(members)...) })
	}
}

func benchYardstick(b *testing.B, calls int) {
	y, err := rtpload.NewYardstick(calls)
	if err != nil {
		b.Fatal(err)
	}
	g, err := rtpload.New(rtpload.Options{Legs: 2 * calls, Stamp: true})
	if err != nil {
		b.Fatal(err)
	}
	for i := range 2 * calls {
		g.Connect(i, y.Addr(i/2, i%2))
	}
	(&load{b: b, g: g}).measure(calls)
	if err := g.Close(); err != nil {
		b.Error(err)
	}
	if err := y.Close(); err != nil {
		b.Error(err)
	}
}

func benchPairs(b *testing.B, calls int, o rtpload.Options, first, second string) {
	o.Formats = []string{first, second}
	l := newLoad(b, o)
	for range calls {
		br := New(l.e, "pair")
		br.Join(l.leg(first), JoinOptions{})
		br.Join(l.leg(second), JoinOptions{})
	}
	l.measure(calls)
}

// benchRecorded is relayed calls with a listener on one leg, at 8 kHz.
func benchRecorded(b *testing.B, calls int) {
	l := newLoad(b, rtpload.Options{Legs: 2 * calls})
	for range calls {
		br := New(l.e, "pair")
		first := l.leg("PCMU")
		first.Attach(nothing{}, 8000)
		br.Join(first, JoinOptions{})
		br.Join(l.leg("PCMU"), JoinOptions{})
	}
	l.measure(calls)
}

func benchPrompt(b *testing.B, calls int) {
	l := newLoad(b, rtpload.Options{Legs: calls})
	for range calls {
		l.leg("PCMU").Play(&loop{pcm: make([]int16, 8000)})
	}
	l.measure(calls)
}

// benchRooms is rooms of so many members that all send; the formats go round.
func benchRooms(b *testing.B, rooms, members int, formats ...string) {
	l := newLoad(b, rtpload.Options{Legs: rooms * members, Formats: formats})
	for range rooms {
		br := New(l.e, "room")
		for range members {
			br.Join(l.leg(formats[len(l.ports)%len(formats)]), JoinOptions{})
		}
	}
	l.measure(rooms * members)
}

// oneWide is the formats of a room where one member has 16 kHz.
func oneWide(members int) []string {
	formats := slices.Repeat([]string{"PCMU"}, members)
	formats[0] = "G722"
	return formats
}

// loop plays the same samples for ever.
type loop struct {
	pcm []int16
	at  int
}

func (l *loop) Rate() int { return 8000 }

func (l *loop) ReadFrame(dst []int16) error {
	if l.at+len(dst) > len(l.pcm) {
		l.at = 0
	}
	l.at += copy(dst, l.pcm[l.at:])
	return nil
}
