package codec

// G.722 word for word: what runs where g722_amd64.s does not, and what that is
// held to in the tests.

// qmfBlock is how many new samples the mirror filter takes before its history
// is moved to the front again, so that a sample costs no copying.
const qmfBlock = 320

// mirror is the history of the quadrature mirror filter.
type mirror struct {
	x   [22 + qmfBlock]int32
	pos int // where the oldest of the 24 samples in sight is
}

// push takes two samples and returns the sums over the even and the odd taps.
func (m *mirror) push(x0, x1 int32) (even, odd int32) {
	if m.pos+24 > len(m.x) {
		copy(m.x[:22], m.x[m.pos:])
		m.pos = 0
	}
	x := m.x[m.pos : m.pos+24 : m.pos+24]
	x[22], x[23] = x0, x1
	m.pos += 2
	for i := range qmf {
		even += x[2*i] * qmf[i]
		odd += x[2*i+1] * qmf[11-i]
	}
	return even, odd
}

type plainEncoder struct {
	low, high band
	qmf       mirror
}

func newPlainEncoder() *plainEncoder {
	return &plainEncoder{low: band{det: detLMin}, high: band{det: detHMin}}
}

// Encode implements Encoder; an odd last sample is left out.
func (e *plainEncoder) Encode(dst []byte, pcm []int16) int {
	n := min(len(dst), len(pcm)/2)
	for i := range n {
		even, odd := e.qmf.push(int32(pcm[2*i]), int32(pcm[2*i+1]))
		l := e.encodeLow((odd + even) >> 14)
		h := e.encodeHigh((odd - even) >> 14)
		dst[i] = h<<6 | l
	}
	return n
}

// encodeLow quantizes to six bits (QUANTL); the decision level is found by
// bisection, because the levels rise.
func (e *plainEncoder) encodeLow(x int32) byte {
	b := &e.low
	diff := saturate(x - b.s)
	mag := diff
	if diff < 0 {
		mag = ^diff
	}
	lo, hi := 1, 30
	for lo < hi {
		mid := (lo + hi) / 2
		if mag >= q6[mid]*b.det>>12 {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	code := ilp[lo]
	if diff < 0 {
		code = iln[lo]
	}
	d := qm4[code>>2] * b.det >> 15
	b.scale(wl[code>>2], nbLMax, 8)
	b.update(d)
	return code
}

// encodeHigh quantizes to two bits (QUANTH).
func (e *plainEncoder) encodeHigh(x int32) byte {
	b := &e.high
	diff := saturate(x - b.s)
	mag := diff
	if diff < 0 {
		mag = ^diff
	}
	large := mag >= q2*b.det>>12
	var code byte
	switch {
	case diff < 0 && !large:
		code = 1
	case diff >= 0 && !large:
		code = 3
	case diff >= 0:
		code = 2
	}
	d := qm2[code] * b.det >> 15
	b.scale(wh[code], nbHMax, 10)
	b.update(d)
	return code
}

// Continue implements Continuer.
func (e *plainEncoder) Continue(from Encoder) {
	if other, ok := from.(*plainEncoder); ok {
		*e = *other
	}
}

// Join implements Continuer.
func (e *plainEncoder) Join(heard Decoder, last []int16) {
	if other, ok := heard.(*plainDecoder); ok {
		for i := 0; i+1 < len(last); i += 2 {
			e.qmf.push(int32(last[i]), int32(last[i+1]))
		}
		e.low, e.high = other.low, other.high
	}
}

type plainDecoder struct {
	low, high band
	qmf       mirror
}

func newPlainDecoder() *plainDecoder {
	return &plainDecoder{low: band{det: detLMin}, high: band{det: detHMin}}
}

// Decode implements Decoder.
func (d *plainDecoder) Decode(dst []int16, payload []byte) int {
	n := min(len(dst)/2, len(payload))
	for i, c := range payload[:n] {
		l := d.decodeLow(c & 0x3f)
		h := d.decodeHigh(c >> 6)
		even, odd := d.qmf.push(l+h, l-h)
		dst[2*i] = int16(saturate(odd >> 11))
		dst[2*i+1] = int16(saturate(even >> 11))
	}
	return 2 * n
}

func (d *plainDecoder) decodeLow(code byte) int32 {
	b := &d.low
	r := clip14(b.s + qm6[code]*b.det>>15)
	diff := qm4[code>>2] * b.det >> 15
	b.scale(wl[code>>2], nbLMax, 8)
	b.update(diff)
	return r
}

func (d *plainDecoder) decodeHigh(code byte) int32 {
	b := &d.high
	diff := qm2[code] * b.det >> 15
	r := clip14(b.s + diff)
	b.scale(wh[code], nbHMax, 10)
	b.update(diff)
	return r
}
