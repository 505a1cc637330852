package recorder

import (
	"errors"

	"offhook/recorder/mp3"
)

// mp3File appends PCM to an MP3 file.
type mp3File struct {
	f   file
	enc *mp3.Encoder
	n   int64
	ch  int64
}

func newMP3File(f file, c mp3.Config) (*mp3File, error) {
	enc, err := mp3.NewEncoder(f, c)
	if err != nil {
		return nil, err
	}
	return &mp3File{f: f, enc: enc, ch: int64(c.Channels)}, nil
}

func (m *mp3File) write(pcm []int16) error {
	m.n += int64(len(pcm))
	return m.enc.Write(pcm)
}

func (m *mp3File) finish() (samples, size int64, err error) {
	err = m.enc.Close()
	size = m.enc.Size()
	samples = m.n / m.ch
	if err != nil {
		// What did not get into the file does not count.
		samples = min(samples, m.enc.Samples())
		err = errors.Join(err, m.f.Truncate(size))
	}
	return samples, size, err
}
