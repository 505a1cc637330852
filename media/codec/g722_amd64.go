//go:build !purego

package codec

//lint:file-ignore U1000 g722_amd64.s uses what looks unused here

import "offhook/media/fir"

// G.722 with SSE2. Its arithmetic is that of 16-bit words which saturate, so the
// processor's saturating instructions are the Recommendation's operations, and
// both sub-bands are adapted at once.

// g722Block is how many codes are worked on at a time, at most.
const g722Block = 160

// subbands is the state of both predictors and quantizers, the lower band's
// value before the upper's. g722_amd64.s knows the offsets.
type subbands struct {
	zero [2][8]int16 // sixth-order zero predictors; the last two stay 0
	diff [2][8]int16 // last quantized differences, doubled, newest first
	pole [4]int16    // a1 of both bands, then a2
	part [4]int16    // partially reconstructed signals, the newest and the one before
	full [4]int16    // reconstructed signals, doubled
	s    [2]int16    // signal estimates
	sz   [2]int16    // their zero sections' parts
	nb   [2]int16    // logarithmic scale factors
}

// encodeSubbands codes n > 0 pairs of sub-band samples.
//
//go:noescape
func encodeSubbands(state *subbands, dst *byte, pairs *int16, n int)

// decodeSubbands writes the sum and the difference of the sub-bands for each of
// n > 0 codes.
//
//go:noescape
func decodeSubbands(state *subbands, pairs *int16, src *byte, n int)

// g722Adapt is what follows from a code: the inverse quantizers' outputs for the
// lower band's predictor, the upper band, the lower band's sound and the upper
// band again, all negated, and the multipliers of both scale factors.
var g722Adapt = func() (t [256][8]int16) {
	for c := range t {
		q4, q2, q6 := -qm4[c>>2&15], -qm2[c>>6], -qm6[c&63]
		t[c] = [8]int16{int16(q4), int16(q2), int16(q6), int16(q2), int16(wl[c>>2&15]), int16(wh[c>>6])}
	}
	return t
}()

// g722Steps is minus twice the quantizer's step for nb/64, of the lower and of
// the upper band: times an inverse quantizer's negated output, the upper half of
// 32 bits is the difference. Twice the largest step is 32768, which only the
// negative numbers of 16 bits have.
var g722Steps = func() (t [2][nbHMax/64 + 1]int16) {
	for k, limit := range [2]int32{nbLMax, nbHMax} {
		for i := range t[k] {
			b := band{nb: min(int32(i)*64, limit)}
			b.det = b.step(int32(8 + 2*k))
			t[k][i] = int16(-2 * b.det)
		}
	}
	return t
}()

// g722_amd64.s knows the length of one of these tables, in bytes.
var _ [706]struct{} = [2 * (nbHMax/64 + 1)]struct{}{}

// g722Codes is the code of what the encoder found: the lower band's decision
// interval from 1 to 30, 32 more where that difference is negative, 64 more where
// the upper band's difference is small, and 128 more where it is not negative.
// g722AdaptAt is what follows from it, to be found without the code.
var g722Codes, g722AdaptAt = func() (codes [256]byte, adapt [256][8]int16) {
	for i := range codes {
		lower := ilp[i%32%len(ilp)]
		if i&32 != 0 {
			lower = iln[i%32%len(iln)]
		}
		codes[i] = lower | byte(i>>7*2+i>>6&1)<<6
		adapt[i] = g722Adapt[codes[i]]
	}
	return codes, adapt
}()

// g722Levels is the decision levels 1 to 29, eightfold.
var g722Levels = func() (t [32]int16) {
	for i, q := range q6[1:] {
		t[i] = int16(8 * q)
	}
	return t
}()

// The mirror filters. Splitting gives the lower and the upper band of two
// samples, joining gives two samples of the bands' sum and difference.
var (
	g722Split = mirrorPair(1, 1, -1, 1, 14)
	g722Join  = mirrorPair(0, 1, 1, 0, 11)
)

// mirrorPair is two filters, each of so many times the even taps and so many
// times the odd ones.
func mirrorPair(even1, odd1, even2, odd2 int16, shift uint) *fir.Pair {
	var first, second [24]int16
	for i := range qmf {
		even, odd := int16(qmf[i]), int16(qmf[11-i])
		first[2*i], first[2*i+1] = even1*even, odd1*odd
		second[2*i], second[2*i+1] = even2*even, odd2*odd
	}
	return fir.NewPair(first[:], second[:], shift, false)
}

// mirrorPast is how many samples before a block the mirror filters see.
const mirrorPast = 22

type g722Encoder struct {
	state subbands
	x     [mirrorPast + 2*g722Block]int16
}

func newG722Encoder() Encoder { return &g722Encoder{} }

// Encode implements Encoder; an odd last sample is left out.
func (e *g722Encoder) Encode(dst []byte, pcm []int16) int {
	n := min(len(dst), len(pcm)/2)
	var pairs [2 * g722Block]int16
	for at := 0; at < n; {
		k := min(n-at, g722Block)
		copy(e.x[mirrorPast:], pcm[2*at:2*(at+k)])
		g722Split.Run(pairs[:2*k], e.x[:mirrorPast+2*k], 2)
		copy(e.x[:mirrorPast], e.x[2*k:])
		encodeSubbands(&e.state, &dst[at], &pairs[0], k)
		at += k
	}
	return n
}

// Continue implements Continuer.
func (e *g722Encoder) Continue(from Encoder) {
	if other, ok := from.(*g722Encoder); ok {
		e.state = other.state
		copy(e.x[:mirrorPast], other.x[:mirrorPast])
	}
}

// Join implements Continuer.
func (e *g722Encoder) Join(heard Decoder, last []int16) {
	if other, ok := heard.(*g722Decoder); ok {
		copy(e.x[:mirrorPast], last[max(0, len(last)-mirrorPast):])
		e.state = other.state
	}
}

type g722Decoder struct {
	state subbands
	x     [mirrorPast + 2*g722Block]int16
}

func newG722Decoder() Decoder { return &g722Decoder{} }

// Decode implements Decoder.
func (d *g722Decoder) Decode(dst []int16, payload []byte) int {
	n := min(len(dst)/2, len(payload))
	for at := 0; at < n; {
		k := min(n-at, g722Block)
		decodeSubbands(&d.state, &d.x[mirrorPast], &payload[at], k)
		g722Join.Run(dst[2*at:2*(at+k)], d.x[:mirrorPast+2*k], 2)
		copy(d.x[:mirrorPast], d.x[2*k:])
		at += k
	}
	return 2 * n
}
