package fir

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// random is a pair whose taps are as large as they may be together.
func random(rng *rand.Rand, taps int, shift uint, round bool) (p *Pair, first, second []int16) {
	draw := func() []int16 {
		c := make([]int16, taps)
		for i := range c {
			c[i] = int16(rng.IntN(2*65000/taps) - 65000/taps)
		}
		return c
	}
	first, second = draw(), draw()
	return NewPair(first, second, shift, round), first, second
}

func noise(rng *rand.Rand, n int) []int16 {
	x := make([]int16, n)
	for i := range x {
		x[i] = int16(rng.IntN(1 << 16))
		if rng.IntN(4) == 0 { // the extremes
			x[i] = -32768 + int16(rng.IntN(2)*-1)
		}
	}
	return x
}

// TestResults compares with sums in 64 bits, of the fast and of the plain way.
func TestResults(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, c := range []struct {
		taps, step int
		shift      uint
		round      bool
	}{{24, 2, 11, false}, {64, 1, 14, true}, {126, 4, 15, true}, {8, 1, 0, false}, {5, 3, 13, true}} {
		p, first, second := random(rng, c.taps, c.shift, c.round)
		x := noise(rng, 1000)
		fast, plain := make([]int16, 400), make([]int16, 400)
		n := p.Run(fast, x, c.step)
		if n == 0 || n != min(200, (len(x)-p.Taps())/c.step+1) {
			t.Fatalf("%+v: %d pairs", c, n)
		}
		p.plain(plain[:2*n], x, c.step)
		want := make([]int16, 400)
		for i := range n {
			for j, taps := range [][]int16{first, second} {
				var sum int64
				for k, h := range taps {
					sum += int64(h) * int64(x[i*c.step+k])
				}
				if c.round && c.shift > 0 {
					sum += 1 << (c.shift - 1)
				}
				want[2*i+j] = int16(max(-32768, min(32767, sum>>c.shift)))
			}
		}
		if !slices.Equal(fast, want) || !slices.Equal(plain, want) {
			t.Errorf("%+v: fast is right: %v, plain: %v", c, slices.Equal(fast, want), slices.Equal(plain, want))
		}
	}
}

func TestEdges(t *testing.T) {
	p := NewPair([]int16{1, 2, 3}, []int16{4, 5, 6}, 0, true)
	x := make([]int16, 8)
	x[1] = 10
	for _, c := range []struct{ dst, src, step, want int }{{4, 7, 1, 0}, {4, 8, 0, 0}, {1, 8, 1, 0}, {4, 8, 1, 1}} {
		dst := make([]int16, c.dst)
		if n := p.Run(dst, x[:c.src], c.step); n != c.want {
			t.Errorf("%+v: %d pairs", c, n)
		} else if n == 1 && !slices.Equal(dst, []int16{20, 50, 0, 0}) {
			t.Errorf("%+v: %v", c, dst)
		}
	}
}

// BenchmarkRun is 20 ms of G.722's mirror filter and of both ways between 8 and
// 16 kHz.
func BenchmarkRun(b *testing.B) {
	rng := rand.New(rand.NewPCG(7, 8))
	for _, c := range []struct{ taps, pairs, step int }{{24, 160, 2}, {64, 160, 1}, {128, 80, 4}} {
		b.Run(fmt.Sprint(c.taps), func(b *testing.B) {
			b.ReportAllocs()
			p, _, _ := random(rng, c.taps, 14, true)
			x, dst := noise(rng, 1000), make([]int16, 2*c.pairs)
			for b.Loop() {
				p.Run(dst, x, c.step)
			}
		})
	}
}
