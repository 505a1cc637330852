package audio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"offhook/media/wav"
)

// ErrFormat is wrapped by errors about content that is no audio offhook plays.
var ErrFormat = errors.New("audio is neither WAV nor MP3")

// ErrTooLong is wrapped by errors about audio longer than allowed.
var ErrTooLong = errors.New("audio is too long")

// MaxDuration is the longest audio that Decode takes.
const MaxDuration = time.Hour

// MaxRate is the highest sample rate that is read, in Hz.
const MaxRate = 48000

// Decoder gives mono PCM from a stream of WAV or MP3. It is not for concurrent
// use.
type Decoder struct {
	src      samples
	channels int
	rate     int
	buf      []int16
}

// samples are interleaved 16-bit samples.
type samples interface {
	Read(dst []int16) (int, error)
}

// NewDecoder reads the stream's header. hint is a MIME type or a file name; the
// content decides, and the hint only where the content is not clear. Errors
// about the content wrap ErrFormat.
func NewDecoder(r io.Reader, hint string) (*Decoder, error) {
	br := bufio.NewReader(r)
	head, err := br.Peek(12)
	if err != nil && len(head) < 4 {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	switch {
	case bytes.HasPrefix(head, []byte("RIFF")), bytes.HasPrefix(head, []byte("RF64")):
		return newWAV(br)
	case bytes.HasPrefix(head, []byte("ID3")), head[0] == 0xff && head[1]&0xe0 == 0xe0, isMP3(hint):
		return newMP3(br)
	}
	return nil, fmt.Errorf("%w (%s)", ErrFormat, hint)
}

func isMP3(hint string) bool {
	hint = strings.ToLower(hint)
	return strings.HasSuffix(hint, "mp3") || strings.HasPrefix(hint, "audio/mpeg") || strings.HasPrefix(hint, "audio/mp3")
}

func newWAV(r io.Reader) (*Decoder, error) {
	w, err := wav.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	h := w.Header()
	if h.Rate < 8000 || h.Rate > MaxRate {
		return nil, fmt.Errorf("%w: WAV of %d Hz; 8000 to %d are played", ErrFormat, h.Rate, MaxRate)
	}
	return newDecoder(w, h.Channels, h.Rate), nil
}

func newDecoder(src samples, channels, rate int) *Decoder {
	return &Decoder{src: src, channels: channels, rate: rate, buf: make([]int16, 2048*channels)}
}

// NewRawDecoder reads mono 16-bit little-endian PCM without a header.
func NewRawDecoder(r io.Reader, rate int) *Decoder {
	return newDecoder(&littleEndian{r: r}, 1, rate)
}

// Rate is the sample rate in Hz.
func (d *Decoder) Rate() int { return d.rate }

// Channels is how many channels the stream has.
func (d *Decoder) Channels() int { return d.channels }

// ReadChannels fills dst with the next samples of all channels, interleaved,
// and returns how many each channel has; io.EOF after the last. A stream is
// read with this or with Read.
func (d *Decoder) ReadChannels(dst []int16) (int, error) {
	n, err := d.src.Read(dst[:len(dst)/d.channels*d.channels])
	return n / d.channels, err
}

// Read fills dst with the next samples, channels averaged, and returns their
// number; io.EOF after the last. It returns what the stream has, and blocks
// only for the first of them.
func (d *Decoder) Read(dst []int16) (int, error) {
	want := min(len(dst)*d.channels, len(d.buf))
	n, err := d.src.Read(d.buf[:want])
	n /= d.channels
	if d.channels == 1 {
		copy(dst, d.buf[:n])
		return n, err
	}
	for i := range n {
		sum := 0
		for _, s := range d.buf[i*d.channels : (i+1)*d.channels] {
			sum += int(s)
		}
		dst[i] = int16(sum / d.channels)
	}
	return n, err
}

// CopyTo appends all that is left to c, which must have the decoder's rate,
// and closes it. It returns the error that the clip was closed with, nil at a
// regular end. Audio longer than limit is cut there with ErrTooLong.
func (d *Decoder) CopyTo(c *Clip, limit time.Duration) error {
	left := int64(limit) * int64(d.rate) / int64(time.Second)
	buf := make([]int16, 2048)
	for {
		n, err := d.Read(buf)
		if int64(n) > left {
			n, err = int(left), fmt.Errorf("%w: more than %s", ErrTooLong, limit)
		}
		left -= int64(n)
		c.Append(buf[:n])
		if err == io.EOF {
			c.Close(nil)
			return nil
		}
		if err != nil {
			c.Close(err)
			return err
		}
	}
}

// Decode reads a whole WAV (8 to 48 kHz; 8, 16, 24 or 32 bits, float, A-law,
// µ-law; any channels, averaged to one) or MP3 file of at most MaxDuration.
// hint is its MIME type or name. Errors about the content wrap ErrFormat or
// ErrTooLong.
func Decode(r io.Reader, hint string) (*Clip, error) {
	d, err := NewDecoder(r, hint)
	if err != nil {
		return nil, err
	}
	c := NewClip(d.Rate())
	if err := d.CopyTo(c, MaxDuration); err != nil {
		return nil, err
	}
	return c, nil
}

// littleEndian reads 16-bit samples from bytes.
type littleEndian struct {
	r   io.Reader
	buf []byte
	odd int // bytes of buf that wait for their other half
}

func (l *littleEndian) Read(dst []int16) (int, error) {
	if len(l.buf) < 2*len(dst) {
		grown := make([]byte, 2*len(dst))
		copy(grown, l.buf[:l.odd])
		l.buf = grown
	}
	have := l.odd
	for have < 2 {
		n, err := l.r.Read(l.buf[have : 2*len(dst)])
		have += n
		if err != nil && have < 2 {
			return 0, err
		}
	}
	n := have / 2
	for i := range n {
		dst[i] = int16(uint16(l.buf[2*i]) | uint16(l.buf[2*i+1])<<8)
	}
	l.odd = have - 2*n
	copy(l.buf, l.buf[2*n:have])
	return n, nil
}
