package media

import (
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"offhook/media/tone"
)

// keysOf collects the digits that a port tells of.
type keysOf struct {
	mu   sync.Mutex
	keys string
}

func (k *keysOf) add(d Digit) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.keys += string(d.Key)
}

func (k *keysOf) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys
}

// earSink keeps what it is given.
type earSink struct {
	mu          sync.Mutex
	said, heard []int16
}

func (s *earSink) WriteFrame(said, heard []int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said, s.heard = append(s.said, said...), append(s.heard, heard...)
}

// all gives what was said and heard so far.
func (s *earSink) all() (said, heard []int16) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]int16(nil), s.said...), append([]int16(nil), s.heard...)
}

func (s *earSink) String() string { return "ear" }

func TestDigitsBothWays(t *testing.T) {
	for _, inband := range []bool{false, true} {
		inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
			ph := newPhone(t, w, "127.0.0.1:9000")
			other := newPhone(t, w, "127.0.0.1:9010")
			port := connect(t, e, ph, "PCMU", func(p *Params) {
				p.InbandDTMF = inband
				if inband {
					p.EventPayloadType = 0
				}
			})
			sender := connect(t, e, other, "PCMU", func(p *Params) {
				p.Remote = port.LocalAddr()
				if inband {
					p.EventPayloadType = 0
				}
			})
			if err := port.Configure(Params{
				Format: format(t, "PCMU"), EventPayloadType: map[bool]uint8{false: 101}[inband],
				InbandDTMF: inband, Remote: sender.LocalAddr(), Send: true, Receive: true,
			}); err != nil {
				t.Fatal(err)
			}
			var keys keysOf
			port.OnDigit(keys.add)
			time.Sleep(300 * time.Millisecond)
			<-sender.SendDigits("15", 100*time.Millisecond, 100*time.Millisecond).Done()
			<-sender.SendDigits("9#", 100*time.Millisecond, 100*time.Millisecond).Done()
			time.Sleep(400 * time.Millisecond)
			if got := keys.String(); got != "159#" {
				t.Errorf("inband %v: keys %q", inband, got)
			}
		})
	}
}

func TestDigitsKeepTheStreamContinuous(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		time.Sleep(100 * time.Millisecond)
		<-port.SendDigits("7", 100*time.Millisecond, 60*time.Millisecond).Done()
		time.Sleep(100 * time.Millisecond)
		got := ph.packets()
		checkStream(t, got)
		events, first, after := 0, uint32(0), uint32(0)
		for _, r := range got {
			if r.PayloadType == 101 {
				if events++; events == 1 {
					first = r.Timestamp
					if !r.Marker {
						t.Error("no marker on the first event packet")
					}
				}
			} else if events > 0 && after == 0 {
				after = r.Timestamp
			}
		}
		if events != 7 || after-first != 8*160 {
			t.Errorf("%d event packets; audio again after %d units", events, after-first)
		}
	})
}

func TestSinkHearsBothSides(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		ear := &earSink{}
		detach := port.Attach(ear, 16000)
		port.Play(tone.New(8000, tone.Spec{Hz1: 1500, Level: -20}))
		ph.talk(port.LocalAddr(), format(t, "PCMU"), tone.New(8000, tone.Spec{Hz1: 700, Level: -20}), 100)
		if d := port.Describe(); !strings.Contains(d, "jitter") || !strings.Contains(d, "[ear]") {
			t.Errorf("description %q", d)
		}
		detach()
		time.Sleep(50 * time.Millisecond)
		said, heard := ear.all()
		n := len(said)
		time.Sleep(50 * time.Millisecond)
		if later, _ := ear.all(); len(later) != n {
			t.Error("still hears after detach")
		}
		if n < 95*320 || n != len(heard) {
			t.Fatalf("%d and %d samples in 2 s", n, len(heard))
		}
		said, heard = said[n/2:], heard[n/2:]
		for _, c := range []struct {
			name string
			pcm  []int16
			hz   float64
			want bool
		}{{"said", said, 700, true}, {"said", said, 1500, false}, {"heard", heard, 1500, true}, {"heard", heard, 700, false}} {
			if l := pitch(c.pcm, 16000, c.hz); (l > -25) != c.want {
				t.Errorf("%s: %.0f Hz at %.1f dBFS", c.name, c.hz, l)
			}
		}
	})
}

func TestEchoWithAndWithoutSink(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		time.Sleep(100 * time.Millisecond)
		port.Echo(true)
		src := tone.New(8000, tone.Spec{Hz1: 700, Level: -20})
		ph.talk(port.LocalAddr(), format(t, "PCMU"), src, 50)
		detach := port.Attach(&earSink{}, 8000)
		ph.talk(port.LocalAddr(), format(t, "PCMU"), src, 50)
		detach()
		ph.talk(port.LocalAddr(), format(t, "PCMU"), src, 50)
		got := ph.packets()
		checkStream(t, got)
		if n := len(got); n < 150 || n > 160 {
			t.Errorf("%d packets for 5 + 150", n)
		}
		for i := 20; i+10 < len(got); i += 10 {
			if l := pitch(decode(format(t, "PCMU"), got[i:i+10]), 8000, 700); l < -23 {
				t.Errorf("packets from %d: echo at %.1f dBFS", i, l)
			}
		}
	})
}

func TestStrangersAreIgnored(t *testing.T) {
	pcmu := format(t, "PCMU")
	silence := make([]byte, 160)
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		stranger := newPhone(t, w, "127.0.0.1:6666")
		port := connect(t, e, ph, "PCMU", nil)
		ph.talk(port.LocalAddr(), pcmu, tone.New(8000), 5)
		for range 200 {
			stranger.send(port.LocalAddr(), 0, 0, false, silence)
		}
		time.Sleep(100 * time.Millisecond)
		if n := len(stranger.packets()); n != 0 {
			t.Errorf("stranger got %d packets", n)
		}
		if s := port.Stats(); s.Stranger != 200 || s.Received.Packets != 5 {
			t.Errorf("%+v", s)
		}
	})
}

