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
