package amd

import "time"

// aftermath follows a machine's greeting to its end.
type aftermath struct {
	quietFrom int // frame; -1: still talking or nothing heard
	closed    bool
}

// listen looks for the silence after a machine's greeting.
func (d *Detector) listen() {
	v := &d.verdict
	if v.Result != Machine || d.after.closed || d.talk.end < 0 {
		return
	}
	quiet := d.frames - d.talk.end
	if quiet < frames(d.c.MessageSilence) || d.toneRuns() {
		return
	}
	v.GreetingEnd = at(d.talk.end)
	if v.Ready == None {
		v.Ready = at(d.frames)
	}
	d.after.closed = true
}

// closeGreeting sets the greeting's end when nothing else is to come.
func (d *Detector) closeGreeting() {
	v := &d.verdict
	if d.after.closed || v.Result != Machine && v.Result != Human {
		return
	}
	end := d.talk.end
	if v.BeepAt != None {
		end = min(end, int(v.BeepAt/(frameMS*time.Millisecond))+1)
	}
	if end >= 0 && v.GreetingEnd == None {
		v.GreetingEnd = at(end)
	}
	d.after.closed = true
}
