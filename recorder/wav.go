package recorder

import (
	"fmt"
	"io"
	"os"

	"offhook/media/wav"
)

// wavFile appends PCM to a WAV file.
type wavFile struct {
	*wav.Writer
	f     file
	block int64 // bytes of one sample of all channels
	err   error // of Write, final
}

func newWAVFile(f file, rate, channels int) (*wavFile, error) {
	w, err := wav.NewLongWriter(f, rate, channels)
	if err != nil {
		return nil, err
	}
	return &wavFile{Writer: w, f: f, block: int64(2 * channels)}, nil
}

func (w *wavFile) write(pcm []int16) error {
	w.err = w.Write(pcm)
	return w.err
}

func (w *wavFile) finish() (samples, size int64, err error) {
	samples = w.Bytes() / w.block
	size = wav.LongHeaderBytes + samples*w.block
	if w.err == nil {
		return samples, size, w.Close()
	}
	// A failed write may have left half a sample.
	if err := w.f.Truncate(size); err != nil {
		return samples, size, err
	}
	_, _, err = wav.Repair(w.f)
	return samples, size, err
}

// mendWAV gives a file that finish never saw its true header, and cuts off
// half a sample at its end.
func mendWAV(f *os.File) (samples, size int64, rate int, err error) {
	data, header, err := wav.Repair(f)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, 0, 0, err
	}
	r, err := wav.NewReader(f)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	h := r.Header()
	size = header + data
	return data / int64(2*h.Channels), size, h.Rate, f.Truncate(size)
}
