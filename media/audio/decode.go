package audio

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/hajimehoshi/go-mp3"

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

// mp3Stream gives go-mp3's output; that decoder always has two channels, and
// crashes on some hostile input, which becomes an error here.
type mp3Stream struct {
	d   *mp3.Decoder
	pcm littleEndian
}

func newMP3(r *bufio.Reader) (dec *Decoder, err error) {
	defer recovered(&err)
	if err := skipID3(r); err != nil {
		return nil, fmt.Errorf("%w: MP3: %w", ErrFormat, err)
	}
	// Only Read is passed on: with a Seeker the decoder would walk the file twice.
	d, err := mp3.NewDecoder(struct{ io.Reader }{r})
	if err != nil {
		return nil, fmt.Errorf("%w: MP3: %w", ErrFormat, err)
	}
	s := &mp3Stream{d: d, pcm: littleEndian{r: d}}
	return newDecoder(s, 2, d.SampleRate()), nil
}

// skipID3 drops the ID3v2 tags at the start. go-mp3 would do so too, but takes
// the size that the tag names, up to half a gigabyte, into memory first.
func skipID3(r *bufio.Reader) error {
	for {
		h, err := r.Peek(10)
		if err != nil || string(h[:3]) != "ID3" {
			return nil // what is too short for a tag is the decoder's to refuse
		}
		size := int64(h[6]&0x7f)<<21 | int64(h[7]&0x7f)<<14 | int64(h[8]&0x7f)<<7 | int64(h[9]&0x7f)
		if _, err := io.CopyN(io.Discard, r, 10+size); err != nil {
			return err
		}
	}
}

func (s *mp3Stream) Read(dst []int16) (n int, err error) {
	defer recovered(&err)
	n, err = s.pcm.Read(dst)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("%w: MP3: %w", ErrFormat, err)
	}
	return n &^ 1, err
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: MP3: %v", ErrFormat, v)
	}
}
