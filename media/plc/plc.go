// Package plc conceals lost packets: it goes on with the last pitch period of
// what was heard and fades, in the way of ITU-T G.711 Appendix I.
package plc

// The search range of the pitch and the course of the fade, in milliseconds.
const (
	minPitchMS = 2.5 // 400 Hz
	maxPitchMS = 15  // 66 Hz
	windowMS   = 20  // compared for the pitch
	historyMS  = 50
	steadyMS   = 20 // full level after the start of the loss
	fadeMS     = 60 // then down to silence
	joinMS     = 5  // cross-fade into the first good samples
)

// Concealer fills the gaps of one stream. It is not for concurrent use and
// does not allocate.
type Concealer struct {
	hist    []int16 // the last samples played
	period  []int16 // what is repeated
	pitch   int
	at      int // position in period
	lost    int // samples concealed since the last good one
	scratch []int16

	minPitch, maxPitch, window, steady, fade, join int
}

// New makes a concealer for PCM at rate Hz.
func New(rate int) *Concealer {
	ms := func(v float64) int { return int(v * float64(rate) / 1000) }
	c := &Concealer{
		hist: make([]int16, ms(historyMS)), period: make([]int16, ms(maxPitchMS)),
		minPitch: ms(minPitchMS), maxPitch: ms(maxPitchMS), window: ms(windowMS),
		steady: ms(steadyMS), fade: ms(fadeMS), join: ms(joinMS),
	}
	c.scratch = make([]int16, c.join)
	return c
}

// Good takes the next received samples. After a loss it changes their first
// 5 ms in place, so that the concealment fades into them.
func (c *Concealer) Good(pcm []int16) {
	if c.lost > 0 {
		n := min(c.join, len(pcm))
		tail := c.scratch[:n]
		c.synthesize(tail)
		for i := range tail {
			pcm[i] = int16((int(tail[i])*(n-i) + int(pcm[i])*i) / n)
		}
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

// start finds the pitch and prepares one period that repeats without a step:
// its last quarter passes over into what came before its first sample.
func (c *Concealer) start() {
	c.pitch, c.at = c.findPitch(), 0
	end := len(c.hist)
	copy(c.period, c.hist[end-c.pitch:])
	q := c.pitch / 4
	for i := range q {
		a, b := int(c.hist[end-q+i]), int(c.hist[end-c.pitch-q+i])
		c.period[c.pitch-q+i] = int16((a*(q-i) + b*i) / q)
	}
}

// findPitch is the lag at which the newest window resembles the past most, by
// normalised correlation: every second lag first, then its neighbours.
func (c *Concealer) findPitch() int {
	best, lag := -1.0, c.maxPitch
	for l := c.minPitch; l <= c.maxPitch; l += 2 {
		if r := c.correlation(l); r > best {
			best, lag = r, l
		}
	}
	for _, l := range [2]int{lag - 1, lag + 1} {
		if l >= c.minPitch && l <= c.maxPitch && c.correlation(l) > best {
			best, lag = c.correlation(l), l
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

// synthesize repeats the period, at full level first and then fading.
func (c *Concealer) synthesize(dst []int16) {
	for i := range dst {
		v := int(c.period[c.at])
		if c.at++; c.at == c.pitch {
			c.at = 0
		}
		if over := c.lost - c.steady; over > 0 {
			v = v * max(0, c.fade-over) / c.fade
		}
		dst[i] = int16(v)
		c.lost++
	}
}
