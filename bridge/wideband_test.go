package bridge

import (
	"encoding/binary"
	"os"
	"testing"
	"time"

	"offhook/media"
	"offhook/media/codec"
)

// TestWidebandTechniqueChangesWithoutABang sends speech in G.722 through a bridge
// that relays, mixes for a listener and relays again. The phone's decoder adapts to
// whoever encodes; it must not notice when that changes.
func TestWidebandTechniqueChangesWithoutABang(t *testing.T) {
	coded, err := os.ReadFile("../media/codec/testdata/speech.g722")
	if err != nil {
		t.Fatal(err)
	}
	f, _ := codec.Lookup("G722")
	n := len(coded) / 160
	said := make([]int16, 320*n)
	f.NewDecoder().Decode(said, coded)
	for _, first := range []int{20, 33, 47, 90, 111} { // frames of speech, when the listener comes
		bubble(t, func(t *testing.T, w *media.MemoryWire, e *media.Engine) {
			a, b := newCounterPhone(t, w, e, "127.0.0.1:9000"), newCounterPhone(t, w, e, "127.0.0.1:9002")
			for _, p := range []*counterPhone{a, b} {
				err := p.port.Configure(media.Params{Format: f, PayloadType: f.PayloadType, Remote: p.conn.LocalAddr(), Send: true, Receive: true})
				if err != nil {
					t.Fatal(err)
				}
			}
			br := New(e, "pair")
			br.Join(a.port, JoinOptions{})
			br.Join(b.port, JoinOptions{})
			time.Sleep(50 * time.Millisecond)
			var detach func()
			seen := map[string]bool{}
			for i := range n + 10 {
				switch i {
				case first:
					detach = a.port.Attach(nothing{}, 16000)
				case first + 30:
					detach()
				}
				packet := []byte{0x80, f.PayloadType, 0, 0, 0, 0, 0, 0, 0, 0, 0, 42}
				binary.BigEndian.PutUint16(packet[2:], uint16(i))
				binary.BigEndian.PutUint32(packet[4:], uint32(i)*160)
				if i < n {
					packet = append(packet, coded[160*i:160*(i+1)]...)
					if err := a.conn.WriteTo(packet, a.port.LocalAddr()); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(20 * time.Millisecond)
				seen[br.Technique()] = true
			}
			if !seen[Mix] || br.Technique() != Relay {
				t.Errorf("mixed: %v, at the end %s", seen[Mix], br.Technique())
			}
			br.Close()
			checkLikeness(t, first, b, said)
		})
	}
}

// checkLikeness compares what a phone hears with what was said, as it is or later
// by the delay of one encoder's and one decoder's mirror filters.
func checkLikeness(t *testing.T, first int, p *counterPhone, said []int16) {
	t.Helper()
	f, _ := codec.Lookup("G722")
	dec, pcm := f.NewDecoder(), make([]int16, 320)
	var heard []int16
	got, _ := p.packets()
	for _, r := range got {
		dec.Decode(pcm, r.Payload)
		heard = append(heard, pcm...)
	}
	start := 0
	for start+len(said) < len(heard) && !alike(heard[start:start+3200], said[:3200], 500) {
		start += 320
	}
	const delay = 22
	off, over := 0, 0
	for i := 320; i < len(said) && start+i < len(heard); i++ {
		h := heard[start+i : start+i+1]
		if !alike(h, said[i:], 3000) && !alike(h, said[i-delay:], 3000) {
			off++
		}
		loudest := 0
		for _, v := range said[i-320 : min(i+320, len(said))] {
			loudest = max(loudest, int(v), -int(v))
		}
		over = max(over, int(h[0])-loudest, -int(h[0])-loudest)
	}
	// Going over to the bridge puts the two filters' delay into the stream: 1.4 ms
	// are heard twice.
	if off > 24 || over > 2000 {
		t.Errorf("listener from frame %d: %.1f ms are off, by up to %d over what was said", first, float64(off)/16, over)
	}
}

func alike(a, b []int16, most int) bool {
	for i := range a {
		if d := int(a[i]) - int(b[i]); d > most || d < -most {
			return false
		}
	}
	return true
}
