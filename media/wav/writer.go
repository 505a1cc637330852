package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// The sizes of headers: of NewWriter, and of NewLongWriter, which has room for
// sizes of 64 bits.
const (
	HeaderBytes     = 44
	LongHeaderBytes = HeaderBytes + longBytes

	longBytes = 8 + 28 // a ds64 chunk, or a JUNK chunk in its place
)

// MaxBytes is the most audio in a file whose sizes have 32 bits.
const MaxBytes = 1<<32 - 1 - LongHeaderBytes

// ErrFull tells that a file of NewWriter has reached MaxBytes.
var ErrFull = errors.New("WAV file is full at 4 GiB")

// Writer writes 16-bit PCM. It is not for concurrent use. The header's sizes
// are right after Sync or Close; a file that was cut off before can be mended
// with Repair.
type Writer struct {
	w       io.WriteSeeker
	form    form
	written int64 // bytes of audio
}

// buffers are for the bytes of one Write; writers share some.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// form is what a header says beside the size.
type form struct {
	rate, channels int
	long           bool
	most           int64 // bytes of audio that sizes of 32 bits are used for
}

// NewWriter writes a header to w, which must be at its start.
func NewWriter(w io.WriteSeeker, rate, channels int) (*Writer, error) {
	return newWriter(w, form{rate: rate, channels: channels, most: MaxBytes})
}

// NewLongWriter is NewWriter for files that may grow without a limit. Up to
// MaxBytes the file is plain WAV with a chunk in front that readers skip; above,
// that chunk becomes the 64-bit sizes of RF64 (EBU Tech 3306), and nothing else
// has to move.
func NewLongWriter(w io.WriteSeeker, rate, channels int) (*Writer, error) {
	return newWriter(w, form{rate: rate, channels: channels, long: true, most: MaxBytes})
}

func newWriter(w io.WriteSeeker, f form) (*Writer, error) {
	if _, err := w.Write(f.header(nil, 0)); err != nil {
		return nil, fmt.Errorf("wav: header: %w", err)
	}
	return &Writer{w: w, form: f}, nil
}

// AppendHeader appends the 44 bytes before size bytes of 16-bit PCM.
func AppendHeader(b []byte, rate, channels int, size int64) []byte {
	return form{rate: rate, channels: channels}.header(b, size)
}

func (f form) bytes() int64 {
	if f.long {
		return LongHeaderBytes
	}
	return HeaderBytes
}

// header appends the header before size bytes of audio.
func (f form) header(b []byte, size int64) []byte {
	le := binary.LittleEndian
	riff, riffSize, dataSize := "RIFF", uint32(size+f.bytes()-8), uint32(size)
	big := f.long && size > f.most
	if big {
		riff, riffSize, dataSize = "RF64", 1<<32-1, 1<<32-1
	}
	b = append(b, riff...)
	b = le.AppendUint32(b, riffSize)
	b = append(b, "WAVE"...)
	switch {
	case big:
		b = append(b, "ds64"...)
		b = le.AppendUint32(b, longBytes-8)
		b = le.AppendUint64(b, uint64(size+f.bytes()-8))
		b = le.AppendUint64(b, uint64(size))
		b = le.AppendUint64(b, uint64(size)/uint64(2*f.channels)) // samples
		b = le.AppendUint32(b, 0)                                 // no other long chunks
	case f.long:
		b = append(b, "JUNK"...)
		b = le.AppendUint32(b, longBytes-8)
		b = append(b, make([]byte, longBytes-8)...)
	}
	b = append(b, "fmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, PCM)
	b = le.AppendUint16(b, uint16(f.channels))
	b = le.AppendUint32(b, uint32(f.rate))
	b = le.AppendUint32(b, uint32(f.rate*f.channels*2))
	b = le.AppendUint16(b, uint16(f.channels*2))
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	return le.AppendUint32(b, dataSize)
}

// Write appends samples, interleaved where there are several channels. ErrFull
// when they do not fit, with nothing written.
func (d *Writer) Write(pcm []int16) error {
	if !d.form.long && d.written+int64(2*len(pcm)) > d.form.most {
		return ErrFull
	}
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	b := slices.Grow((*buf)[:0], 2*len(pcm))
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	*buf = b
	n, err := d.w.Write(b)
	d.written += int64(n)
	if err != nil {
		return fmt.Errorf("wav: %w", err)
	}
	return nil
}

// Bytes is the size of the audio so far.
func (d *Writer) Bytes() int64 { return d.written }

// Sync writes the sizes of what is there by now into the header.
func (d *Writer) Sync() error {
	if err := d.form.rewrite(d.w, d.written); err != nil {
		return err
	}
	if _, err := d.w.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("wav: %w", err)
	}
	return nil
}

// Close writes the final sizes; the file itself stays open.
func (d *Writer) Close() error { return d.Sync() }

// rewrite makes the header at the start of w true.
func (f form) rewrite(w io.WriteSeeker, size int64) error {
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("wav: header: %w", err)
	}
	if _, err := w.Write(f.header(nil, size)); err != nil {
		return fmt.Errorf("wav: header: %w", err)
	}
	return nil
}

// Repair sets the sizes in the header of a file that a Writer began and did not
// close, from the file's length, and returns the bytes of audio in it and those
// before it. A last half frame is not counted.
func Repair(f io.ReadWriteSeeker) (size, header int64, err error) {
	return repair(f, MaxBytes)
}

func repair(f io.ReadWriteSeeker, most int64) (size, header int64, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, fmt.Errorf("wav: %w", err)
	}
	r, err := NewReader(f)
	if err != nil {
		return 0, 0, err
	}
	h := r.Header()
	start, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, 0, fmt.Errorf("wav: %w", err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, 0, fmt.Errorf("wav: %w", err)
	}
	o := form{rate: h.Rate, channels: h.Channels, long: start == LongHeaderBytes && r.room, most: most}
	if start != o.bytes() || h.Coding != PCM || h.Bits != 16 {
		return 0, 0, fmt.Errorf("%w: not written by this package", ErrFormat)
	}
	size = (end - start) / int64(h.frameBytes()) * int64(h.frameBytes())
	if !o.long {
		size = min(size, most)
	}
	return size, start, o.rewrite(f, size)
}
