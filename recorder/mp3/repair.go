package mp3

import (
	"errors"
	"fmt"
	"io"
)

// Repaired tells what Repair found.
type Repaired struct {
	SampleRate, Channels int
	Samples              int64 // of each channel
	Size                 int64 // in bytes; what follows is a torn frame
}

// ErrFormat is returned by Repair for what no Encoder wrote.
var ErrFormat = errors.New("mp3: not a stream of this encoder")

// ReadWriterAt is what Repair needs of a file.
type ReadWriterAt interface {
	io.ReaderAt
	io.WriterAt
}

// Repair completes the Info header of a stream whose Encoder was never
// closed. The caller cuts the file to the size that it returns.
func Repair(f ReadWriterAt) (Repaired, error) {
	var h [headerBytes]byte
	if _, err := f.ReadAt(h[:], 0); err != nil {
		return Repaired{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	form, _, ok := parseHeader(h)
	if !ok {
		return Repaired{}, ErrFormat
	}
	r := Repaired{SampleRate: form.sampleRate, Channels: form.channels}
	frames := int64(-1) // the Info frame does not count
	for {
		n, ok := wholeFrame(f, &form, r.Size)
		if !ok {
			break
		}
		r.Size += n
		frames++
	}
	if frames < 0 {
		return Repaired{}, fmt.Errorf("%w: not one whole frame", ErrFormat)
	}
	whole := frames * int64(form.frameSamples())
	r.Samples = max(0, whole-delay-decoderDelay)
	if frames == 0 {
		return r, nil
	}
	info := infoFrame(&form, frames, r.Size, whole-delay-r.Samples)
	if _, err := f.WriteAt(info, 0); err != nil {
		return r, fmt.Errorf("mp3: write header: %w", err)
	}
	return r, nil
}

// wholeFrame gives the length of the frame at an offset, if all of it is
// there and it is of the stream's format.
func wholeFrame(f io.ReaderAt, want *format, offset int64) (int64, bool) {
	var h [headerBytes]byte
	if _, err := f.ReadAt(h[:], offset); err != nil {
		return 0, false
	}
	padded := h[2]&2 != 0
	if h != want.header(padded) {
		return 0, false
	}
	n := int64(want.frameBytes(padded))
	var last [1]byte
	if _, err := f.ReadAt(last[:], offset+n-1); err != nil {
		return 0, false
	}
	return n, true
}
