package amd

import "math"

// decide takes the result as soon as it can be told.
func (d *Detector) decide() {
	if d.verdict.Result != "" {
		return
	}
	if near(d.tones.last.hz, 2100, 100) && d.ced() {
		d.decideAs(Fax, CauseCED)
		return
	}
	if d.early {
		return
	}
	if d.settle(); d.verdict.Result != "" {
		return
	}
	t := d.talk
	if t.onset >= 0 {
		span := t.end - t.onset
		switch {
		case d.announces(span):
			d.decideAs(Machine, CauseLongTalk)
			return
		case d.repeats() && !d.toneRuns():
			d.decideAs(Human, CauseRepeat)
			return
		case d.ended(span) && (!d.long(span) || d.rests()) && !d.toneRuns():
			d.decideAs(Human, CauseEndOfTurn)
			return
		}
	}
	if d.frames-d.answered >= frames(d.c.Limit) {
		d.atLimit(false)
	}
}

// ended reports whether the silence after a greeting is long enough to be its
// end, and nobody begins to speak again just now.
func (d *Detector) ended(span int) bool {
	t, c := &d.talk, &d.c
	if t.peak-t.floor >= float32(c.ClearLine) && t.around <= -float32(c.ClearBackground) {
		return d.frames-t.faded >= frames(c.EndClear) && !t.begins
	}
	return d.frames-t.end >= d.turnEnd(span)
}

// long reports whether a greeting of a length is a machine's or a
// receptionist's.
func (d *Detector) long(span int) bool { return span >= frames(d.c.MachineTalk) }

// announces reports whether a greeting is too long for a receptionist, or has
// a whole sentence in one breath as announcements have. Other long greetings
// wait for the silence after them, or the limit.
func (d *Detector) announces(span int) bool {
	return span >= frames(d.c.ReceptionTalk) || d.long(span) && d.talk.longest > frames(d.c.ReceptionPhrase)
}

// rests reports whether the silence after a long greeting is much longer than
// the pauses within: its end and not another pause.
func (d *Detector) rests() bool {
	t, c := &d.talk, &d.c
	quiet := d.frames - t.end
	return quiet >= frames(c.ReceptionQuiet) && t.pause <= frames(c.ReceptionPause) && float64(quiet) >= c.ReceptionRest*float64(t.pause) && !d.announces(t.end-t.onset)
}

// repeats reports whether a short word came twice, as when nobody answers a
// hello, and then nothing for a moment. The second is not longer: after a
// machine's hello and pause comes the next sentence.
func (d *Detector) repeats() bool {
	t, c := &d.talk, &d.c
	return t.islands == 2 && t.first <= frames(c.RepeatFirst) &&
		t.last <= min(frames(c.RepeatSecond), int(float64(t.first)+c.RepeatLonger/frameMS)) &&
		t.lastPause >= frames(c.RepeatPause) && min(t.still, d.frames-t.end) >= frames(c.RepeatQuiet)
}

// toneRuns reports whether a tone sounds that may become a beep.
func (d *Detector) toneRuns() bool {
	if now := int64(d.frames) * frameSamples; float64(now-d.tones.start) < d.c.ToneMinTime*rate/1000 {
		return false // too short yet
	}
	t, on := d.running()
	return on && d.isTone(&t)
}

// ced knows CED and ANSam (ITU-T V.25, V.8) while they sound.
func (d *Detector) ced() bool {
	t, on := d.running()
	return on && near(t.hz, 2100, 25) && (d.goesOn() || d.isTone(&t) && d.first(&t)) && t.ms()+d.signals.answerTone >= d.c.AnswerToneTime
}

