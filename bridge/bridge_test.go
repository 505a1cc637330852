package bridge

import (
	"fmt"
	"math"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"offhook/media"
	"offhook/media/codec"
	"offhook/media/tone"

	"github.com/pion/rtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testPhone is a party on a real socket: it sends its own tone and keeps what it
// receives.
type testPhone struct {
	conn   *net.UDPConn
	format codec.Format
	hz     float64
	port   *media.Port
	member *Member

	mu   sync.Mutex
	got  []rtp.Packet
	kept *[]rtp.Packet // all packets, where wanted
	stop chan struct{}
	wg   sync.WaitGroup
}

func newPhone(t testing.TB, e *media.Engine, codecName string, hz float64) *testPhone {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	f, _ := codec.Lookup(codecName)
	p := &testPhone{conn: conn, format: f, hz: hz, stop: make(chan struct{})}
	p.port, err = e.Open(media.PortOptions{Name: codecName})
	if err != nil {
		t.Fatal(err)
	}
	err = p.port.Configure(media.Params{
		Format: f, PayloadType: f.PayloadType, EventPayloadType: 101,
		Remote: conn.LocalAddr().(*net.UDPAddr).AddrPort(), Send: true, Receive: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	p.wg.Add(2)
	go p.read()
	go p.talk()
	t.Cleanup(p.close)
	return p
}

func (p *testPhone) close() {
	close(p.stop)
	p.conn.Close()
	p.wg.Wait()
	p.port.Close()
}

func (p *testPhone) read() {
	defer p.wg.Done()
	buf := make([]byte, 2000)
	for {
		n, err := p.conn.Read(buf)
		if err != nil {
			return
		}
		var r rtp.Packet
		if r.Unmarshal(append([]byte(nil), buf[:n]...)) != nil {
			continue
		}
		p.mu.Lock()
		p.got = append(p.got, r)
		if p.kept != nil {
			*p.kept = append(*p.kept, r)
		}
		p.mu.Unlock()
	}
}

func (p *testPhone) talk() {
	defer p.wg.Done()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	rate := p.format.SampleRate
	src := tone.New(rate, tone.Spec{Hz1: p.hz, Level: -20})
	enc := p.format.NewEncoder()
	pcm, payload := make([]int16, rate/50), make([]byte, 160)
	h := rtp.Header{Version: 2, PayloadType: p.format.PayloadType, SSRC: uint32(p.hz)}
	to := p.port.LocalAddr()
	to = netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port())
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
		}
		if src.ReadFrame(pcm) != nil {
			return
		}
		n := enc.Encode(payload, pcm)
		b, err := (&rtp.Packet{Header: h, Payload: payload[:n]}).Marshal()
		if err != nil {
			return
		}
		h.SequenceNumber++
		h.Timestamp += 160
		_, _ = p.conn.WriteToUDPAddrPort(b, to) // closed at the test's end
	}
}

// keep appends every packet from now on to list, until keep(nil).
func (p *testPhone) keep(list *[]rtp.Packet) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kept = list
}

// listen gives the packets that came since the last call.
func (p *testPhone) listen() []rtp.Packet {
	p.mu.Lock()
	defer p.mu.Unlock()
	got := p.got
	p.got = nil
	return got
}

// hears collects n packets from now on and says which of the frequencies are in
// them.
func (p *testPhone) hears(t testing.TB, n int, all []*testPhone) []bool {
	t.Helper()
	pcm := p.collect(t, n)
	heard := make([]bool, len(all))
	for i, other := range all {
		heard[i] = goertzel(pcm, p.format.SampleRate, other.hz) > -35
	}
	return heard
}

func (p *testPhone) collect(t testing.TB, n int) []int16 {
	t.Helper()
	p.listen()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	dec := p.format.NewDecoder()
	var pcm []int16
	buf := make([]int16, 4096)
	for {
		select {
		case <-deadline:
			t.Fatalf("phone %v received too few packets", p.hz)
		case <-tick.C:
		}
		for _, r := range p.listen() {
			k := dec.Decode(buf, r.Payload)
			pcm = append(pcm, buf[:k]...)
			n--
		}
		if n <= 0 {
			return pcm[len(pcm)/4:] // without the start
		}
	}
}

func goertzel(pcm []int16, rate int, hz float64) float64 {
	var re, im float64
	for i, v := range pcm {
		sin, cos := math.Sincos(2 * math.Pi * hz * float64(i) / float64(rate))
		// A Hann window keeps the tones apart.
		w := 1 - math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))
		re += w * float64(v) * cos
		im += w * float64(v) * sin
	}
	return 20 * math.Log10(math.Hypot(re, im)/(float64(len(pcm))/2)/32768+1e-9)
}

