// Package vad tells speech from silence by its energy above a noise floor that
// follows the line, and a firm voice from a hum or a cough by how bright it
// sounds. It allocates nothing.
package vad

import "time"

// Rate is the sample rate in Hz that a Detector is given.
const Rate = 16000

// Frame is the length of what Write is given.
const Frame = 20 * time.Millisecond

// Config names the times and levels of a Detector. Zero values are replaced by
// those of Defaults.
type Config struct {
	Start   time.Duration // speech that begins a phrase
	Stop    time.Duration // silence that ends it
	Longest time.Duration // a phrase is cut after so much
	Firm    time.Duration // speech, brighter than a hum and darker than a cough, that interrupts
	Lasting time.Duration // sound of any kind that interrupts
	Above   float64       // dB over the noise floor that count as voice
	Quiet   float64       // dBFS below which nothing is voice
	Loudest float64       // dBFS that the floor of a noise that is not steady never passes
	Rise    float64       // dB a second that the floor rises
	Steady  float64       // dB within which a noise stays that is steady, as no voice is
	Hum     float64       // dB of a sound's energy that is above 600 Hz, up to which it is a hum: mm-hm
	Noise   float64       // roughness from which it is noise: a cough, a breath
}

// Defaults are values for telephone lines.
func Defaults() Config {
	return Config{
		Start: 100 * time.Millisecond, Stop: 500 * time.Millisecond, Longest: 30 * time.Second,
		Firm: 60 * time.Millisecond, Lasting: 600 * time.Millisecond,
		Above: 10, Quiet: -50, Loudest: -32, Rise: 4, Steady: 6, Hum: -15.5, Noise: 0.45,
	}
}

func (c Config) filled() Config {
	d := Defaults()
	for _, f := range []struct{ field, value *time.Duration }{
		{&c.Start, &d.Start}, {&c.Stop, &d.Stop}, {&c.Longest, &d.Longest}, {&c.Firm, &d.Firm}, {&c.Lasting, &d.Lasting},
	} {
		if *f.field == 0 {
			*f.field = *f.value
		}
	}
	for _, f := range []struct{ field, value *float64 }{
		{&c.Above, &d.Above},
		{&c.Quiet, &d.Quiet},
		{&c.Loudest, &d.Loudest},
		{&c.Rise, &d.Rise},
		{&c.Steady, &d.Steady},
		{&c.Hum, &d.Hum},
		{&c.Noise, &d.Noise},
	} {
		if *f.field == 0 {
			*f.field = *f.value
		}
	}
	return c
}

// Event is what a frame changed.
type Event int

// The events.
const (
	None  Event = iota
	Begun       // a phrase has begun, Start ago
	Ended       // it has ended, Stop ago
	Cut         // it was cut at Longest; the next one begins at once
)

// Detector watches one voice. It is for one goroutine.
type Detector struct {
	cfg    Config
	floor  float64 // dBFS
	recent span    // of levels
	sound  sound   // of the last frame
	line   spectrum
	voiced bool // the last frame
	in     bool // a phrase goes on
	any    time.Duration
	firm   time.Duration
	rough  time.Duration // noise, without a pause
	silent time.Duration
	length time.Duration
}

// New makes a detector.
func New(c Config) *Detector {
	c = c.filled()
	return &Detector{cfg: c, floor: c.Quiet - 5, line: newSpectrum(c.Noise)}
}

// hysteresis is by how many dB a phrase that goes on may be fainter than one
// that begins.
const hysteresis = 3

// Write takes one frame of 20 ms.
func (d *Detector) Write(pcm []int16) Event {
	d.sound = d.line.measure(pcm)
	threshold := max(d.floor+d.cfg.Above, d.cfg.Quiet)
	if d.in {
		threshold -= hysteresis
	}
	d.voiced = d.sound.level > threshold
	d.follow(d.sound.level)
	d.count()
	return d.decide()
}

// Voiced reports whether the last frame had voice.
func (d *Detector) Voiced() bool { return d.voiced }

// Speaking reports whether a phrase goes on.
func (d *Detector) Speaking() bool { return d.in }

// Firm reports whether what is heard now is somebody who wants to speak, not a
// hum or a cough.
func (d *Detector) Firm() bool { return d.firm >= d.cfg.Firm || d.any >= d.cfg.Lasting }

// Silent is how long there has been no voice.
func (d *Detector) Silent() time.Duration { return d.silent }

// Floor is the noise floor in dBFS.
func (d *Detector) Floor() float64 { return d.floor }

// loudestSteady is the highest floor of a steady noise, in dBFS.
const loudestSteady = -12

// follow moves the noise floor: down at once; up slowly to the faintest of the
// last second and a half, which in speech is the pauses within and between
// words; and at once to a sound that does not change as voices do.
func (d *Detector) follow(level float64) {
	d.recent.add(level)
	low, high, full := d.recent.bounds()
	switch {
	case level < d.floor:
		d.floor += (max(level, -90) - d.floor) * 0.2
	case full && high-low < d.cfg.Steady:
		d.floor = max(d.floor, min(low, loudestSteady))
	case d.floor < d.cfg.Loudest:
		target := level // of a frame without voice
		if d.voiced {
			target = min(low, level)
		}
		d.floor += max(0, min(d.cfg.Rise*Frame.Seconds(), min(target, d.cfg.Loudest)-d.floor))
	}
}

// roughest is how long the noise at the begin of a word lasts, such as an s; a
// cough is longer.
const roughest = 200 * time.Millisecond

// count keeps how long there has been sound of each kind. A gap takes away as
// much as sound adds, so that clicks do not add up.
func (d *Detector) count() {
	if !d.voiced {
		d.any, d.firm, d.rough = max(0, d.any-Frame), max(0, d.firm-Frame), 0
		d.silent += Frame
		return
	}
	d.any, d.silent = d.any+Frame, 0
	switch {
	case d.sound.rough >= d.cfg.Noise:
		if d.rough += Frame; d.rough > roughest {
			d.firm = max(0, d.firm-Frame/2)
		}
	case d.sound.bright > d.cfg.Hum+d.line.shift():
		d.firm, d.rough = d.firm+Frame, 0
	default:
		d.firm, d.rough = max(0, d.firm-Frame/2), 0
	}
}

func (d *Detector) decide() Event {
	switch {
	case !d.in && d.any >= d.cfg.Start:
		d.in, d.length = true, d.any
		return Begun
	case !d.in:
		return None
	}
	d.length += Frame
	switch {
	case d.silent >= d.cfg.Stop:
		d.in, d.any, d.firm = false, 0, 0
		return Ended
	case d.length >= d.cfg.Longest:
		d.length = 0
		return Cut
	}
	return None
}
