//go:build !purego

package fir

func (p *Pair) run(dst, src []int16, step int) {
	runPair(&dst[0], &src[0], &p.coef[0], len(dst)/2, step, p.groups, p.round, p.shift)
}

// runPair is plain with SSE2, for n > 0 pairs.
//
//go:noescape
func runPair(dst, src, coef *int16, n, step, groups int, round int32, shift uint)
