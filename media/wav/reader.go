// Package wav reads and writes RIFF WAVE files.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"offhook/media/codec"
)

// The codings of samples, by their WAVE format tag.
const (
	PCM   = 0x0001
	Float = 0x0003
	ALaw  = 0x0006
	MuLaw = 0x0007

	extensible = 0xfffe
)

// ErrFormat is wrapped by every error about a file that is no WAV file or one
// of a coding that this package does not read.
var ErrFormat = errors.New("not a WAV file that can be read")

// Header describes the audio of a file.
type Header struct {
	Coding   int   // PCM, Float, ALaw or MuLaw
	Channels int   // 1..8
	Rate     int   // Hz
	Bits     int   // of a sample: 8 (unsigned), 16, 24 or 32
	Bytes    int64 // of audio; -1: until the end of the stream
}

// frameBytes is the size of one sample of every channel.
func (h Header) frameBytes() int { return h.Channels * h.Bits / 8 }

// Reader reads samples from a stream. It is not for concurrent use.
type Reader struct {
	header Header
	r      io.Reader
	left   int64 // bytes of audio, -1: unknown
	buf    []byte
	law    codec.Decoder
	room   bool // there is a chunk of 64-bit sizes, or one in its place
}

// maxSkip bounds the chunks before the audio that are skipped.
const maxSkip = 1 << 20

// NewReader reads the header, up to the first byte of audio. Streams of
// unknown length carry 0, 0x7fffffff, 0xffffffff or anything near as a size:
// those are read to their end. RF64 files have their size in 64 bits. Errors about
// the content wrap ErrFormat.
func NewReader(r io.Reader) (*Reader, error) {
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil {
		return nil, fmt.Errorf("%w: no header: %w", ErrFormat, err)
	}
	tag := string(riff[:4])
	if (tag != "RIFF" && tag != "RF64") || string(riff[8:]) != "WAVE" {
		return nil, fmt.Errorf("%w: it does not start with RIFF and WAVE", ErrFormat)
	}
	var h Header
	var long int64 // size of the audio by a ds64 chunk, 0: none
	room := false
	for skipped := int64(0); ; {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return nil, fmt.Errorf("%w: no audio: %w", ErrFormat, err)
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			var err error
			if h, err = readFormat(r, size); err != nil {
				return nil, err
			}
		case "data":
			if h.Channels == 0 {
				return nil, fmt.Errorf("%w: audio before its format", ErrFormat)
			}
			d := newReader(r, h, size, long)
			d.room = room
			return d, nil
		case "ds64":
			var err error
			if long, err = readLong(r, size); err != nil {
				return nil, err
			}
			room = true
		default:
			room = room || string(chunk[:4]) == "JUNK" && size == longBytes-8
			size += size & 1
			if skipped += size; skipped > maxSkip {
				return nil, fmt.Errorf("%w: more than %d bytes before the audio", ErrFormat, maxSkip)
			}
			if _, err := io.CopyN(io.Discard, r, size); err != nil {
				return nil, fmt.Errorf("%w: no audio: %w", ErrFormat, err)
			}
		}
	}
}

