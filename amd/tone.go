package amd

import (
	"math"
	"sort"
)

// tone is a stretch of nearly constant frequency and level, of one line or
// two. Times are in samples from the start of the stream.
type tone struct {
	start, end int64
	hz, hz2    float32 // means; hz2 0: one line
	level      float32 // dBov, mean
	frames     int     // windows that it filled, or nearly
	slope      float32 // Hz in 20 ms: a chirp's
	wobble     float32 // Hz, standard deviation from the slope
	fade       float32 // dB in 20 ms that its level falls by: a note's
	swing      float32 // dB, standard deviation of the level
	purity     float32 // mean
	jump       float32 // dB above the loudest of the frames before
	rise       float32 // dB above what was at its frequency before
	before     float32 // dBov of the loudest of the frames before
	drop       float32 // dB above the frame after
	origin     origin
}

// ms is the tone's length.
func (t *tone) ms() float64 { return float64(t.end-t.start) * 1000 / rate }

// origin is the piece that a tone of several pieces, spoilt by lost packets,
// began with.
type origin struct {
	start              int64
	jump, rise, before float32
}

// join adds a stretch that follows to t when it is the same tone after a gap:
// packets were lost, or it comes in bursts.
func (t *tone) join(next tone) bool {
	if next.start-t.end > rate/4 || !near(t.hz, next.hz, 12) || !near(t.level, next.level, 4) ||
		t.frames < 2 || next.frames < 2 || t.purity < 0.7 || next.purity < 0.7 {
		return false
	}
	a := float32(t.frames) / float32(t.frames+next.frames)
	b := 1 - a
	mix := func(x, dx, y, dy float32) (mean, deviation float32) {
		mean = a*x + b*y
		return mean, float32(math.Sqrt(float64(a*(dx*dx+(x-mean)*(x-mean)) + b*(dy*dy+(y-mean)*(y-mean)))))
	}
	t.hz, t.wobble = mix(t.hz, t.wobble, next.hz, next.wobble)
	t.level, t.swing = mix(t.level, t.swing, next.level, next.swing)
	t.slope, t.purity = a*t.slope+b*next.slope, a*t.purity+b*next.purity
	t.frames += next.frames
	t.end, t.drop = next.end, next.drop
	return true
}

// rest is the level of what the lines do not hold.
func (t *tone) rest() float32 {
	return t.level + decibels((1-t.purity)/max(t.purity, 0.01))
}

// reading is one window's strongest lines.
type reading struct {
	ok      bool
	hz, hz2 float32 // hz2 0: one line
	levelDB float32 // of the lines
	purity  float32 // share of the power above the noise floor that the lines hold
	bin     int     // of the strongest
}

// none is the reading of a window that is not worth one.
var none = reading{levelDB: -100}

// read finds the lines of a spectrum that stand out of the noise.
func read(s *spectrum, c *Config, n *noise) reading {
	from, to := int(c.ToneMin/binHz), int(c.ToneMax/binHz)+1
	one := s.strongest(from, to, line{})
	if one.power == 0 {
		return none
	}
	r := reading{hz: one.hz, bin: one.bin}
	lines, excess := one.power, n.excess(s)
	if float64(2*lines) < c.TonePurity*float64(excess) {
		return none // not even two lines like this are a tone
	}
	if lines > 0.9*excess {
		// The rest is too weak for a second line.
	} else if two := s.strongest(from, highBin, one); two.power > one.power/8 {
		r.hz2 = two.hz
		lines += two.power
	}
	r.purity = min(lines/max(excess+lines*0.02, lines, 1e-10), 1)
	r.levelDB = decibels(lines)
	r.ok = float64(r.purity) >= c.TonePurity && float64(r.levelDB) >= c.ToneMinLevel &&
		one.power > 4*n.line(one.bin)
	return r
}

// lowBin and highBin bound the band that lines are compared with: 190 to 3450 Hz.
const lowBin, highBin = 6, 110

// noiseBins is how many bins the noise is followed in, from lowBin-4 on: a
// multiple of four.
const noiseBins = 116

// noise is the spectrum of what is always there.
type noise struct {
	power [bins]float32
	begun bool
}

// The noise falls to a quieter spectrum at once and rises by 4 dB in a
// second, so that speech does not lift it much. It lies under the mean of a
// steady noise, by noiseBias.
const (
	noiseRise = 1.02
	noiseFall = 0.25
	noiseBias = 10
)