func newEngine(t testing.TB) *media.Engine {
	t.Helper()
	e, err := media.New(media.Config{BindIP: netip.MustParseAddr("127.0.0.1"), MinPort: 30000, MaxPort: 39999})
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

// room joins phones with the codecs given to a bridge.
func room(t testing.TB, codecs ...string) (*Bridge, []*testPhone) {
	t.Helper()
	e := newEngine(t)
	b := New(e, t.Name())
	t.Cleanup(b.Close)
	phones := make([]*testPhone, len(codecs))
	for i, name := range codecs {
		phones[i] = newPhone(t, e, name, 400+float64(i)*300)
		phones[i].member = b.Join(phones[i].port, JoinOptions{})
	}
	return b, phones
}

// checkMatrix compares who hears whom with want(listener, speaker).
func checkMatrix(t *testing.T, phones []*testPhone, want func(listener, speaker int) bool) {
	t.Helper()
	var wg sync.WaitGroup
	result := make([][]bool, len(phones))
	for i, p := range phones {
		wg.Go(func() { result[i] = p.hears(t, 40, phones) })
	}
	wg.Wait()
	for i := range phones {
		for j := range phones {
			if got := result[i][j]; got != want(i, j) {
				t.Errorf("phone %d hears phone %d: %v", i, j, got)
			}
		}
	}
}

func others(listener, speaker int) bool { return listener != speaker }

func TestEverybodyHearsAllOthers(t *testing.T) {
	for _, codecs := range [][]string{
		{"PCMU", "PCMU"},
		{"PCMU", "PCMA"},
		{"G722", "PCMU"},
		{"G722", "G722"},
		{"PCMU", "PCMU", "PCMU"},
		{"PCMU", "PCMA", "G722", "PCMU", "G722", "PCMA"},
	} {
		t.Run(fmt.Sprint(codecs), func(t *testing.T) {
			t.Parallel()
			b, phones := room(t, codecs...)
			phones[0].collect(t, 15)
			checkMatrix(t, phones, others)
			want := Mix
			if len(codecs) == 2 && codecs[0] == codecs[1] {
				want = Relay
			}
			if got := b.Technique(); got != want {
				t.Errorf("technique %s, want %s", got, want)
			}
		})
	}
}

func TestRelationAndMute(t *testing.T) {
	b, phones := room(t, "PCMU", "PCMU", "PCMA")
	m := func(i int) *Member { return phones[i].member }
	step := func(name string, change func(), want func(l, s int) bool) {
		change()
		phones[0].collect(t, 15)
		if t.Run(name, func(t *testing.T) { checkMatrix(t, phones, want) }); t.Failed() {
			t.FailNow()
		}
	}
	step("all", func() {}, others)
	step("coach", func() { b.SetHears(m(0), m(2), false) },
		func(l, s int) bool { return others(l, s) && !(l == 0 && s == 2) })
	step("muted", func() { m(1).SetMute(true) },
		func(l, s int) bool { return others(l, s) && !(l == 0 && s == 2) && s != 1 })
	step("again all", func() { m(1).SetMute(false); b.SetHears(m(0), m(2), true) }, others)
	step("left", func() { m(2).Leave() },
		func(l, s int) bool { return others(l, s) && l != 2 && s != 2 })
}

// waitFor polls until the bridge has the technique.
func waitFor(t *testing.T, b *Bridge, technique string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 4000 {
		if b.Technique() == technique {
			return
		}
		<-tick.C
	}
	t.Fatalf("technique %s, want %s", b.Technique(), technique)
}

// TestASupervisorComesAndGoes has a supervisor listen to a relayed call, over real
// sockets: who hears whom at each stage, and that both parties' streams go on
// through all changes.
func TestASupervisorComesAndGoes(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	b := New(e, t.Name())
	t.Cleanup(b.Close)
	a, c, s := newPhone(t, e, "PCMU", 400), newPhone(t, e, "PCMU", 700), newPhone(t, e, "PCMA", 1000)
	all := []*testPhone{a, c, s}
	var streams [2][]rtp.Packet
	stage := func(technique string, want func(listener, speaker int) bool) {
		t.Helper()
		waitFor(t, b, technique)
		a.collect(t, 10)
		checkMatrix(t, all, want)
	}
	a.member, c.member = b.Join(a.port, JoinOptions{}), b.Join(c.port, JoinOptions{})
	pair := func(l, s int) bool { return others(l, s) && l != 2 && s != 2 }
	stage(Relay, pair)
	for i, p := range all[:2] {
		p.keep(&streams[i])
	}
	for range 2 {
		s.member = b.Join(s.port, JoinOptions{Mute: true})
		stage(Mix, func(l, s int) bool { return others(l, s) && s != 2 })
		s.member.Leave()
		stage(Relay, pair)
	}
	for i, p := range all[:2] {
		p.keep(nil)
		for j := 1; j < len(streams[i]); j++ {
			r, q := streams[i][j], streams[i][j-1]
			step := r.Timestamp - q.Timestamp
			if r.SSRC != q.SSRC || r.SequenceNumber != q.SequenceNumber+1 || step == 0 || step%160 != 0 || step > 1<<20 {
				t.Errorf("phone %d: %x/%d/%d after %x/%d/%d", i, r.SSRC, r.SequenceNumber, r.Timestamp, q.SSRC, q.SequenceNumber, q.Timestamp)
			}
		}
	}
}