func TestPeerBehindNATIsFoundAndMoves(t *testing.T) {
	pcmu := format(t, "PCMU")
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		behind := newPhone(t, w, "127.0.0.1:7000")
		stranger := newPhone(t, w, "127.0.0.1:6666")
		announced := func(p *Params) { p.Remote = netip.MustParseAddrPort("10.9.9.9:4000") }
		port := connect(t, e, behind, "PCMU", announced)
		behind.talk(port.LocalAddr(), pcmu, tone.New(8000), 10)
		stranger.talk(port.LocalAddr(), pcmu, tone.New(8000), 10)
		if len(behind.packets()) < 15 || len(stranger.packets()) != 0 {
			t.Error("the first good source does not get the audio alone")
		}
		moved := newPhone(t, w, "127.0.0.1:7100")
		p := Params{Format: pcmu, Remote: moved.addr, Send: true, Receive: true}
		if err := port.Configure(p); err != nil {
			t.Fatal(err)
		}
		behind.talk(port.LocalAddr(), pcmu, tone.New(8000), 3) // still on the way
		moved.talk(port.LocalAddr(), pcmu, tone.New(8000), 10)
		behind.packets()
		before := len(moved.packets())
		behind.talk(port.LocalAddr(), pcmu, tone.New(8000), 50)
		if n := len(behind.packets()); n > 0 || before < 10 {
			t.Errorf("after the move: %d packets to the old place, %d to the new", n, before)
		}
	})
}

func TestTimeoutIsToldOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		told := make(chan time.Time, 10)
		port.OnTimeout(func() { told <- time.Now() })
		start := time.Now()
		time.Sleep(30 * time.Second)
		ph.talk(port.LocalAddr(), format(t, "PCMU"), tone.New(8000), 1)
		time.Sleep(3 * time.Minute)
		if len(told) != 1 {
			t.Fatalf("told %d times", len(told))
		}
		if d := (<-told).Sub(start); d < 90*time.Second || d > 92*time.Second {
			t.Errorf("after %s", d)
		}
		params := Params{Format: format(t, "PCMU"), Remote: ph.addr, Send: true}
		if err := port.Configure(params); err != nil { // on hold: nothing should come
			t.Fatal(err)
		}
		ph.talk(port.LocalAddr(), format(t, "PCMU"), tone.New(8000), 1)
		time.Sleep(3 * time.Minute)
		if len(told) != 0 {
			t.Error("told on hold")
		}
	})
}

func TestReportsMeasureTheWay(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		w.Filter = func(_, to netip.AddrPort, packet []byte) (time.Duration, bool) {
			// Every twentieth RTP packet is lost; RTCP goes to odd ports.
			return 40 * time.Millisecond, to.Port()%2 == 0 && packet[3]%20 == 0
		}
		a, b := openPort(t, e), openPort(t, e)
		for _, p := range [][2]*Port{{a, b}, {b, a}} {
			err := p[0].Configure(Params{Format: format(t, "PCMU"), Remote: p[1].LocalAddr(), Send: true, Receive: true})
			if err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Minute)
		s := a.Stats()
		if s.RTT < 79*time.Millisecond || s.RTT > 85*time.Millisecond {
			t.Errorf("round trip %s, want 80 ms", s.RTT)
		}
		if s.Received.Lost < 140 || s.Received.Lost > 170 || s.Sent.Lost < 110 {
			t.Errorf("lost %d here, %d there, of 3000", s.Received.Lost, s.Sent.Lost)
		}
		if s.Received.MOS < 3 || s.Received.MOS > 4.2 {
			t.Errorf("MOS %.2f at 5%% loss", s.Received.MOS)
		}
	})
}

func TestMuteEachWay(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		ear := &earSink{}
		port.Attach(ear, 8000)
		port.Play(tone.New(8000, tone.Spec{Hz1: 1500, Level: -20}))
		port.SetMute(true, true)
		ph.talk(port.LocalAddr(), format(t, "PCMU"), tone.New(8000, tone.Spec{Hz1: 700, Level: -20}), 50)
		if l := level(decode(format(t, "PCMU"), ph.packets())); l > -60 {
			t.Errorf("party hears %.1f dBFS", l)
		}
		said, _ := ear.all()
		if l := level(said); l > -60 {
			t.Errorf("party is heard at %.1f dBFS", l)
		}
	})
}

func TestCloseEndsPlaybacksAndFreesThePort(t *testing.T) {
	inBubble(t, func(t *testing.T, w *MemoryWire, e *Engine) {
		ph := newPhone(t, w, "127.0.0.1:9000")
		port := connect(t, e, ph, "PCMU", nil)
		playing := port.Play(tone.New(8000, tone.Milliwatt()))
		over := port.PlayOver(tone.New(8000, tone.Milliwatt()))
		keys := port.SendDigits("123456789", time.Second, time.Second)
		time.Sleep(100 * time.Millisecond)
		port.Close()
		port.Close()
		for _, b := range []*Playback{playing, over, keys, port.Play(tone.New(8000, tone.Milliwatt()))} {
			<-b.Done()
			if b.Err() != ErrClosed {
				t.Errorf("ended with %v", b.Err())
			}
		}
		time.Sleep(10 * time.Millisecond)
		if e.Ports() != 0 {
			t.Errorf("%d ports open", e.Ports())
		}
		if err := port.Configure(Params{Format: format(t, "PCMU")}); err != ErrClosed {
			t.Errorf("configured: %v", err)
		}
	})
}
