package amd

import "math"

// history keeps what the segmentation needs of each frame. The newest
// historyFrames are kept.
type history struct {
	level  [historyFrames]float32
	spoken [historyFrames]float32 // the level of frames that may be speech, of tones -200
	core   [historyFrames]float32 // that of voiced ones, of others -200
	voiced [historyFrames]bool
	lost   [historyFrames]bool
	tonal  [historyFrames]bool
	n      int // frames seen
	from   int // the first that counts

	around     float32 // of talk, and the peak that it was measured with
	aroundPeak float32

	floor  histogram // of all frames that were not lost
	voices histogram // of voiced frames
}

// aroundEvery is after how many frames the background is measured again.
const aroundEvery = 5

// never is a level that no frame has.
const never = -200

const historyFrames = 512 // 10.24 s, a power of two

// slot is where a frame is kept.
func slot(frame int) int { return frame & (historyFrames - 1) }

// histogram counts levels in steps of 1 dB from -100 to 0 dBov.
type histogram struct {
	count [101]int32
	total int32
}

func (h *histogram) add(db float32, n int32) {
	i := min(max(int(db+100.5), 0), 100)
	h.count[i] += n
	h.total += n
}

// quantile is the level that a share of the frames are under.
func (h *histogram) quantile(share float32) float32 {
	left := int32(share * float32(h.total))
	for i, c := range h.count {
		left -= c
		if left < 0 {
			return float32(i - 100)
		}
	}
	return 0
}

// top is the level that n frames reach, -100 when there are not so many.
func (h *histogram) top(n int32) float32 {
	for i := 100; i >= 0; i-- {
		n -= h.count[i]
		if n <= 0 {
			return float32(i - 100)
		}
	}
	return -100
}

func (h *history) add(level float32, voiced, lost, tonal bool) {
	i := slot(h.n)
	h.level[i], h.voiced[i], h.lost[i], h.tonal[i] = level, voiced, lost, tonal
	h.spoken[i], h.core[i] = level, never
	if voiced {
		h.core[i] = level
	}
	h.n++
	if lost || tonal {
		return
	}
	h.floor.add(level, 1)
	if voiced {
		h.voices.add(level, 1)
	}
}

// restart forgets the speech; what is known of the noise stays.
func (h *history) restart() {
	h.from = h.n
	h.voices = histogram{}
}

// loudest is the highest level of the frames from so many back, up to so many
// back.
func (h *history) loudest(from, to int) float32 {
	top := float32(-100)
	for k := from; k <= min(to, h.n); k++ {
		top = max(top, h.level[slot(h.n-k)])
	}
	return top
}

// forget takes the last n frames out of the speech: they were a tone.
func (h *history) forget(n int) {
	for k := 1; k <= min(n, h.n-h.from, historyFrames); k++ {
		i := slot(h.n - k)
		if h.lost[i] || h.tonal[i] {
			continue
		}
		h.tonal[i], h.spoken[i] = true, never
		h.floor.add(h.level[i], -1)
		if h.voiced[i] {
			h.voices.add(h.level[i], -1)
		}
	}
}

// Talk is what has been heard of speech so far. Times are in frames from the
// start of the stream.
type talk struct {
	onset, end int     // of the first and last voiced island; -1: none
	voiced     int     // frames inside islands
	islands    int     // parts with pauses of more than Bridge between
	longest    int     // the longest island
	pause      int     // the longest pause between islands
	first      int     // the first island
	last       int     // the last one
	lastPause  int     // before the last
	around     float32 // mean level of what sounds besides, of the peak
	faded      int     // the end of the sound that decays after end
	begins     bool    // a voice has just begun to sound, not long enough yet to count
	still      int     // frames since one that was above the floor or the threshold
	peak       float32 // dBov
	floor      float32
	threshold  float32
}

