// Package vad tells speech from silence by its energy above a noise floor that
// follows the line, and a firm voice from a hum or a cough by how bright it
// sounds. It allocates nothing.
package vad

import (
	"math"
	"time"
)

// Rate is the sample rate in Hz that a Detector is given.
const Rate = 16000

// Frame is the length of what Write is given.
const Frame = 20 * time.Millisecond

// Config names the times and levels of a Detector. Zero values are replaced by
// those of Defaults.
type Config struct {
	Start     time.Duration // speech that begins a phrase
	Stop      time.Duration // silence that ends it
	Longest   time.Duration // a phrase is cut after so much
	Firm      time.Duration // speech, brighter than a hum and darker than a cough, that interrupts
	Lasting   time.Duration // sound of any kind that interrupts
	Above     float64       // dB over the noise floor that count as voice
	Quiet     float64       // dBFS below which nothing is voice
	Loudest   float64       // dBFS that the noise floor never passes
	Rise      float64       // dB a second that the floor rises in silence
	RiseVoice float64       // dB a second that it rises under a voice, so that lasting noise becomes floor
	Hum       float64       // brightness up to which sound is a hum: mm-hm
	Noise     float64       // brightness from which it is noise: a cough, a breath
}

// Defaults are values for telephone lines.
func Defaults() Config {
	return Config{
		Start: 100 * time.Millisecond, Stop: 500 * time.Millisecond, Longest: 30 * time.Second,
		Firm: 80 * time.Millisecond, Lasting: 600 * time.Millisecond,
		Above: 10, Quiet: -50, Loudest: -32, Rise: 4, RiseVoice: 0.5, Hum: 0.03, Noise: 0.45,
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
		{&c.Above, &d.Above}, {&c.Quiet, &d.Quiet}, {&c.Loudest, &d.Loudest}, {&c.Rise, &d.Rise},
		{&c.RiseVoice, &d.RiseVoice}, {&c.Hum, &d.Hum}, {&c.Noise, &d.Noise},
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
	voiced bool    // the last frame
	in     bool    // a phrase goes on
	any    time.Duration
	bright time.Duration
	silent time.Duration
	length time.Duration
}

// New makes a detector.
func New(c Config) *Detector {
	c = c.filled()
	return &Detector{cfg: c, floor: c.Quiet - 5}
}

// hysteresis is by how many dB a phrase that goes on may be fainter than one
// that begins.
const hysteresis = 3

// Write takes one frame of 20 ms.
func (d *Detector) Write(pcm []int16) Event {
	level, brightness := measure(pcm)
	threshold := max(d.floor+d.cfg.Above, d.cfg.Quiet)
	if d.in {
		threshold -= hysteresis
	}
	d.voiced = level > threshold
	d.follow(level)
	d.count(brightness)
	return d.decide()
}

// Voiced reports whether the last frame had voice.
func (d *Detector) Voiced() bool { return d.voiced }

// Speaking reports whether a phrase goes on.
func (d *Detector) Speaking() bool { return d.in }

// Firm reports whether what is heard now is somebody who wants to speak, not a
// hum or a cough.
func (d *Detector) Firm() bool { return d.bright >= d.cfg.Firm || d.any >= d.cfg.Lasting }

// Silent is how long there has been no voice.
func (d *Detector) Silent() time.Duration { return d.silent }

// Floor is the noise floor in dBFS.
func (d *Detector) Floor() float64 { return d.floor }

// follow moves the noise floor: down at once, up slowly.
func (d *Detector) follow(level float64) {
	switch {
	case level < d.floor:
		d.floor += (max(level, -90) - d.floor) * 0.2
	case d.voiced:
		d.floor += d.cfg.RiseVoice * Frame.Seconds()
	default:
		d.floor += min(d.cfg.Rise*Frame.Seconds(), level-d.floor)
	}
	d.floor = min(d.floor, d.cfg.Loudest)
}

// count keeps how long there has been sound of each kind. A gap takes away as
// much as sound adds, so that clicks do not add up.
func (d *Detector) count(brightness float64) {
	if !d.voiced {
		d.any, d.bright = max(0, d.any-Frame), max(0, d.bright-Frame)
		d.silent += Frame
		return
	}
	d.any, d.silent = d.any+Frame, 0
	if brightness > d.cfg.Hum && brightness < d.cfg.Noise {
		d.bright += Frame
	} else {
		d.bright = max(0, d.bright-Frame/2)
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
		d.in, d.any, d.bright = false, 0, 0
		return Ended
	case d.length >= d.cfg.Longest:
		d.length = 0
		return Cut
	}
	return None
}

// measure gives a frame's level in dBFS, and its brightness: the energy of its
// slope over its own, 4 sin²(πf/Rate) for a tone of f Hz.
func measure(pcm []int16) (level, brightness float64) {
	var energy, slope int64
	last := int64(0)
	if len(pcm) > 0 {
		last = int64(pcm[0])
	}
	for _, s := range pcm {
		v := int64(s)
		energy += v * v
		slope += (v - last) * (v - last)
		last = v
	}
	if energy == 0 {
		return -120, 0
	}
	mean := float64(energy) / float64(len(pcm))
	return 10 * math.Log10(mean/(32768*32768)), float64(slope) / float64(energy)
}
