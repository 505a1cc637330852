package amd

import (
	"math"
	"time"
)

// signals is what the tones so far have meant.
type signals struct {
	count      int
	last       tone
	sit        int     // tones of the special information triple heard in order
	sitEnd     int64   // of the last of them
	sitTime    float64 // ms of the last of them
	ringback   int     // ms of its end, -1: none
	answerTone float64 // ms of 2100 Hz
	pending    tone    // before any speech, perhaps a beep
	previous   tone
}

// isTone reports whether a stretch is long, pure and steady enough to be a
// tone that somebody sent. The shorter it is, the purer and steadier: voices
// hold a harmonic for 100 ms at times.
func (d *Detector) isTone(t *tone) bool {
	n := float32(t.frames)
	if t.ms() < d.c.ToneMinTime || n < 2 || float64(t.hz) < d.c.ToneMin {
		return false
	}
	slope := float32(math.Abs(float64(t.slope)))
	switch {
	case n < 3:
		return t.purity >= 0.93 && slope <= 1.5 && t.swing <= 0.5 && t.jump >= 8 && t.drop >= 6
	case n < 6:
		return t.purity >= 0.85 && slope <= 3 && t.swing <= 0.8 && t.wobble <= 1.5 && t.jump >= 6
	}
	if d.isCoded(t, slope) {
		return true
	}
	if n >= 12 && t.wobble <= 1.5 && t.swing <= 0.7 && slope <= 3 && (t.jump >= 3 || t.rise >= 8) {
		return true
	}
	noisy := t.purity < 0.8
	if noisy && t.rest() > t.before+2 || slope > 3 && (n < 8 || noisy) {
		return false
	}
	wobble, swing := min(0.3*(n-2), 3.5), min(0.9+0.08*n, 1.8)
	switch {
	case t.hz < 800: // where voices are strong
		wobble, swing = min(0.2*(n-2), 2), 0.8
	case t.purity > 0.9 && t.jump >= 15:
		wobble = 4
	case noisy:
		wobble, swing = wobble*1.5, swing*1.3
	}
	return t.wobble <= wobble && t.swing <= swing && (t.jump >= 3 || t.rise >= 8 && n >= 8)
}

// codedPurity is the least purity of a tone whose level a voice codec makes
// waver.
const codedPurity = 0.75

// isCoded knows tones that went through a voice codec (GSM 06.10): their level
// and frequency waver as those of voices do, but no voice is as pure and comes
// up as suddenly at its frequency.
func (d *Detector) isCoded(t *tone, slope float32) bool {
	wobble, pure := float32(12), float32(codedPurity)
	switch {
	case t.hz < 600: // notes of music
		return false
	case t.hz < 800:
		wobble, pure = 3, 0.93
	case t.hz < 1200:
		wobble, pure = 7, 0.85
	}
	return t.frames >= 7 && t.fade <= 0.35 && t.purity >= pure && t.rise >= 10 && slope <= 2 && t.wobble <= wobble && float64(t.swing) <= d.c.ToneCodedLevel/2
}

// pieceFrames is the shortest piece that stands for a whole tone.
const pieceFrames = 6

// whole is a tone from its first piece on.
func (t *tone) whole() tone {
	w := *t
	w.start, w.jump, w.rise, w.before = t.origin.start, t.origin.jump, t.origin.rise, t.origin.before
	return w
}

// heard judges a tone that has ended.
func (d *Detector) heard(t tone) {
	s := &d.signals
	if d.verdict.Result == "" && d.special(&t) {
		if s.sit == 3 {
			d.decideAs(SIT, CauseSIT)
		}
		return
	}
	joined := s.previous
	if joined.join(t) {
		t = joined
	}
	s.previous = t
	if whole := t.whole(); !d.isTone(&t) && whole.frames >= pieceFrames && d.isTone(&whole) {
		t = whole
	}
	if !d.isTone(&t) {
		return
	}
	d.forget(&t)
	s.count++
	s.last = t
	switch {
	case d.isRingback(&t):
		s.ringback = int(t.end * 1000 / rate)
	case t.ms() > d.c.ToneMaxTime:
	case d.early && !near(t.hz, 2100, 25) && !near(t.hz, 1100, 40):
	case d.verdict.Result == "" && d.first(&t):
		d.alone(t)
	default:
		d.beep(t)
	}
}

// forget takes a tone that has just ended out of the speech.
func (d *Detector) forget(t *tone) {
	d.history.forget(int(int64(d.frames)*frameSamples-t.start)/frameSamples + 1)
}

