package amd

import (
	"time"

	"offhook/media/resample"
)

// Detector decides what one stream comes from. It is not for concurrent use;
// nothing of it allocates after New or blocks.
type Detector struct {
	c        Config
	resample *resample.Resampler
	buf      []int16
	chunk    int

	front    front
	voicing  voicing
	spectrum spectrum
	noise    noise
	past     past
	tones    toneTracker
	history  history
	talk     talk
	early    bool // media before the answer
	answered int  // frame of the answer

	signals signals
	verdict Verdict
	after   aftermath
	frames  int
}

// New makes a detector for PCM of a rate in Hz, 8000 to 48000. The stream
// begins at the answer; for early media see Early.
func New(hz int, c Config) *Detector {
	c = c.orDefaults()
	d := &Detector{c: c}
	d.tones.c = &d.c
	d.talk = talk{onset: -1, end: -1, floor: -100, peak: -100}
	d.verdict = Verdict{DecidedAt: None, GreetingEnd: None, BeepAt: None, BeepEnd: None, Ready: None}
	d.signals.ringback = -1
	d.after = aftermath{quietFrom: -1}
	if hz != rate {
		d.resample = resample.New(hz, rate)
		d.resample.Align(0)
		d.chunk = hz / 100
		d.buf = make([]int16, rate/100+16)
	}
	return d
}

// Write takes any number of samples. It reports whether the result is there;
// the same samples give the same verdict however they are cut.
func (d *Detector) Write(pcm []int16) (decided bool) {
	if d.resample == nil {
		d.write(pcm)
		return d.verdict.Result != ""
	}
	for len(pcm) > 0 {
		n := min(len(pcm), d.chunk)
		d.write(d.buf[:d.resample.Process(d.buf, pcm[:n])])
		pcm = pcm[n:]
	}
	return d.verdict.Result != ""
}

func (d *Detector) write(pcm []int16) {
	for len(pcm) > 0 {
		n, full := d.front.write(pcm)
		pcm = pcm[n:]
		if full {
			d.step()
		}
	}
}

// Early tells that what is written from now on is early media: until Answered
// only special information tones and fax tones give a result.
func (d *Detector) Early() { d.early = true }

// Answered tells that the samples from now on are after the answer: the limit
// counts from here, and speech that was heard before is not the callee's.
// Without it the first sample counts as the answer.
func (d *Detector) Answered() {
	if d.verdict.Result != "" {
		return
	}
	d.early, d.answered = false, d.frames
	d.history.restart()
	d.signals.pending = tone{}
}

// Verdict is what is known by now.
func (d *Detector) Verdict() Verdict { return d.verdict }

// Finish ends the stream: a result that is still due is taken from what was
// heard. It returns the final verdict.
func (d *Detector) Finish() Verdict {
	if d.verdict.Result == "" {
		d.atLimit(true)
	}
	d.closeGreeting()
	return d.verdict
}

// step takes one full frame.
func (d *Detector) step() {
	f := &d.front
	d.frames++
	if d.over() {
		return
	}
	end := int64(d.frames) * frameSamples
	loud := !f.silent && f.levelDB > d.talk.floor+2 && f.levelDB > float32(d.c.ToneMinLevel)-6
	var voiced float32
	if v := d.verdict.Result; loud && (v == "" || v == Machine) {
		f.lowBand()
		voiced = d.voicing.frame(&f.low)
	} else {
		d.voicing.skip()
	}
	r := none
	around := surroundings{before: d.history.loudest(2, 5), after: f.levelDB, lost: f.silent}
	heard := !f.silent && f.levelDB > float32(d.c.ToneMinLevel)-3
	if heard {
		d.spectrum.transform(&f.window)
		d.noise.update(&d.spectrum)
		r = read(&d.spectrum, &d.c, &d.noise)
		if r.ok {
			around.line = d.past.line(r.bin)
		}
		d.past.push(&d.spectrum)
	} else {
		d.noise.quiet()
		d.past.push(nil)
	}
	done, ended := d.tones.frame(r, end, around)
	d.history.add(f.levelDB, voiced >= float32(d.c.Voicing), f.silent, false)
	d.mask(done, ended)
	if v := d.verdict.Result; v == "" || v == Machine && d.frames%3 == 0 { // afterwards only a machine's silence is of interest
		d.talk = d.history.segment(&d.c)
	}
	if ended {
		d.heard(done)
	}
	d.decide()
	d.listen()
}

// over reports whether nothing that comes can change the verdict: a beep in
// bursts is joined for a while.
func (d *Detector) over() bool {
	v := &d.verdict
	return v.Result == Fax || v.Result == SIT || v.Result == Machine && v.BeepAt != None && d.now() > v.BeepEnd+3*time.Second
}

// running is the tone that sounds, up to now.
func (d *Detector) running() (tone, bool) {
	if !d.tones.on {
		return tone{}, false
	}
	t := d.tones.running()
	t.end = int64(d.frames) * frameSamples
	t.drop = 99
	return t, true
}

// mask takes tones out of the speech.
func (d *Detector) mask(done tone, ended bool) {
	if d.toneRuns() {
		d.history.forget(d.tones.n)
	}
	if ended && d.isTone(&done) {
		d.history.forget(int(done.end-done.start)/frameSamples + 2)
	}
}

func at(frame int) time.Duration { return time.Duration(frame) * frameMS * time.Millisecond }

func atSample(n int64) time.Duration { return time.Duration(n) * time.Second / rate }

// now is the time in the stream.
func (d *Detector) now() time.Duration { return at(d.frames) }
