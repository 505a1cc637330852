package mp3

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The Info header lives in the main data of a frame of silence. Players that
// do not know it play 36 ms of silence; all others take the number of frames
// and bytes from it. The extension behind it, which encoders have shared since
// LAME 3.90 and which decoders know by that name, tells how much of the
// first and last frame is not part of the recording.
const (
	infoSize     = 16
	infoExtended = infoSize + 36
	infoName     = "LAME"
	hasFrames    = 1
	hasBytes     = 2
	maxTrim      = 4095 // 12 bits
)

// infoFrame is the whole header frame. With no frames it says neither how
// many there are nor where the recording ends.
func (e *Encoder) infoFrame(frames, samples int64) []byte {
	trim := int64(0)
	if frames > 0 {
		trim = max(0, frames*int64(e.frameSamples())-delay-samples)
	}
	return infoFrame(&e.format, frames, e.frame.sizeOf(frames), trim)
}

func infoFrame(f *format, frames, size, trim int64) []byte {
	b := make([]byte, f.frameBytes(false))
	head := f.header(false)
	copy(b, head[:])
	info := b[headerBytes+f.sideBytes:]
	if len(info) < infoSize {
		return b
	}
	copy(info, "Info")
	if frames > 0 {
		binary.BigEndian.PutUint32(info[4:], hasFrames|hasBytes)
		binary.BigEndian.PutUint32(info[8:], uint32(frames))
		binary.BigEndian.PutUint32(info[12:], uint32(size))
	}
	extension := info[infoSize:]
	if frames == 0 {
		extension = info[8:] // the two numbers are not there
	}
	if len(extension) < infoExtended-infoSize {
		return b
	}
	copy(extension, infoName)
	extension[9] = 1 // constant bit rate
	extension[20] = byte(f.bitRate / 1000)
	pads := uint32(delay)<<12 | uint32(min(trim, maxTrim))
	extension[21], extension[22], extension[23] = byte(pads>>16), byte(pads>>8), byte(pads)
	return b
}

// rewriteInfo puts the true numbers into the header frame.
func (e *Encoder) rewriteInfo() error {
	frames := e.frame.wholeFrames()
	if frames == 0 {
		return nil
	}
	b := e.infoFrame(frames, e.Samples())
	switch w := e.w.(type) {
	case io.WriterAt:
		if _, err := w.WriteAt(b, 0); err != nil {
			return fmt.Errorf("mp3: write header: %w", err)
		}
	case io.WriteSeeker:
		if err := rewriteAtStart(w, b); err != nil {
			return fmt.Errorf("mp3: write header: %w", err)
		}
	}
	return nil
}

func rewriteAtStart(w io.WriteSeeker, b []byte) error {
	end, err := w.Seek(0, io.SeekCurrent)
	if err != nil {
		return err
	}
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return err
	}
	_, err = w.Seek(end, io.SeekStart)
	return err
}