// turnEnd is the silence that ends an answer of a length, in frames: between
// the three lengths that have a threshold it changes evenly.
func (d *Detector) turnEnd(span int) int {
	c := &d.c
	lengths := [...]float64{c.ShortTalk, c.MiddleTalk, c.LongTalk}
	ends := [...]float64{c.EndShort, c.EndMiddle, c.EndLong}
	ms := float64(span * frameMS)
	if ms <= lengths[0] {
		return frames(ends[0])
	}
	for i := 1; i < len(lengths); i++ {
		if ms < lengths[i] {
			return frames(ends[i-1] + (ends[i]-ends[i-1])*(ms-lengths[i-1])/(lengths[i]-lengths[i-1]))
		}
	}
	return frames(ends[len(ends)-1])
}

// atLimit decides on what is there.
func (d *Detector) atLimit(ended bool) {
	t := d.talk
	cause := func(c string) string {
		if ended {
			return CauseEnded
		}
		return c
	}
	if t.onset < 0 {
		if d.loudShare() {
			d.decideAs(NotSure, cause(CauseNoise))
			return
		}
		d.decideAs(Silence, cause(CauseNoSpeech))
		return
	}
	span, quiet := t.end-t.onset, d.frames-t.end
	switch {
	case !ended && d.beeps():
		d.decideAs(Machine, CauseBeep)
	case quiet >= frames(d.c.LimitShortSilence) && t.longest <= frames(d.c.LimitShort):
		d.decideAs(Human, cause(CauseShortAtEnd))
	case d.long(span) && d.rests():
		d.decideAs(Human, cause(CauseEndOfTurn))
	case d.long(span):
		d.decideAs(Machine, cause(CauseLongTalk))
	case quiet >= frames(d.c.LimitSilence):
		d.decideAs(Human, cause(CauseShortAtEnd))
	case span >= frames(d.c.LimitMachine):
		d.decideAs(Machine, cause(CauseLateTalk))
	case quiet >= frames(d.c.LimitQuiet):
		d.decideAs(Human, cause(CauseShortAtEnd))
	case t.onset-d.answered >= frames(d.c.LateOnset):
		d.decideAs(Machine, cause(CauseLateTalk))
	case span < frames(d.c.LimitMachine)/2:
		d.decideAs(Human, cause(CauseShortAtEnd))
	default:
		d.decideAs(NotSure, cause(CauseLimit))
	}
}

// beeps reports whether a tone sounds at the limit that is a beep already.
func (d *Detector) beeps() bool {
	t, on := d.running()
	return on && d.isTone(&t) && t.ms() >= 200 && !d.isRingback(&t)
}

// loudShare reports whether there was a good deal of sound that was no voice.
func (d *Detector) loudShare() bool {
	h := &d.history.floor
	var n int32
	from := int(max(d.talk.floor+10, float32(d.c.SpeechMinLevel)) + 100)
	for _, c := range h.count[min(max(from, 0), 100):] {
		n += c
	}
	return n > h.total/4
}

func (d *Detector) decideAs(r Result, cause string) {
	v := &d.verdict
	v.Result, v.Cause, v.DecidedAt = r, cause, at(d.frames)
	v.Features = d.features()
	if r == Human && d.talk.end >= 0 {
		v.GreetingEnd = at(d.talk.end)
	}
}

func (d *Detector) features() Features {
	t, s := d.talk, &d.signals
	f := Features{
		OnsetMS: -1, EndMS: -1, RingbackMS: s.ringback, Tones: s.count, Parts: t.islands,
		PeakDB: float64(t.peak), FloorDB: float64(t.floor), ThresholdDB: float64(t.threshold),
	}
	f.BackgroundDB = math.Round(float64(t.around))
	if t.onset >= 0 {
		f.OnsetMS, f.EndMS = t.onset*frameMS, t.end*frameMS
		f.TalkMS, f.SpokenMS = (t.end-t.onset)*frameMS, t.voiced*frameMS
		f.LongestMS, f.PauseMS, f.QuietMS = t.longest*frameMS, t.pause*frameMS, (d.frames-t.end)*frameMS
	}
	if s.count > 0 {
		f.ToneHz = float64(s.last.hz)
		f.ToneMS = int((s.last.end - s.last.start) * 1000 / rate)
	}
	return f
}
