//go:build !amd64 || purego

package fir

func (p *Pair) run(dst, src []int16, step int) { p.plain(dst, src, step) }
