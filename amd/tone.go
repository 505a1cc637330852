package amd

import "math"

// tone is a stretch of constant frequency and level, of one line or two.
// Times are in samples from the start of the stream.
type tone struct {
	start, end int64
	hz, hz2    float32 // means; hz2 0: one line
	level      float32 // dBov, the loudest frame
	frames     int     // that it filled
	drift      float32 // |change of frequency| in 20 ms, mean
	purity     float32 // mean
	attached   bool    // sound of about its level came right before
}

// toneTracker follows one tone at a time.
type toneTracker struct {
	c    *Config
	now  tone
	on   bool
	prev reading // of the frame before
	last reading // that belonged to now
	miss int
}

// reading is one frame's strongest lines.
type reading struct {
	one, two line
	levelDB  float32 // of the lines
	totalDB  float32 // of the frame
	purity   float32
	dual     bool
}

// read finds the lines of a spectrum above a noise floor (a mean square).
func read(s *spectrum, c *Config, floor float32) reading {
	from, to := int(c.ToneMin/binHz), int(c.ToneMax/binHz)+1
	var r reading
	r.one = s.strongest(from, to, line{})
	if r.one.power == 0 {
		return r
	}
	all := s.total(6, 112)
	signal := max(all-floor, r.one.power, 1e-10)
	r.totalDB = decibels(all)
	r.two = s.strongest(from, to, r.one)
	lines := r.one.power
	if r.two.power > r.one.power/8 {
		r.dual = true
		lines += r.two.power
	}
	r.purity = min(lines/signal, 1)
	r.levelDB = decibels(lines)
	return r
}

// frame takes the reading of the window that ends at sample end; ok is false
// when the frame was not worth one. It returns the tone that has just ended.
func (t *toneTracker) frame(r reading, ok bool, end int64) (tone, bool) {
	ok = ok && float64(r.purity) >= t.c.TonePurity && float64(r.levelDB) >= t.c.ToneMinLevel
	defer func() { t.prev = r }()
	switch {
	case t.on && ok && t.continues(r):
		t.add(r, end)
		return tone{}, false
	case t.on && t.miss == 0 && !ok && float64(r.levelDB) > float64(t.last.levelDB)-3:
		t.miss++ // one frame may be spoilt
		return tone{}, false
	case t.on:
		done := t.finish(r, end)
		t.begin(r, ok, end)
		return done, done.frames > 0
	}
	t.begin(r, ok, end)
	return tone{}, false
}

func (t *toneTracker) continues(r reading) bool {
	rising := t.now.frames <= 1 && r.levelDB > t.last.levelDB
	if !rising && math.Abs(float64(r.levelDB-t.last.levelDB)) > t.c.ToneLevel {
		return false
	}
	near := func(a, b float32) bool { return math.Abs(float64(a-b)) <= t.c.ToneDrift*float64(1+t.miss) }
	if near(r.one.hz, t.last.one.hz) {
		return true
	}
	// The lines of a dual tone may change places.
	return r.dual && t.last.dual && near(r.one.hz, t.last.two.hz) && near(r.two.hz, t.last.one.hz)
}

func (t *toneTracker) begin(r reading, ok bool, end int64) {
	t.on, t.miss = ok, 0
	if !ok {
		return
	}
	t.now = tone{start: end - windowSize, frames: 1, hz: r.one.hz, level: r.levelDB, purity: r.purity}
	if r.dual {
		t.now.hz2 = r.two.hz
	}
	t.now.attached = t.prev.totalDB > r.totalDB-6
	t.last = r
	t.edge(r, end)
}

func (t *toneTracker) add(r reading, end int64) {
	n := &t.now
	if n.frames == 1 && r.levelDB > n.level { // the first frame held only a part of it
		n.start = end - frameSamples - covered(n.level-r.levelDB)
	}
	n.frames++
	k := 1 / float32(n.frames)
	n.drift += (float32(math.Abs(float64(r.one.hz-t.last.one.hz))) - n.drift) * k
	n.purity += (r.purity - n.purity) * k
	n.hz += (r.one.hz - n.hz) * k
	if r.dual {
		n.hz2 += (r.two.hz - n.hz2) * k
	}
	n.level = max(n.level, r.levelDB)
	t.last, t.miss = r, 0
	n.end = end
}

func (t *toneTracker) edge(_ reading, end int64) { t.now.end = end }

// finish ends the tone at the window that did not hold it any more.
func (t *toneTracker) finish(r reading, end int64) tone {
	done := t.now
	done.end = end - int64(t.miss)*frameSamples
	// How much of the window still holds the tone tells where it stopped.
	rest := windowSize - covered(r.levelDB-t.last.levelDB)
	if math.Abs(float64(r.one.hz-t.last.one.hz)) > 2*t.c.ToneDrift {
		rest = windowSize
	}
	done.end = max(done.end-rest, done.start)
	t.on = false
	return done
}

// running is the tone that still sounds, as long as it is known.
func (t *toneTracker) running() (tone, bool) {
	n := t.now
	n.frames -= 0
	return n, t.on
}

// covered is how many samples of a window's end a tone fills whose level is
// so many dB under that in a full window.
func covered(db float32) int64 {
	target := math.Pow(10, float64(min(db, 0))/20)
	lo, hi := 0.0, 1.0
	for range 12 {
		f := (lo + hi) / 2
		if f-math.Sin(2*math.Pi*f)/(2*math.Pi) < target {
			lo = f
		} else {
			hi = f
		}
	}
	return int64(lo * windowSize)
}
