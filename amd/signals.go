package amd

import (
	"math"
	"time"
)

// signals is what the tones so far have meant.
type signals struct {
	count    int
	last     tone
	sit      int   // tones of the special information triple heard in order
	sitEnd   int64 // of the last of them
	ringback int   // ms of its end, -1: none
}

// isTone reports whether a stretch is long, pure and steady enough for a tone
// somebody meant.
func (d *Detector) isTone(t tone) bool {
	ms := float64(t.end-t.start) * 1000 / rate
	return ms >= d.c.ToneMinTime && t.frames >= 3
}

// heard judges a tone that has ended.
func (d *Detector) heard(t tone) {
	if !d.isTone(t) {
		return
	}
	s := &d.signals
	s.count++
	s.last = t
	ms := float64(t.end-t.start) * 1000 / rate
	begin := t.start - int64(d.answered)*frameSamples
	if d.special(t, ms) {
		return
	}
	if begin < int64(d.c.AnswerTone*rate/1000) && t.hz < 520 || isRingback(t) {
		s.ringback = int(t.end * 1000 / rate)
		return
	}
	if d.verdict.Result == "" && d.talk.onset < 0 && ms >= 400 && ms <= 620 && near(t.hz, 1100, 25) && t.hz2 == 0 {
		d.decideAs(Fax, CauseCNG)
		return
	}
	if ms <= d.c.ToneMaxTime && !t.attached {
		d.beep(t)
	}
}

// isRingback knows North America's ringback and what Britain's leaves of it.
func isRingback(t tone) bool {
	lo, hi := min(t.hz, t.hz2), max(t.hz, t.hz2)
	return near(lo, 440, 12) && near(hi, 480, 12) || near(lo, 400, 12) && near(hi, 450, 12)
}

func near(hz, want, within float32) bool { return float32(math.Abs(float64(hz-want))) <= within }

// special follows the special information tones: three, rising, one right
// after the other (ITU-T E.180: 950, 1400, 1800 Hz, 330 ms each).
func (d *Detector) special(t tone, ms float64) bool {
	s := &d.signals
	if ms < 180 || ms > 480 {
		s.sit = 0
		return false
	}
	low := near(t.hz, 950, 50)
	follows := t.start-s.sitEnd < rate/8
	switch {
	case s.sit == 1 && follows && near(t.hz, 1400, 50):
		s.sit = 2
	case s.sit == 2 && follows && near(t.hz, 1790, 50):
		s.sit = 0
		if d.verdict.Result == "" {
			d.decideAs(SIT, CauseSIT)
		}
		return true
	case low:
		s.sit = 1
		s.sitEnd = t.end
		return false
	default:
		s.sit = 0
		return false
	}
	s.sitEnd = t.end
	return true
}

// beep takes a tone for a recorder's.
func (d *Detector) beep(t tone) {
	v := &d.verdict
	if v.BeepAt != None || v.Result == Fax || v.Result == SIT {
		return
	}
	if v.Result == Human && float64(t.hz) > d.c.HumanToneMax {
		return
	}
	v.BeepAt, v.BeepEnd, v.BeepHz = atSample(t.start), atSample(t.end), math.Round(float64(t.hz)*10)/10
	v.Ready = v.BeepEnd + time.Duration(d.c.MessageDelay*float64(time.Millisecond))
	if v.Result == "" {
		d.decideAs(Machine, CauseBeep)
	}
	d.closeGreeting()
}
