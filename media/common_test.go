package media

import (
	"fmt"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"offhook/media/codec"

	"github.com/pion/rtp"
)

// counting is an encoder that counts its frames.
type counting struct {
	codec.Encoder
	frames int
}

func (c *counting) Encode(dst []byte, pcm []int16) int {
	c.frames++
	return c.Encoder.Encode(dst, pcm)
}

// listeners are ports of all formats in turn that hear one common frame at 16 kHz.
type listeners struct {
	seats  []*Seat
	common Common
	pcm    []int16
}

func newListeners(t testing.TB, n int) (*listeners, *frames) {
	t.Helper()
	f := newFrames(t, 0, "PCMU", nil)
	l := &listeners{pcm: make([]int16, 320)}
	for i := range l.pcm {
		l.pcm[i] = int16(i * 50)
	}
	remote := netip.MustParseAddrPort("127.0.0.1:9000")
	for i := range n {
		p := connect(t, f.engine, &phone{addr: remote}, codec.Formats()[i%3].Name, nil)
		l.seats = append(l.seats, &Seat{port: p, seated: true})
	}
	return l, f
}

// next is one frame.
func (l *listeners) next() {
	l.common.Begin()
	l.common.Set(l.pcm, 16000)
	for _, s := range l.seats {
		s.served = false
		s.HearCommon(&l.common, true)
	}
}

func TestCommonIsEncodedOnceForEachFormat(t *testing.T) {
	l, f := newListeners(t, 30)
	f.onShard(func() {
		l.next()
		for _, form := range l.common.forms {
			form.encoder = &counting{Encoder: form.encoder}
		}
		for range 50 {
			l.next()
		}
	})
	if len(l.common.forms) != len(codec.Formats()) {
		t.Errorf("%d forms for %d formats", len(l.common.forms), len(codec.Formats()))
	}
	for _, form := range l.common.forms {
		if got := form.encoder.(*counting).frames; got != 50 {
			t.Errorf("%s: 50 frames for 10 listeners were encoded %d times", form.format.Name, got)
		}
	}
}

// TestSharedEncodersAreHeardWithoutABang has a G.722 party talk, listen and talk
// again: what it hears is made by its own encoder and by a shared one in turn, and
// its decoder must not notice.
func TestSharedEncodersAreHeardWithoutABang(t *testing.T) {
	f := format(t, "G722")
	coded, err := os.ReadFile("codec/testdata/speech.g722")
	if err != nil {
		t.Fatal(err)
	}
	said := make([]int16, 2*len(coded))
	f.NewDecoder().Decode(said, coded)
	for i := 92 * 320; i < 104*320; i++ { // a pause in which streams come together
		said[i] = 0
	}
	w := NewMemoryWire()
	e := newMemoryEngine(t, w, 1)
	ph := newPhone(t, w, "127.0.0.1:9000")
	party, other := connect(t, e, ph, "G722", nil), connect(t, e, newPhone(t, w, "127.0.0.1:9002"), "G722", nil)
	first := make(chan uint16, 1)
	e.shards[0].post(func() {
		first <- party.out.seq
		var c Common
		seats := [2]*Seat{{port: party, seated: true}, {port: other, seated: true}}
		for at := 0; at+320 <= len(said); at += 320 {
			pcm, talks := said[at:at+320], at/320/30%2 == 0
			mix := slices.Clone(pcm)
			for i := range mix {
				if talks { // the other hears the party as well
					mix[i] = Limit(int32(pcm[i]) + int32(said[len(said)-1-at-i]))
				}
			}
			c.Begin()
			c.Set(mix, 16000)
			seats[0].served, seats[1].served = false, false
			seats[1].HearCommon(&c, sounds(mix))
			if talks {
				seats[0].Hear(pcm, 16000)
			} else {
				seats[0].HearCommon(&c, sounds(mix))
			}
		}
	})
	heard := decode(f, ph.stream(<-first, len(said)/320))
	const delay = 22 // of the mirror filters
	for i := delay; i < len(heard); i++ {
		if off := int(heard[i]) - int(said[i-delay]); off > 3000 || off < -3000 {
			t.Fatalf("frame %d: %d is heard for %d", i/320, heard[i], said[i-delay])
		}
	}
}

// stream waits for n packets from one sequence number on.
func (p *phone) stream(first uint16, n int) []rtp.Packet {
	var got []rtp.Packet
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(got) < n {
		for _, r := range p.packets() {
			if int16(r.SequenceNumber-first) >= 0 {
				got = append(got, r)
			}
		}
		<-tick.C
	}
	return got[:n]
}

func sounds(pcm []int16) bool {
	for _, v := range pcm {
		if v != 0 {
			return true
		}
	}
	return false
}

// BenchmarkListeners is what a frame costs each of those who only listen.
func BenchmarkListeners(b *testing.B) {
	for _, n := range []int{3, 10, 50, 200} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			l, f := newListeners(b, n)
			f.onShard(func() {
				l.next()
				for b.Loop() {
					l.next()
				}
			})
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/member")
		})
	}
}
