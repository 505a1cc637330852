package recorder

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
)

// The header is RIFF, a JUNK chunk as large as a ds64 chunk, fmt and data. A
// file that outgrows RIFF's 32-bit sizes becomes RF64 (EBU Tech 3306) in
// place: the JUNK chunk turns into the ds64 chunk that holds the sizes.
const (
	wavHeaderSize = 80
	wavDataField  = 76 // the data chunk's size
	ds64Size      = 28
)

// wavHeader describes 16-bit PCM; a negative data size means that it is not
// known yet, which readers take for "until the file ends".
func wavHeader(rate, channels int, data int64) []byte {
	h := make([]byte, 0, wavHeaderSize)
	le := binary.LittleEndian
	riff, riffSize, dataSize := "RIFF", uint32(math.MaxUint32), uint32(math.MaxUint32)
	extra, ds64 := "JUNK", make([]byte, ds64Size)
	switch whole := data + wavHeaderSize - 8; {
	case data < 0:
	case whole < math.MaxUint32:
		riffSize, dataSize = uint32(whole), uint32(data)
	default:
		riff, extra = "RF64", "ds64"
		le.PutUint64(ds64[0:], uint64(whole))
		le.PutUint64(ds64[8:], uint64(data))
		le.PutUint64(ds64[16:], uint64(data)/uint64(2*channels))
	}
	h = le.AppendUint32(append(h, riff...), riffSize)
	h = append(h, "WAVE"...)
	h = append(le.AppendUint32(append(h, extra...), ds64Size), ds64...)
	h = le.AppendUint32(append(h, "fmt "...), 16)
	h = le.AppendUint16(h, 1) // PCM
	h = le.AppendUint16(h, uint16(channels))
	h = le.AppendUint32(h, uint32(rate))
	h = le.AppendUint32(h, uint32(rate*channels*2))
	h = le.AppendUint16(h, uint16(channels*2))
	h = le.AppendUint16(h, 16)
	return le.AppendUint32(append(h, "data"...), dataSize)
}

// wavFile appends PCM to a WAV file.
type wavFile struct {
	f              file
	rate, channels int
	data           int64 // bytes known to be in the file
	buf            []byte
}

func newWAVFile(f file, rate, channels int) (*wavFile, error) {
	if _, err := f.Write(wavHeader(rate, channels, -1)); err != nil {
		return nil, fmt.Errorf("write WAV header: %w", err)
	}
	return &wavFile{f: f, rate: rate, channels: channels}, nil
}

func (w *wavFile) write(pcm []int16) error {
	w.buf = w.buf[:0]
	for _, v := range pcm {
		w.buf = append(w.buf, byte(v), byte(uint16(v)>>8))
	}
	n, err := w.f.Write(w.buf)
	w.data += int64(n)
	if err != nil {
		return fmt.Errorf("write WAV: %w", err)
	}
	return nil
}

func (w *wavFile) finish() (samples, size int64, err error) {
	block := int64(2 * w.channels)
	samples = w.data / block
	size = wavHeaderSize + samples*block
	_, err = w.f.WriteAt(wavHeader(w.rate, w.channels, samples*block), 0)
	return samples, size, errors.Join(w.f.Truncate(size), err)
}

// mendWAV gives a file that finish never saw its true header.
func mendWAV(f *os.File) (samples, size int64, rate int, err error) {
	stat, err := f.Stat()
	if err != nil {
		return 0, 0, 0, err
	}
	h := make([]byte, wavHeaderSize)
	if _, err := f.ReadAt(h, 0); err != nil {
		return 0, 0, 0, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	channels := int(binary.LittleEndian.Uint16(h[58:]))
	rate = int(binary.LittleEndian.Uint32(h[60:]))
	if channels < 1 || channels > 2 || rate < 8000 || rate > 48000 ||
		!bytes.Equal(h[48:wavDataField], wavHeader(rate, channels, -1)[48:wavDataField]) {
		return 0, 0, 0, fmt.Errorf("%w: not a WAV header of a recording", errNotOurs)
	}
	w := &wavFile{f: f, rate: rate, channels: channels, data: stat.Size() - wavHeaderSize}
	samples, size, err = w.finish()
	return samples, size, rate, err
}
