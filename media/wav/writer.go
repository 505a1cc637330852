package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// HeaderBytes is the size of the header that Writer writes.
const HeaderBytes = 44

// MaxBytes is the most audio that one file takes: its sizes have 32 bits.
const MaxBytes = 1<<32 - 1 - HeaderBytes

// ErrFull tells that a file has reached MaxBytes.
var ErrFull = errors.New("WAV file is full at 4 GiB")

// Writer writes 16-bit PCM. It is not for concurrent use. The header's sizes
// are right after Sync or Close; a file that was cut off before can be mended
// with Repair.
type Writer struct {
	w        io.WriteSeeker
	rate     int
	channels int
	written  int64 // bytes of audio
	buf      []byte
}

// NewWriter writes a header to w, which must be at its start.
func NewWriter(w io.WriteSeeker, rate, channels int) (*Writer, error) {
	d := &Writer{w: w, rate: rate, channels: channels}
	if _, err := w.Write(AppendHeader(nil, rate, channels, 0)); err != nil {
		return nil, fmt.Errorf("wav: header: %w", err)
	}
	return d, nil
}

// AppendHeader appends the 44 bytes before size bytes of 16-bit PCM.
func AppendHeader(b []byte, rate, channels int, size int64) []byte {
	le := binary.LittleEndian
	b = append(b, "RIFF"...)
	b = le.AppendUint32(b, uint32(size+HeaderBytes-8))
	b = append(b, "WAVEfmt "...)
	b = le.AppendUint32(b, 16)
	b = le.AppendUint16(b, PCM)
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*2))
	b = le.AppendUint16(b, uint16(channels*2))
	b = le.AppendUint16(b, 16)
	b = append(b, "data"...)
	return le.AppendUint32(b, uint32(size))
}

// Write appends samples, interleaved where there are several channels. ErrFull
// when they do not fit, with nothing written.
func (d *Writer) Write(pcm []int16) error {
	if d.written+int64(2*len(pcm)) > MaxBytes {
		return ErrFull
	}
	d.buf = d.buf[:0]
	for _, s := range pcm {
		d.buf = binary.LittleEndian.AppendUint16(d.buf, uint16(s))
	}
	n, err := d.w.Write(d.buf)
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
	if err := writeHeader(d.w, d.rate, d.channels, d.written); err != nil {
		return err
	}
	if _, err := d.w.Seek(0, io.SeekEnd); err != nil {
		return fmt.Errorf("wav: %w", err)
	}
	return nil
}

// Close writes the final sizes; the file itself stays open.
func (d *Writer) Close() error { return d.Sync() }

func writeHeader(w io.WriteSeeker, rate, channels int, size int64) error {
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("wav: header: %w", err)
	}
	if _, err := w.Write(AppendHeader(nil, rate, channels, size)); err != nil {
		return fmt.Errorf("wav: header: %w", err)
	}
	return nil
}

// Repair sets the sizes in the header of a file that Writer began and did not
// close, from the file's length, and returns the bytes of audio in it. A last
// half frame is not counted.
func Repair(f io.ReadWriteSeeker) (int64, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, fmt.Errorf("wav: %w", err)
	}
	r, err := NewReader(f)
	if err != nil {
		return 0, err
	}
	h := r.Header()
	start, err := f.Seek(0, io.SeekCurrent)
	if err != nil {
		return 0, fmt.Errorf("wav: %w", err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, fmt.Errorf("wav: %w", err)
	}
	if start != HeaderBytes || h.Coding != PCM || h.Bits != 16 {
		return 0, fmt.Errorf("%w: not written by this package", ErrFormat)
	}
	size := min((end-start)/int64(h.frameBytes())*int64(h.frameBytes()), MaxBytes)
	return size, writeHeader(f, h.Rate, h.Channels, size)
}
