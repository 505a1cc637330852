package tone

import (
	"math"
	"time"
)

// Event tells of a DTMF digit heard in the audio.
type Event struct {
	Digit    byte
	End      bool          // false: the digit has lasted for 25 ms or more and is certain; true: it is over
	Duration time.Duration // how long it lasts or lasted, to the block of 12.75 ms
}

// The detector's limits, after ITU-T Q.24 and the usual practice.
const (
	blockTime = 12750 * time.Microsecond
	hits      = 2 // blocks in a row that make a digit: 40 ms hold at least two whole ones
	misses    = 2 // blocks without it that end a digit: a shorter gap is a dropout

	minLevel      = 0.0065 // amplitude of one frequency, full scale 1: about -40 dBm0
	normalTwist   = 8.0    // the column may be this many dB weaker than the row …
	reverseTwist  = 4.0    // … and this many dB stronger
	twistMargin   = 1.0
	groupDistance = 7.0  // dB of a group's strongest over the others
	purity        = 0.72 // least part of the block's power in the two frequencies
	harmonicDist  = 9.0  // dB of a frequency over its second harmonic: voices have one
)

// Detector finds DTMF digits in a stream of PCM. It is not for concurrent use
// and does not allocate.
type Detector struct {
	rate   int
	n      int // samples of a block
	at     int
	energy float64
	bins   [16]goertzel // rows, columns, second harmonics of both

	candidate byte // of the last block
	count     int  // blocks it was there
	digit     byte // announced and not over
	lasting   int  // blocks since its start
	missed    int
	out       [4]Event
}

// goertzel measures the power of one frequency.
type goertzel struct{ c, s1, s2 float64 }

// NewDetector makes a detector for PCM at rate Hz, 8000 to 48000.
func NewDetector(rate int) *Detector {
	d := &Detector{rate: rate, n: int(int64(blockTime) * int64(rate) / int64(time.Second))}
	for i := range 4 {
		for j, hz := range [4]float64{rows[i], cols[i], 2 * rows[i], 2 * cols[i]} {
			d.bins[4*j+i].c = 2 * math.Cos(2*math.Pi*hz/float64(rate))
		}
	}
	return d
}

// Process takes the next samples, at most 25 ms, and returns what was found
// in them. The slice is valid until the next call.
func (d *Detector) Process(pcm []int16) []Event {
	events := d.out[:0]
	for len(pcm) > 0 {
		k := min(d.n-d.at, len(pcm))
		d.feed(pcm[:k])
		pcm = pcm[k:]
		if d.at == d.n {
			events = d.decide(d.classify(), events)
			d.clear()
		}
	}
	return events
}

func (d *Detector) feed(pcm []int16) {
	for _, s := range pcm {
		x := float64(s) / 32768
		d.energy += x * x
	}
	for i := range d.bins {
		g := &d.bins[i]
		c, s1, s2 := g.c, g.s1, g.s2
		for _, s := range pcm {
			s1, s2 = float64(s)/32768+c*s1-s2, s1
		}
		g.s1, g.s2 = s1, s2
	}
	d.at += len(pcm)
}

func (d *Detector) clear() {
	d.at, d.energy = 0, 0
	for i := range d.bins {
		d.bins[i].s1, d.bins[i].s2 = 0, 0
	}
}

// power is the squared amplitude of the frequency, full scale 1.
func (g *goertzel) power(n int) float64 {
	p := g.s1*g.s1 + g.s2*g.s2 - g.c*g.s1*g.s2
	return 4 * p / float64(n*n)
}

// classify names the digit of the block, 0 for none.
func (d *Detector) classify() byte {
	if d.energy < minLevel*minLevel*float64(d.n)/2 {
		return 0
	}
	r, rp, ok1 := d.strongest(0)
	c, cp, ok2 := d.strongest(4)
	if !ok1 || !ok2 || rp < minLevel*minLevel || cp < minLevel*minLevel {
		return 0
	}
	if twist := 10 * math.Log10(cp/rp); twist < -normalTwist-twistMargin || twist > reverseTwist+twistMargin {
		return 0
	}
	if (rp+cp)/2*float64(d.n) < purity*d.energy {
		return 0
	}
	far := math.Pow(10, harmonicDist/10)
	if d.bins[8+r].power(d.n)*far > rp || d.bins[12+c].power(d.n)*far > cp {
		return 0
	}
	return keypad[4*r+c]
}

// strongest finds the strongest of four bins and whether it stands out.
func (d *Detector) strongest(from int) (index int, power float64, ok bool) {
	var p [4]float64
	for i := range p {
		p[i] = d.bins[from+i].power(d.n)
		if p[i] > power {
			index, power = i, p[i]
		}
	}
	for i := range p {
		if i != index && p[i]*5 > power { // 7 dB
			return index, power, false
		}
	}
	return index, power, true
}

// decide counts the block's digit and appends what is certain by now.
func (d *Detector) decide(digit byte, events []Event) []Event {
	if digit != 0 && digit == d.candidate {
		d.count++
	} else {
		d.candidate, d.count = digit, 1
	}
	if d.digit != 0 {
		d.lasting++
		if digit == d.digit {
			d.missed = 0
			return events
		}
		d.missed++
		if d.missed < misses && !(digit != 0 && d.count >= hits) {
			return events
		}
		events = append(events, Event{Digit: d.digit, End: true, Duration: d.duration(d.lasting - d.missed)})
		d.digit = 0
	}
	if digit != 0 && d.count >= hits {
		d.digit, d.lasting, d.missed = digit, d.count, 0
		events = append(events, Event{Digit: digit, Duration: d.duration(d.count)})
	}
	return events
}

func (d *Detector) duration(blocks int) time.Duration {
	return time.Duration(int64(blocks) * int64(d.n) * int64(time.Second) / int64(d.rate))
}
