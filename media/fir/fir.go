// Package fir filters 16-bit samples with pairs of finite impulse responses in
// integer arithmetic. On amd64 the inner products take eight samples at a time
// (SSE2, which every such processor has); elsewhere plain Go gives the same
// results bit by bit.
package fir

// group is how many taps are taken at a time.
const group = 8

// Pair is two filters over the same samples. It is immutable and may be shared.
type Pair struct {
	coef   []int16 // eight taps of the first filter, eight of the second, and so on
	groups int
	shift  uint
	round  int32
}

// NewPair makes two filters of equal length, one tap or more; taps are multiplied
// with the oldest sample first. Sums are divided by 2^shift, rounded down, or to the nearest
// where round is true, and held to 16 bits. The magnitudes of each filter's taps
// must add up to less than 65535, so that no sum can leave 32 bits.
func NewPair(first, second []int16, shift uint, round bool) *Pair {
	p := &Pair{groups: (len(first) + group - 1) / group, shift: shift}
	if round {
		p.round = 1 << shift >> 1
	}
	p.coef = make([]int16, 2*group*p.groups)
	for k := range first {
		at := k/group*2*group + k%group
		p.coef[at], p.coef[at+group] = first[k], second[k]
	}
	return p
}

// Taps is the length of the filters, zeros at the end included: how many samples
// the first pair of results needs.
func (p *Pair) Taps() int { return p.groups * group }

// Run writes as many pairs of results to dst as it and src have room for: the
// i-th pair is of the samples from i*step on, the first filter's result before
// the second's. It tells how many pairs it wrote and allocates nothing.
func (p *Pair) Run(dst, src []int16, step int) int {
	if p.groups == 0 || len(src) < p.Taps() || step < 1 {
		return 0
	}
	n := min(len(dst)/2, (len(src)-p.Taps())/step+1)
	if n > 0 {
		p.run(dst[:2*n], src[:(n-1)*step+p.Taps()], step)
	}
	return n
}

// plain is run without the processor's help.
func (p *Pair) plain(dst, src []int16, step int) {
	for i := 0; i+1 < len(dst); i += 2 {
		x, c := src[i/2*step:], p.coef
		var a, b int32
		for len(c) >= 2*group && len(x) >= group {
			for k := range group {
				v := int32(x[k])
				a += v * int32(c[k])
				b += v * int32(c[k+group])
			}
			x, c = x[group:], c[2*group:]
		}
		dst[i], dst[i+1] = hold((a+p.round)>>p.shift), hold((b+p.round)>>p.shift)
	}
}

func hold(v int32) int16 { return int16(max(-1<<15, min(1<<15-1, v))) }
