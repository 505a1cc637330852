package recorder

import (
	"math"
	"time"
)

const (
	// floorBlocks blocks of floorFrames frames are the 2 s over which the
	// quietest moment counts as the line's noise.
	floorBlocks = 4
	floorFrames = 25
	// Speech stands above the noise by speechMargin, and above
	// speechMinimum however quiet the line is. Noise louder than
	// noiseMaximum is taken for activity. All in dBFS of the frame's RMS.
	speechMargin  = 9.0
	speechMinimum = -52.0
	noiseMaximum  = -30.0
	// onsetFrames of speech in a row are speech, fewer are a click.
	onsetFrames = 3
)

// silenceDetector decides when somebody who spoke has stopped speaking. Its
// noise floor is the quietest frame of the last 2 s, so that a noisy line has
// silence as well and speech, which is full of short gaps, cannot lift it.
type silenceDetector struct {
	after, initial int // frames, 0: never
	blocks         [floorBlocks]float64
	inBlock        int
	run            int // frames above the threshold in a row
	quiet          int // frames since the last speech, or since the start
	spoke          bool
}

func newSilenceDetector(after, initial time.Duration) *silenceDetector {
	d := &silenceDetector{after: frames(after), initial: frames(initial)}
	for i := range d.blocks {
		d.blocks[i] = speechMinimum - speechMargin
	}
	return d
}

func frames(d time.Duration) int { return int((d + FrameDuration - 1) / FrameDuration) }

// add takes one frame and reports whether the recording is to end.
func (d *silenceDetector) add(pcm []int16) bool {
	level := levelOf(pcm)
	threshold := max(speechMinimum, min(d.floor(), noiseMaximum)+speechMargin)
	d.track(level)
	d.quiet++
	if level < threshold {
		d.run = 0
	} else if d.run++; d.run >= onsetFrames {
		d.spoke, d.quiet = true, 0
	}
	if d.spoke {
		return d.after > 0 && d.quiet >= d.after
	}
	return d.initial > 0 && d.quiet >= d.initial
}

func (d *silenceDetector) floor() float64 {
	floor := d.blocks[0]
	for _, b := range d.blocks[1:] {
		floor = min(floor, b)
	}
	return floor
}

// track enters the level into the newest block, and begins another when that
// one is full.
func (d *silenceDetector) track(level float64) {
	if d.inBlock == floorFrames {
		copy(d.blocks[:], d.blocks[1:])
		d.blocks[floorBlocks-1] = 0
		d.inBlock = 0
	}
	d.blocks[floorBlocks-1] = min(d.blocks[floorBlocks-1], level)
	d.inBlock++
}

// levelOf is the frame's RMS in dB below full scale.
func levelOf(pcm []int16) float64 {
	var sum int64
	for _, v := range pcm {
		sum += int64(v) * int64(v)
	}
	if sum == 0 {
		return -100
	}
	return 10 * math.Log10(float64(sum)/float64(len(pcm))/(32768*32768))
}
