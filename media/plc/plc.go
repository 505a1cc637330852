// Package plc conceals lost packets: it goes on with the last pitch periods of
// what was heard and fades, in the way of ITU-T G.711 Appendix I, without its
// delay.
package plc

// The search range of the pitch and the course of the fade, in milliseconds.
const (
	minLagMS  = 7.5 // one period of a deep voice or some of a high one: a single short one would buzz
	maxLagMS  = 18
	windowMS  = 10 // compared to find the lag
	historyMS = 50
	seamMS    = 2.5 // of each cross-fade between repetitions, and into the first
	joinMS    = 2.5 // of the cross-fade into the first good samples
	steadyMS  = 10  // full level after the start of the loss
	fadeMS    = 80  // then down to silence
)

// Concealer fills the gaps of one stream. It is not for concurrent use and
// does not allocate.
type Concealer struct {
	hist    []int16 // the last samples played
	loop    []int16 // what is repeated, for length samples
	length  int
	offset  int // between the last sample and the loop's start
	at      int // position in loop
	lost    int // samples concealed since the last good one
	scratch []int16

	minLag, maxLag, window, seam, join, steady, fade int
}

// New makes a concealer for PCM at rate Hz.
func New(rate int) *Concealer {
	ms := func(v float64) int { return int(v * float64(rate) / 1000) }
	c := &Concealer{
		hist: make([]int16, ms(historyMS)), loop: make([]int16, ms(maxLagMS)),
		minLag: ms(minLagMS), maxLag: ms(maxLagMS), window: ms(windowMS),
		seam: ms(seamMS), join: ms(joinMS), steady: ms(steadyMS), fade: ms(fadeMS),
	}
	c.scratch = make([]int16, c.join)
	return c
}

// Good takes the next received samples. After a loss it changes their first
// 2.5 ms in place, so that the concealment passes over into them.
func (c *Concealer) Good(pcm []int16) {
	if c.lost > 0 {
		tail := c.scratch[:min(c.join, len(pcm))]
		c.synthesize(tail)
		crossfade(pcm, tail, pcm)
		c.lost = 0
	}
	c.remember(pcm)
}

// Bad fills dst with what may have been in the lost packet.
func (c *Concealer) Bad(dst []int16) {
	if c.lost == 0 {
		c.start()
	}
	c.synthesize(dst)
	c.remember(dst)
}

// Reset forgets the stream.
func (c *Concealer) Reset() {
	clear(c.hist)
	c.lost = 0
}

func (c *Concealer) remember(pcm []int16) {
	if len(pcm) >= len(c.hist) {
		copy(c.hist, pcm[len(pcm)-len(c.hist):])
		return
	}
	copy(c.hist, c.hist[len(pcm):])
	copy(c.hist[len(c.hist)-len(pcm):], pcm)
}

// crossfade writes what passes over from a to b along a's length.
func crossfade(dst, a, b []int16) {
	n := len(a)
	for i := range a {
		dst[i] = int16((int(a[i])*(n-i) + int(b[i])*i) / n)
	}
}

// start takes whole pitch periods from the end of what was played, such that
// they repeat without a step: their end passes over into what came before
// their start.
func (c *Concealer) start() {
	c.length, c.at = c.findLag(), 0
	end := len(c.hist)
	c.offset = int(c.hist[end-1]) - int(c.hist[end-1-c.length])
	copy(c.loop, c.hist[end-c.length:])
	crossfade(c.loop[c.length-c.seam:], c.hist[end-c.seam:], c.hist[end-c.length-c.seam:end-c.length])
}

// findLag is the lag at which the newest window resembles the past most, by
// normalised correlation: on every fourth lag first, then around the best.
func (c *Concealer) findLag() int {
	const coarse = 4
	lag := c.search(c.minLag, c.maxLag, coarse)
	return c.search(max(c.minLag, lag-coarse+1), min(c.maxLag, lag+coarse-1), 1)
}

func (c *Concealer) search(from, to, step int) int {
	best, lag := -1.0, to
	for l := from; l <= to; l += step {
		if r := c.correlation(l); r > best {
			best, lag = r, l
		}
	}
	return lag
}

func (c *Concealer) correlation(lag int) float64 {
	end := len(c.hist)
	now, past := c.hist[end-c.window:], c.hist[end-c.window-lag:end-lag]
	var xy, yy float64
	for i, x := range now {
		y := float64(past[i])
		xy += float64(x) * y
		yy += y * y
	}
	if xy <= 0 || yy == 0 {
		return 0
	}
	return xy * xy / yy
}

// synthesize repeats the periods, at full level first and then fading.
func (c *Concealer) synthesize(dst []int16) {
	for i := range dst {
		v := int(c.loop[c.at])
		if c.at++; c.at == c.length {
			c.at = 0
		}
		if c.lost < c.seam {
			v = clip(v + c.offset*(c.seam-c.lost)/c.seam)
		}
		if over := c.lost - c.steady; over > 0 {
			v = v * max(0, c.fade-over) / c.fade
		}
		dst[i] = int16(v)
		c.lost++
	}
}

func clip(v int) int { return max(-32768, min(32767, v)) }
