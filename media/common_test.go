package media

import (
	"fmt"
	"net/netip"
	"testing"

	"offhook/media/codec"
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
		s.HearCommon(&l.common)
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