// segment cuts the history into islands of speech by the loudness of the
// loudest voice so far: sound that was taken for speech at first is background
// once a louder voice is heard. An island needs a voiced core near that peak;
// how far below it reaches depends on what is heard outside the cores.
func (h *history) segment(c *Config) talk {
	t := talk{onset: -1, end: -1, floor: -100, peak: -100}
	if h.floor.total == 0 {
		return t
	}
	t.floor = h.floor.quantile(0.12)
	t.peak = h.voices.top(3)
	least := max(t.floor+float32(c.SpeechAboveFloor), float32(c.SpeechMinLevel))
	core := max(t.peak-float32(c.CoreBelowPeak), least)
	near := max(t.peak-float32(c.CoreNearPeak), least)
	if h.n%aroundEvery == 0 || t.peak != h.aroundPeak {
		around, _ := h.background(c, near, t.peak)
		h.around, h.aroundPeak = around-t.peak, t.peak
	}
	t.around = h.around
	core = max(core, min(t.peak+t.around+float32(c.CoreAboveBackground), near))
	_, background := h.background(c, core, t.peak)
	t.threshold = max(t.peak-float32(c.SpeechBelowPeak), least, min(background, core))
	bridge, need := frames(c.Bridge), frames(c.OnsetVoiced)
	start, end, voiced := -1, -1, 0
	for k := max(h.from, h.n-historyFrames); k < h.n; k++ {
		i := slot(k)
		if h.spoken[i] < t.threshold {
			continue
		}
		if start >= 0 && k-end > bridge {
			t.island(start, end, voiced >= need)
			start = -1
		}
		if start < 0 {
			start, voiced = k, 0
		}
		end = k + 1
		if h.core[i] >= core {
			voiced++
		}
	}
	if start >= 0 {
		t.island(start, end, voiced >= need)
		t.begins = voiced > 0 && voiced < need && h.n-end < 3 && h.n-start <= frames(c.Beginning)
	}
	t.faded = t.end
	for t.faded >= 0 && t.faded < min(h.n, t.end+frames(c.Fade)) && h.level[slot(t.faded)] >= max(least, t.peak-float32(c.FadeBelowPeak)) {
		t.faded++
	}
	for t.still < min(h.n-h.from, historyFrames) && h.level[slot(h.n-1-t.still)] < max(least, min(t.threshold, t.peak-26)) {
		t.still++
	}
	return t
}

// background is the mean level of what sounds away from the cores of speech,
// and the one that it seldom exceeds; -100 when there is not enough of it.
// What is much quieter than the peak counts as quiet alike in the mean: it is
// of talk and music behind, not of pauses.
func (h *history) background(c *Config, core, peak float32) (mean, most float32) {
	var n, clipped, sum, squares float32
	last := -1
	margin := frames(c.CoreMargin)
	quiet := peak - float32(c.BackgroundDepth)
	flush := func(from, to int) {
		for k := from; k < to; k++ {
			if i := slot(k); !h.lost[i] && !h.tonal[i] {
				n++
				sum += h.level[i]
				squares += h.level[i] * h.level[i]
				clipped += max(h.level[i], quiet)
			}
		}
	}
	first := max(h.from, h.n-historyFrames)
	last = first - margin
	for k := first; k < h.n; k++ {
		if h.core[slot(k)] >= core {
			flush(last+margin, k-margin)
			last = k
		}
	}
	flush(last+margin, h.n)
	if n < float32(margin) {
		return -100, -100
	}
	mean = sum / n
	return clipped / n, mean + float32(c.BackgroundSpread)*float32(math.Sqrt(float64(max(squares/n-mean*mean, 0))))
}

// island adds one part.
func (t *talk) island(start, end int, speech bool) {
	if !speech {
		return
	}
	if t.onset < 0 {
		t.onset, t.first = start, end-start
	} else {
		t.lastPause = start - t.end
		t.pause = max(t.pause, t.lastPause)
	}
	t.last = end - start
	t.islands++
	t.end = end
	t.voiced += end - start
	t.longest = max(t.longest, end-start)
}
