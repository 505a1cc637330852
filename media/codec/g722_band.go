package codec

// band is the adaptive predictor and quantizer state of one sub-band; encoder
// and decoder run the same one in step (G.722 section 3.6 on).
type band struct {
	nb  int32    // logarithmic scale factor
	det int32    // linear scale factor: the quantizer's step
	s   int32    // signal estimate (s_L, s_H)
	sz  int32    // its zero section's part
	a   [2]int32 // second-order pole predictor coefficients
	b   [6]int32 // sixth-order zero predictor coefficients
	r   int32    // last reconstructed signal, doubled
	p   [2]int32 // last partially reconstructed signals, newest first
	d   [6]int32 // last quantized differences, doubled, newest first
}

func saturate(v int32) int32 {
	if v > 32767 {
		return 32767
	}
	if v < -32768 {
		return -32768
	}
	return v
}

// clip14 limits a reconstructed sub-band sample to 15 bits (LIMIT).
func clip14(v int32) int32 {
	if v > 16383 {
		return 16383
	}
	if v < -16384 {
		return -16384
	}
	return v
}

// scale adapts the quantizer to a code whose multiplier is w (LOGSCL, SCALEL
// and their like of the upper band); shift is 8 below and 10 above.
func (b *band) scale(w, limit, shift int32) {
	nb := b.nb*127>>7 + w
	if nb < 0 {
		nb = 0
	} else if nb > limit {
		nb = limit
	}
	b.nb = nb
	b.det = b.step(shift)
}

// step is the linear scale factor that belongs to the logarithmic one.
func (b *band) step(shift int32) int32 {
	v := ilb[b.nb>>6&31]
	if s := shift - b.nb>>11; s < 0 {
		return v << -s << 2
	} else {
		return v >> s << 2
	}
}

// update adapts the predictor to the quantized difference d and estimates the
// next sample.
func (b *band) update(d int32) {
	r := saturate(2 * saturate(b.s+d))
	p := saturate(b.sz + d)
	b.poles(p)
	b.zeros(d)
	b.p[1], b.p[0] = b.p[0], p
	sp := b.a[0]*r>>15 + b.a[1]*b.r>>15
	b.r = r
	b.s = saturate(saturate(sp) + b.sz)
}

// poles moves the two pole coefficients (UPPOL1, UPPOL2).
func (b *band) poles(p int32) {
	same1, same2 := p^b.p[0] >= 0, p^b.p[1] >= 0
	w1 := saturate(b.a[0] * 4)
	if same1 {
		w1 = -w1
	}
	if w1 > 32767 {
		w1 = 32767
	}
	a2 := w1>>7 + b.a[1]*32512>>15
	if same2 {
		a2 += 128
	} else {
		a2 -= 128
	}
	a2 = max(-12288, min(12288, a2))
	a1 := b.a[0] * 32640 >> 15
	if same1 {
		a1 += 192
	} else {
		a1 -= 192
	}
	limit := 15360 - a2
	b.a[0] = max(-limit, min(limit, a1))
	b.a[1] = a2
}

// zeros moves the six zero coefficients, shifts the differences and computes
// the zero section's estimate (UPZERO, DELAYA, FILTEZ). The leak of 1/256 keeps
// the coefficients within 16 bits: 32767*255/256 + 128 is 32767 again.
func (b *band) zeros(d int32) {
	step := int32(128)
	if d == 0 {
		step = 0
	}
	var sz int32
	newer := saturate(2 * d)
	for i, old := range b.d {
		sign := (d ^ old) >> 31 // 0 or -1
		c := b.b[i]*32640>>15 + (step ^ sign - sign)
		b.b[i] = c
		b.d[i] = newer
		sz += c * newer >> 15
		newer = old
	}
	b.sz = saturate(sz)
}