// readLong reads a ds64 chunk and returns the size of the audio in it.
func readLong(r io.Reader, size int64) (int64, error) {
	if size < 24 || size > maxSkip {
		return 0, fmt.Errorf("%w: chunk of long sizes of %d bytes", ErrFormat, size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return max(0, int64(binary.LittleEndian.Uint64(b[8:]))), nil // a negative one is nonsense
}

// newReader reads audio of the size given, or of the long one where that size is
// the largest of 32 bits.
func newReader(r io.Reader, h Header, size, long int64) *Reader {
	if size == 1<<32-1 && long > 0 {
		size = long
	} else if size == 0 || size >= 0x7fff0000 {
		size = -1
	}
	h.Bytes = size
	d := &Reader{header: h, r: r, left: size, buf: make([]byte, 0, 4096)}
	name := map[int]string{ALaw: "PCMA", MuLaw: "PCMU"}[h.Coding]
	if f, ok := codec.Lookup(name); ok {
		d.law = f.NewDecoder()
	}
	return d
}

func readFormat(r io.Reader, size int64) (Header, error) {
	if size < 16 || size > 1024 {
		return Header{}, fmt.Errorf("%w: format chunk of %d bytes", ErrFormat, size)
	}
	b := make([]byte, size+size&1)
	if _, err := io.ReadFull(r, b); err != nil {
		return Header{}, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	h := Header{
		Coding:   int(binary.LittleEndian.Uint16(b)),
		Channels: int(binary.LittleEndian.Uint16(b[2:])),
		Rate:     int(binary.LittleEndian.Uint32(b[4:])),
		Bits:     int(binary.LittleEndian.Uint16(b[14:])),
	}
	if h.Coding == extensible && size >= 26 { // the tag proper starts the sub-format's GUID
		h.Coding = int(binary.LittleEndian.Uint16(b[24:]))
	}
	return h, h.check()
}

func (h Header) check() error {
	ok := false
	switch h.Coding {
	case PCM:
		ok = h.Bits == 8 || h.Bits == 16 || h.Bits == 24 || h.Bits == 32
	case Float:
		ok = h.Bits == 32
	case ALaw, MuLaw:
		ok = h.Bits == 8
	}
	if !ok {
		return fmt.Errorf("%w: coding %#x with %d bits", ErrFormat, h.Coding, h.Bits)
	}
	if h.Channels < 1 || h.Channels > 8 {
		return fmt.Errorf("%w: %d channels", ErrFormat, h.Channels)
	}
	if h.Rate < 1000 || h.Rate > 384000 {
		return fmt.Errorf("%w: %d Hz", ErrFormat, h.Rate)
	}
	return nil
}

// Header describes what is read.
func (d *Reader) Header() Header { return d.header }

// Read fills dst with samples of all channels, interleaved, as 16 bits, whole
// frames only: len(dst) must be at least the number of channels. It returns
// the samples read, and io.EOF after the last; a file that is cut off ends at
// its last whole frame.
func (d *Reader) Read(dst []int16) (int, error) {
	frame := d.header.frameBytes()
	want := len(dst) / d.header.Channels * frame
	want = min(want, 1<<16/frame*frame)
	if want == 0 {
		return 0, io.ErrShortBuffer
	}
	if d.left >= 0 && int64(want) > d.left {
		want = int(d.left) / frame * frame
		if want == 0 {
			return 0, io.EOF
		}
	}
	if cap(d.buf) < want {
		d.buf = make([]byte, 0, want)
	}
	n, err := d.fill(want, frame)
	if n == 0 && err != nil {
		return 0, err
	}
	d.convert(dst, d.buf[:n])
	rest := copy(d.buf[:cap(d.buf)], d.buf[n:])
	d.buf = d.buf[:rest]
	if d.left >= 0 {
		d.left -= int64(n)
	}
	return n * 8 / d.header.Bits, nil
}

// fill reads until one whole frame or more is there and returns the bytes of
// whole frames, at most want. It does not wait for more than there is.
func (d *Reader) fill(want, frame int) (int, error) {
	for len(d.buf) < frame {
		n, err := d.r.Read(d.buf[len(d.buf):want])
		d.buf = d.buf[:len(d.buf)+n]
		if err != nil && len(d.buf) < frame {
			return 0, err
		}
	}
	return len(d.buf) / frame * frame, nil
}

func (d *Reader) convert(dst []int16, b []byte) {
	switch {
	case d.law != nil:
		d.law.Decode(dst, b)
	case d.header.Coding == Float:
		for i := range len(b) / 4 {
			dst[i] = fromFloat(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case d.header.Bits == 8:
		for i, v := range b {
			dst[i] = (int16(v) - 128) << 8
		}
	default: // the upper 16 bits of the sample
		size := d.header.Bits / 8
		for i := range len(b) / size {
			dst[i] = int16(binary.LittleEndian.Uint16(b[(i+1)*size-2:]))
		}
	}
}
