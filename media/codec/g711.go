package codec

import "github.com/zaf/g711"

// The whole-buffer calls of zaf/g711 allocate, and its frame functions branch
// for each sample, so both directions run through tables made from them. The
// encoding of a sample depends on its upper 14 bits alone (µ-law; 12 bits in
// A-law), which keeps a table at 16 KiB: it stays in the first-level cache.
const encodeShift = 2

type (
	encodeTable [1 << (16 - encodeShift)]byte
	decodeTable [256]int16
)

var (
	ulawEncode, ulawDecode = tables(g711.EncodeUlawFrame, g711.DecodeUlawFrame)
	alawEncode, alawDecode = tables(g711.EncodeAlawFrame, g711.DecodeAlawFrame)
)

func tables(encode func(int16) uint8, decode func(uint8) int16) (e encodeTable, d decodeTable) {
	for i := range e {
		e[i] = encode(int16(i << encodeShift))
	}
	for i := range d {
		d[i] = decode(uint8(i))
	}
	return e, d
}

// companding is both directions of G.711; it has no state.
type companding struct {
	encode *encodeTable
	decode *decodeTable
}

func (c *companding) Encode(dst []byte, pcm []int16) int {
	n := min(len(dst), len(pcm))
	dst, pcm = dst[:n], pcm[:n]
	for i, s := range pcm {
		dst[i] = c.encode[uint16(s)>>encodeShift]
	}
	return n
}

func (c *companding) Decode(dst []int16, payload []byte) int {
	n := min(len(dst), len(payload))
	dst, payload = dst[:n], payload[:n]
	for i, b := range payload {
		dst[i] = c.decode[b]
	}
	return n
}
