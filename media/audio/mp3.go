package audio

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/hajimehoshi/go-mp3"
)

// mp3Stream gives go-mp3's output; that decoder always has two channels, and
// crashes on some hostile input, which becomes an error here.
type mp3Stream struct {
	pcm  littleEndian
	skip int     // samples at the start that are not of the piece
	hold int     // samples at the end that are not of the piece
	held []int16 // read, and perhaps the end
	err  error   // that ended the stream
}

func newMP3(r *bufio.Reader) (dec *Decoder, err error) {
	defer recovered(&err)
	if err := skipID3(r); err != nil {
		return nil, fmt.Errorf("%w: MP3: %w", ErrFormat, err)
	}
	// Only Read is passed on: with a Seeker the decoder would walk the file twice.
	head, _ := r.Peek(256)
	start, end := padding(head)
	d, err := mp3.NewDecoder(struct{ io.Reader }{r})
	if err != nil {
		return nil, fmt.Errorf("%w: MP3: %w", ErrFormat, err)
	}
	s := &mp3Stream{pcm: littleEndian{r: d}, skip: 2 * start, hold: 2 * end}
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

// decoderDelay is what a layer III decoder adds at the start, in samples.
const decoderDelay = 529

// padding reads from the first frame's LAME tag how many samples the encoder
// put before and after the piece; the tag's own frame of silence is counted
// among them. Without it music would not loop smoothly. 0, 0 without a tag.
func padding(head []byte) (start, end int) {
	if len(head) < 4 || head[0] != 0xff || head[1]&0xe0 != 0xe0 {
		return 0, 0
	}
	mpeg1, mono := head[1]&0x18 == 0x18, head[3]&0xc0 == 0xc0
	at, frame := 4+32, 1152
	switch {
	case mpeg1 && mono:
		at = 4 + 17
	case !mpeg1 && mono:
		at, frame = 4+9, 576
	case !mpeg1:
		at, frame = 4+17, 576
	}
	if len(head) < at+8 || string(head[at:at+4]) != "Xing" && string(head[at:at+4]) != "Info" {
		return 0, 0
	}
	flags := binary.BigEndian.Uint32(head[at+4:])
	at += 8
	for bit, size := range [4]int{4, 4, 100, 4} { // frames, bytes, table of contents, quality
		if flags>>bit&1 != 0 {
			at += size
		}
	}
	if len(head) < at+24 {
		return frame, 0
	}
	before := int(head[at+21])<<4 | int(head[at+22])>>4
	after := int(head[at+22]&0xf)<<8 | int(head[at+23])
	return frame + before + decoderDelay, max(0, after-decoderDelay)
}

// Read gives whole pairs of samples, without the padding.
func (s *mp3Stream) Read(dst []int16) (n int, err error) {
	defer recovered(&err)
	for s.err == nil && (s.skip > 0 || len(s.held) <= s.hold) {
		k := len(s.held)
		s.held = append(s.held, make([]int16, len(dst))...)
		n, s.err = s.pcm.Read(s.held[k:])
		s.held = s.held[:k+n&^1]
		drop := min(s.skip, len(s.held))
		s.skip -= drop
		s.held = append(s.held[:0], s.held[drop:]...)
	}
	if n = min(len(dst), max(0, len(s.held)-s.hold)) &^ 1; n > 0 {
		copy(dst, s.held[:n])
		s.held = append(s.held[:0], s.held[n:]...)
		return n, nil
	}
	if s.err != io.EOF {
		return 0, fmt.Errorf("%w: MP3: %w", ErrFormat, s.err)
	}
	return 0, io.EOF
}

func recovered(err *error) {
	if v := recover(); v != nil {
		*err = fmt.Errorf("%w: MP3: %v", ErrFormat, v)
	}
}