func (n *noise) update(s *spectrum) {
	if !n.begun { // what sounds already may be a tone
		n.begun = true
		flat := s.total(lowBin, highBin) / (4 * (highBin - lowBin))
		for k, p := range s.power {
			n.power[k] = min(p, flat)
		}
		return
	}
	follow((*[noiseBins]float32)(n.power[lowBin-4:]), (*[noiseBins]float32)(s.power[lowBin-4:]))
}

// quiet takes a frame that is too quiet for a spectrum.
func (n *noise) quiet() {
	n.begun = true
	for k := range n.power {
		n.power[k] += (quietest - n.power[k]) * noiseFall
	}
}

// quietest is the noise in a bin of a line that is all but silent.
const quietest = 1e-10

// line is the noise under a line at a bin.
func (n *noise) line(bin int) float32 {
	var sum float32
	for k := bin - 2; k <= bin+2; k++ {
		sum += n.power[k]
	}
	return sum
}

// excess is the power of the spectrum that the noise does not explain.
func (n *noise) excess(s *spectrum) float32 {
	var sum float32
	floor := n.power[lowBin : highBin+1]
	for k, p := range s.power[lowBin : highBin+1] {
		above := int32(math.Float32bits(noiseBias*floor[k]-p)) >> 31 // all ones, or zero: no jump that the processor could not foresee
		sum += math.Float32frombits(math.Float32bits(p) & uint32(above))
	}
	return sum
}

// surroundings are the levels around a window.
type surroundings struct {
	before float32 // dBov of the loudest frame before it
	line   float32 // dBov of what was at its strongest line's frequency then
	after  float32 // dBov of its newest frame
	lost   bool    // that frame was lost
}

// past keeps the spectra of the frames before.
type past struct {
	power [4][bins]float32
	next  int
}

// push keeps a spectrum; nil is silence.
func (p *past) push(s *spectrum) {
	if s == nil {
		clear(p.power[p.next][:])
	} else {
		p.power[p.next] = s.power
	}
	p.next = (p.next + 1) % len(p.power)
}

// line is the level that a line at a bin had before the newest window began.
func (p *past) line(bin int) float32 {
	var top float32
	for i := range p.power {
		if i == (p.next+len(p.power)-1)%len(p.power) {
			continue // the window before overlaps with the newest
		}
		var sum float32
		for k := bin - 2; k <= bin+2; k++ {
			sum += p.power[i][k]
		}
		top = max(top, sum)
	}
	return decibels(top)
}

// pieceDrift is how many Hz the pieces of one tone are apart at most.
const pieceDrift = 70

// toneTracker follows one stretch at a time.
type toneTracker struct {
	c                  *Config
	on                 bool
	start              int64
	n                  int     // windows so far
	last               reading // the newest
	first              reading
	sums               regression // over all but the newest and the first window, which may be full only in part
	hz2                float32
	duals              int
	miss               int
	step               float32 // Hz in 20 ms, lately
	jump, rise, before float32
	origin             origin
}

// regression fits lines to frequency and level over time.
type regression struct{ n, t, tt, f, ft, ff, l, lt, ll, p float64 }

func (s *regression) add(r reading) {
	t, f, l := s.n, float64(r.hz), float64(r.levelDB)
	s.n++
	s.t += t
	s.tt += t * t
	s.f += f
	s.ft += f * t
	s.ff += f * f
	s.l += l
	s.lt += l * t
	s.ll += l * l
	s.p += float64(r.purity)
}

// fill sets what a tone has from its windows.
func (s *regression) fill(t *tone) {
	if s.n == 0 {
		return
	}
	t.frames = int(s.n)
	t.hz, t.level, t.purity = float32(s.f/s.n), float32(s.l/s.n), float32(s.p/s.n)
	varF := s.ff/s.n - (s.f/s.n)*(s.f/s.n)
	if d := s.tt/s.n - (s.t/s.n)*(s.t/s.n); d > 0 {
		b := (s.ft/s.n - s.f/s.n*s.t/s.n) / d
		t.slope = float32(b)
		t.fade = float32(-(s.lt/s.n - s.l/s.n*s.t/s.n) / d)
		varF -= b * b * d
	}
	t.wobble = float32(math.Sqrt(max(varF, 0)))
	t.swing = float32(math.Sqrt(max(s.ll/s.n-(s.l/s.n)*(s.l/s.n), 0)))
}