// first reports whether nothing but background was heard before a tone.
func (d *Detector) first(t *tone) bool {
	onset, pending := d.talk.onset, &d.signals.pending
	return onset < 0 || int64(onset)*frameSamples >= t.start-windowSize || d.talk.peak < t.level-3 && d.talk.voiced < frames(1000) ||
		pending.frames > 0 && pending.start < int64(onset)*frameSamples && near(pending.hz, t.hz, 15)
}

// isRingback knows a rest of ringback by its place: it sounds at the answer
// already. Ringback is below 520 Hz everywhere (ITU-T E.180 supplement 2).
func (d *Detector) isRingback(t *tone) bool {
	begin := t.start - int64(d.answered)*frameSamples
	return begin < int64(d.c.AnswerTone*rate/1000) && t.hz < 520
}

// alone judges a tone before any speech. Fax machines and special information
// tones begin so; a lone beep is one only when nothing follows.
func (d *Detector) alone(t tone) {
	s := &d.signals
	switch {
	case near(t.hz, 1100, 40) && t.hz2 == 0 && t.ms() >= 400 && t.ms() <= 620:
		d.decideAs(Fax, CauseCNG)
		return
	case near(t.hz, 2100, 25):
		s.answerTone += t.ms()
		if s.answerTone >= d.c.AnswerToneTime {
			d.decideAs(Fax, CauseCED)
			return
		}
	}
	if s.pending.frames == 0 {
		s.pending = t
	}
}

// goesOn reports whether the lone tone sounds again, or still after its phase
// was turned as echo cancellers want it (ITU-T V.8).
func (d *Detector) goesOn() bool {
	p := &d.signals.pending
	return d.tones.on && d.tones.n > 2 && p.frames > 0 && near(d.tones.last.hz, p.hz, 15)
}

// settle takes a lone tone for a beep when nothing has followed it.
func (d *Detector) settle() {
	s := &d.signals
	now := int64(d.frames) * frameSamples
	if s.pending.frames == 0 || d.toneRuns() || d.goesOn() || now-max(s.last.end, s.sitEnd) < int64(d.c.ToneAlone*rate/1000) {
		return
	}
	p := s.pending
	s.pending = tone{}
	if d.first(&p) {
		d.beep(p)
	}
}

// special follows the special information tones: three, rising, one right
// after the other (ITU-T E.180: 950, 1400, 1800 Hz within 50 Hz, 330 ms
// within 70 ms each; North America's are a little off). In this order even
// stretches that are too rough for a tone are enough. It reports whether the
// second or third was just heard.
func (d *Detector) special(t *tone) bool {
	s := &d.signals
	if t.frames < 2 {
		return false
	}
	follows := t.start-s.sitEnd < rate/6
	stage := 0
	for i, hz := range [...]float32{950, 1400, 1790} {
		if near(t.hz, hz, 60) && t.ms() <= 480 && (i == 0 || follows && s.sit >= i) {
			stage = i + 1
		}
	}
	switch {
	case stage == 0:
		if s.sit > 0 && !follows {
			s.sit = 0
		}
		return false
	case stage != s.sit || !follows:
		s.sit, s.sitTime = stage, 0
	}
	s.sitTime += t.ms()
	s.sitEnd = t.end
	if s.sitTime < 140 {
		return false
	}
	if stage == 1 && t.purity < codedPurity {
		return false // a vowel at times
	}
	d.forget(t)
	return stage > 1
}

// beep takes a tone for a recorder's.
func (d *Detector) beep(t tone) {
	v := &d.verdict
	if v.BeepAt != None && atSample(t.start) <= v.BeepEnd+250*time.Millisecond && near(t.hz, float32(v.BeepHz), 15) {
		v.BeepEnd = atSample(t.end)
		v.Ready = v.BeepEnd + time.Duration(d.c.MessageDelay*float64(time.Millisecond))
	}
	if v.BeepAt != None || v.Result == Fax || v.Result == SIT {
		return
	}
	if v.Result == Human && (float64(t.hz) > d.c.HumanToneMax || t.purity < 0.9 || t.jump < 6) {
		return
	}
	v.BeepAt, v.BeepEnd, v.BeepHz = atSample(t.start), atSample(t.end), math.Round(float64(t.hz)*10)/10
	v.Ready = v.BeepEnd + time.Duration(d.c.MessageDelay*float64(time.Millisecond))
	if v.Result == "" {
		d.decideAs(Machine, CauseBeep)
	}
	d.closeGreeting()
}
