package codec

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"
)

// comparePlain codes pcm and decodes codes in pieces, with what runs on this
// processor and with the plain form.
func comparePlain(t *testing.T, pcm []int16, codes []byte, piece int) {
	t.Helper()
	fast, plain := newG722Encoder(), newPlainEncoder()
	got, want := make([]byte, piece), make([]byte, piece)
	for at := 0; at < len(pcm)/2; at += piece {
		part := pcm[2*at : min(2*(at+piece), len(pcm))]
		n, m := fast.Encode(got, part), plain.Encode(want, part)
		if n != m || !bytes.Equal(got[:n], want[:m]) {
			t.Fatalf("encoding from sample %d in pieces of %d: %x, want %x", 2*at, piece, got[:n], want[:m])
		}
	}
	in, out := newG722Decoder(), newPlainDecoder()
	have, need := make([]int16, 2*piece), make([]int16, 2*piece)
	for at := 0; at < len(codes); at += piece {
		part := codes[at:min(at+piece, len(codes))]
		n, m := in.Decode(have, part), out.Decode(need, part)
		if n != m || !slices.Equal(have[:n], need[:m]) {
			t.Fatalf("decoding from code %d in pieces of %d: %v, want %v", at, piece, have[:n], need[:m])
		}
	}
}

// TestG722IsThePlainForm drives both forms to their limits: coefficients, scale
// factors and estimates at the ends of their ranges.
func TestG722IsThePlainForm(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	streams := signals()
	for name, runs := range map[string]int{"long runs": 4000, "short runs": 30} {
		x := make([]int16, 48000)
		for i, v := 0, int16(0); i < len(x); i++ { // levels that stay, and jump
			if rng.IntN(runs) == 0 {
				v = []int16{-32768, 32767, 0, 1, -1, int16(rng.IntN(1 << 16))}[rng.IntN(6)]
			}
			x[i] = v
		}
		streams[name] = x
	}
	for name, pcm := range streams {
		codes := make([]byte, len(pcm)/2)
		for i, v := 0, byte(0); i < len(codes); i++ {
			if rng.IntN(50) == 0 {
				v = byte(rng.Uint32())
			}
			codes[i] = v
		}
		t.Run(name, func(t *testing.T) {
			for _, piece := range []int{160, 1, 7, 500} {
				comparePlain(t, pcm, codes, piece)
			}
		})
	}
}

func FuzzG722(f *testing.F) {
	f.Add(speech(f)[:640])
	f.Fuzz(func(t *testing.T, data []byte) {
		pcm := make([]int16, len(data)/2)
		for i := range pcm {
			pcm[i] = int16(binary.LittleEndian.Uint16(data[2*i:]))
		}
		comparePlain(t, pcm, data, 160)
	})
}

// TestContinue hands a stream from encoder to encoder at every frame: the codes
// are those of one encoder.
func TestContinue(t *testing.T) {
	pcm := signals()["bursts"]
	for name, newEncoder := range map[string]func() Encoder{
		"this processor's": newG722Encoder,
		"plain":            func() Encoder { return newPlainEncoder() },
	} {
		one, now := newEncoder(), newEncoder()
		want, got := make([]byte, 160), make([]byte, 160)
		for at := 0; at+320 <= len(pcm); at += 320 {
			next := newEncoder()
			next.Encode(got, pcm[len(pcm)-320-at:]) // something else before
			next.(Continuer).Continue(now)
			now = next
			one.Encode(want, pcm[at:at+320])
			now.Encode(got, pcm[at:at+320])
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: frame %d differs", name, at/320)
			}
		}
	}
}

// TestJoin has an encoder join a stream that only a decoder has heard, halfway,
// and looks that the peer hears no bang.
func TestJoin(t *testing.T) {
	coded := speech(t)
	for name, c := range map[string]struct {
		encoder Encoder
		decoder func() Decoder
	}{
		"this processor's": {newG722Encoder(), newG722Decoder},
		"plain":            {newPlainEncoder(), func() Decoder { return newPlainDecoder() }},
	} {
		whole := make([]int16, 2*len(coded))
		c.decoder().Decode(whole, coded)
		peer, between, heard := c.decoder(), c.decoder(), make([]int16, 2*len(coded))
		const at = 90 * 160
		peer.Decode(heard, coded[:at])
		between.Decode(heard[2*(at-16*160):], coded[at-16*160:at])
		c.encoder.(Continuer).Join(between, heard[2*at-320:2*at])
		rest := make([]int16, 2*len(coded)-2*at)
		between.Decode(rest, coded[at:])
		again := make([]byte, len(coded)-at)
		c.encoder.Encode(again, rest)
		peer.Decode(heard[2*at:], again)
		const delay = 22
		for i := 2*at + 2*delay; i < len(heard); i++ {
			if off := int(heard[i]) - int(whole[i-delay]); off > 3000 || off < -3000 {
				t.Fatalf("%s: %d is heard for %d, %d samples after", name, heard[i], whole[i-delay], i-2*at)
			}
		}
	}
}
