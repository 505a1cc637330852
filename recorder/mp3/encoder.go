package mp3

import (
	"errors"
	"io"
)

// Encoder turns samples into an MP3 stream. It is not for concurrent use.
type Encoder struct {
	format
	w   io.Writer
	err error // of w, final

	banks   [2]filterbank
	spectra [2][2]spectrum // by granule and channel
	counter counter
	gain    int     // of the granule before
	loud    float64 // gain of loud granules
	frame   framer

	pending []int16 // of a granule that is not full yet, interleaved
	filled  int     // granules of the frame under way
	given   int64   // samples of each channel
}

// ErrClosed is returned by Write after Close.
var ErrClosed = errors.New("mp3: encoder is closed")

// NewEncoder writes an Info header frame to w, with the length still unknown.
// Errors wrap ErrConfig or are w's.
func NewEncoder(w io.Writer, c Config) (*Encoder, error) {
	f, err := newFormat(c)
	if err != nil {
		return nil, err
	}
	e := &Encoder{format: f, w: w, gain: 180}
	e.counter.bands, e.counter.avoid = f.bandsLong, avoidEdge(f.sampleRate)
	e.pending = make([]int16, 0, granule*f.channels)
	e.frame.init(&e.format)
	e.frame.out = append(e.frame.out, e.infoFrame(0, 0)...)
	if err := e.flush(); err != nil {
		return nil, err
	}
	return e, nil
}

// Write encodes interleaved samples and writes the frames that they complete,
// all in one write. An odd sample of a stereo stream waits for the next call.
// After an error of the writer every call returns that error.
func (e *Encoder) Write(pcm []int16) error {
	if e.err != nil {
		return e.err
	}
	e.given += int64(len(e.pending)%e.channels+len(pcm)) / int64(e.channels)
	e.encode(pcm)
	return e.flush()
}

func (e *Encoder) encode(pcm []int16) {
	for len(pcm) > 0 {
		n := min(len(pcm), cap(e.pending)-len(e.pending))
		e.pending = append(e.pending, pcm[:n]...)
		pcm = pcm[n:]
		if len(e.pending) == cap(e.pending) {
			e.encodeGranule()
			e.pending = e.pending[:0]
		}
	}
}

// encodeGranule runs the full pending granule through the filterbank, and
// writes a frame when it was the frame's last.
func (e *Encoder) encodeGranule() {
	for ch := range e.channels {
		s := &e.spectra[e.filled][ch]
		e.banks[ch].analyse(e.pending[ch:], e.channels)
		s.blockType = e.banks[ch].chooseBlock()
		e.banks[ch].transform(&s.xr, 1, s.blockType)
		if s.blockType == shortBlock {
			reorder(&s.xr, e.bandsShort)
		}
		s.prepare()
	}
	if e.filled++; e.filled < e.granules {
		return
	}
	e.filled = 0
	e.frame.begin()
	for gr := range e.granules {
		spend, budget := e.frame.budget(e.granules - gr)
		e.fit(&e.spectra[gr], spend, budget)
		for ch := range e.channels {
			e.frame.add(gr, ch, &e.spectra[gr][ch])
		}
	}
	e.frame.end()
}

const (
	// frugality is how many gain steps of 1.5 dB a quiet granule may be finer
	// than the loud ones before it. More of it than 6 costs signal-to-noise
	// ratio, less leaves quiet sounds rough.
	frugality = 6
	// loudDecay is how fast that is forgotten, in gain steps a granule.
	loudDecay = 0.1
)

// fit quantises a granule into at most budget bits, all that there are, and
// at least spend, below which bits would be lost to stuffing. A granule that
// is quiet beside those before it is not quantised as finely as it could be:
// what it leaves is for the next loud one.
func (e *Encoder) fit(spectra *[2]spectrum, spend, budget int) {
	least := 0
	for ch := range e.channels {
		least = max(least, spectra[ch].leastGain())
	}
	e.loud -= loudDecay
	if frugal := int(e.loud) - frugality; frugal >= least {
		if bits := e.try(spectra, frugal); bits <= budget {
			e.gain = frugal
			if bits < spend {
				e.gain = e.search(spectra, least, spend)
			}
			return
		}
	}
	e.gain = e.search(spectra, least, budget)
	e.loud = max(e.loud, float64(e.gain))
}

// search finds the smallest gain from least on, the same for all channels,
// with which the granule is not longer than budget bits, and leaves it
// quantised with that.
func (e *Encoder) search(spectra *[2]spectrum, least, budget int) int {
	low, high, tried := least-1, 255, -1 // low does not fit, high does
	gain := min(max(e.gain, least), 255)
	for step := 1; low+1 < high; step *= 2 {
		tried = gain
		if e.try(spectra, gain) <= budget {
			high = gain
			gain -= step
		} else {
			low = gain
			gain += step
		}
		if gain <= low || gain >= high {
			gain = (low + high) / 2
		}
	}
	if tried != high {
		e.try(spectra, high)
	}
	return high
}

// try quantises all channels with a gain and gives the bits they take.
func (e *Encoder) try(spectra *[2]spectrum, gain int) int {
	total := 0
	for ch := range e.channels {
		s := &spectra[ch]
		e.counter.count(&s.code, &s.ix, s.quantize(gain), s.blockType)
		if s.code.bits > maxPart23 {
			return 1 << 30
		}
		total += s.code.bits
	}
	return total
}

// flush hands complete frames to the writer.
func (e *Encoder) flush() error {
	out := e.frame.out
	e.frame.out = out[:0]
	if len(out) == 0 {
		return nil
	}
	n, err := e.w.Write(out)
	e.frame.written += int64(n)
	if err != nil {
		e.err = err
	}
	return err
}

// delay is the encoder's share of the samples that a decoder puts out before
// the first one that was given; the decoder's own is decoderDelay.
const (
	delay        = 528 + granule
	decoderDelay = 529
)

// Close encodes what is left, with the silence that brings the last sample
// out of a decoder, and completes the header when w is an io.WriterAt or an
// io.WriteSeeker whose offset 0 is the stream's first byte. It does not close
// w. After an error of w the header tells of the frames that were written.
func (e *Encoder) Close() error {
	if errors.Is(e.err, ErrClosed) {
		return nil
	}
	if e.err == nil {
		e.finish()
	}
	err := errors.Join(e.err, e.rewriteInfo())
	e.err = ErrClosed
	return err
}

func (e *Encoder) finish() {
	var silence [granule]int16
	e.pending = e.pending[:len(e.pending)/e.channels*e.channels]
	frame := int64(e.frameSamples())
	want := (e.given + delay + decoderDelay + frame - 1) / frame
	for e.frame.frames < want {
		e.encode(silence[:])
	}
	e.frame.drain()
	_ = e.flush() // e.err keeps it
}

// Samples is how many samples of each channel the frames that were written
// hold.
func (e *Encoder) Samples() int64 {
	whole := e.frame.wholeFrames() * int64(e.frameSamples())
	return max(0, min(e.given, whole-delay-decoderDelay))
}

// Size is the length of the whole frames that were written, in bytes.
func (e *Encoder) Size() int64 {
	return e.frame.sizeOf(e.frame.wholeFrames())
}