// frame takes the reading of the window that ends at sample end. It returns
// the tone that has just ended.
func (t *toneTracker) frame(r reading, end int64, around surroundings) (done tone, ended bool) {
	if t.on {
		if r.ok && t.continues(&r) {
			t.add(r)
			return tone{}, false
		}
		if t.n > 2 && t.miss == 0 && r.levelDB > t.last.levelDB-4 || around.lost && t.miss < 3 {
			t.miss++ // one window may be spoilt
			return tone{}, false
		}
		done = t.finish(r, end, around.after)
		ended = true
	}
	t.on = r.ok
	if r.ok {
		first := origin{end - windowSize, r.levelDB - around.before, r.levelDB - around.line, around.before}
		if ended && near(r.hz, done.hz+done.slope*float32(done.frames)/2, pieceDrift) {
			first = done.origin
		}
		*t = toneTracker{origin: first, c: t.c, on: true, start: end - windowSize, n: 1, first: r, last: r, jump: r.levelDB - around.before, rise: r.levelDB - around.line, before: around.before}
	}
	return done, ended
}

// continues reports whether a window holds the same tone as the last: its
// frequency goes on as it went. The lines of a dual tone may have changed
// places: then it mends r.
func (t *toneTracker) continues(r *reading) bool {
	change, most := float64(r.levelDB-t.last.levelDB), t.c.ToneLevel
	if min(r.purity, t.last.purity) >= codedPurity {
		most = t.c.ToneCodedLevel
	}
	if t.n > 1 && change > most || change < -most {
		return false
	}
	want, within := t.last.hz, float32(t.c.ToneDrift)
	if t.n > 2 {
		want += t.step * float32(1+t.miss)
		within = float32(t.c.ToneBend)
	}
	if near(r.hz, want, within) {
		return true
	}
	if r.hz2 != 0 && near(r.hz2, want, within) {
		r.hz, r.hz2 = r.hz2, r.hz
		return true
	}
	return false
}

func (t *toneTracker) add(r reading) {
	if t.n == 1 && r.levelDB > t.last.levelDB { // the first window held only a part of it
		t.jump += r.levelDB - t.last.levelDB
		t.rise += r.levelDB - t.last.levelDB
		t.start += windowSize - covered(t.last.levelDB-r.levelDB)
	} else if t.n > 1 {
		t.sums.add(t.last)
	}
	if r.hz2 != 0 {
		t.duals++
		t.hz2 += (r.hz2 - t.hz2) / float32(t.duals)
	}
	if t.n > 1 {
		step := (r.hz - t.last.hz) / float32(1+t.miss)
		t.step += (step - t.step) / float32(min(t.n-1, 4))
	}
	t.n++
	t.last, t.miss = r, 0
}

// finish ends the tone at the window that did not hold it any more.
func (t *toneTracker) finish(r reading, end int64, after float32) tone {
	done := t.running()
	// How much of the last windows still holds the tone tells where it stopped.
	held := t.last.levelDB - done.level
	last := end - int64(1+t.miss)*frameSamples
	switch {
	case t.miss == 0 && near(r.hz, t.last.hz, 50) && r.levelDB < t.last.levelDB:
		done.end = end - windowSize + covered(r.levelDB-done.level)
	default:
		done.end = last - (windowSize - covered(held))
	}
	done.end = max(done.end, done.start)
	done.drop = done.level - after
	return done
}

// running is the tone so far.
func (t *toneTracker) running() tone {
	n := tone{start: t.start, origin: t.origin, hz: t.last.hz, level: t.last.levelDB, purity: t.last.purity, frames: 1, jump: t.jump, rise: t.rise, before: t.before}
	t.sums.fill(&n)
	if t.duals*2 > t.n {
		n.hz2 = t.hz2
	}
	return n
}

// covered is how many samples of one side of a window a tone fills whose line
// is so many dB under that of a full window.
func covered(db float32) int64 {
	target := math.Pow(10, float64(min(db, 0))/20)
	return int64(max(sort.SearchFloat64s(filled[:], target)-1, 0))
}

// filled is the amplitude of the line of a tone that fills so many samples of
// one side of a window: the integral of the Hann window.
var filled = func() (f [windowSize]float64) {
	for i := range f {
		x := float64(i) / windowSize
		f[i] = x - math.Sin(2*math.Pi*x)/(2*math.Pi)
	}
	return f
}()

func near(hz, want, within float32) bool { return float32(math.Abs(float64(hz-want))) <= within }
