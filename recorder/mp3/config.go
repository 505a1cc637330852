// Package mp3 encodes speech and music as MPEG-1 and MPEG-2 Layer III (ISO
// 11172-3, ISO 13818-3) at a constant bit rate, with a bit reservoir and an
// Info header that tells players the length.
package mp3

import (
	"errors"
	"fmt"
	"slices"
)

// Config says what an Encoder is given and what it makes of it.
type Config struct {
	// SampleRate in Hz: 16000, 22050 or 24000 (MPEG-2), 32000, 44100 or
	// 48000 (MPEG-1).
	SampleRate int
	// Channels is 1 or 2.
	Channels int
	// BitRate in bit/s, one of the standard's for the rate, at least 16,000;
	// 0 takes 32,000 for each channel.
	BitRate int
}

// ErrConfig is wrapped by the errors of NewEncoder that the Config caused.
var ErrConfig = errors.New("mp3: bad configuration")

// Validate gives the error that NewEncoder would give for the Config.
func (c Config) Validate() error {
	_, err := newFormat(c)
	return err
}

// SampleRates lists the sampling rates that NewEncoder accepts, ascending.
func SampleRates() []int { return []int{16000, 22050, 24000, 32000, 44100, 48000} }

// format is what a Config and each frame's header say, in the standard's
// codes.
type format struct {
	sampleRate, channels, bitRate int

	lsf        bool // MPEG-2, lower sampling frequencies
	rateIndex  int  // sampling_frequency
	bitIndex   int  // bitrate_index
	granules   int  // in a frame
	sideBytes  int
	bandsLong  *[23]int
	bandsShort *[14]int
}

var (
	ratesLSF  = [3]int{22050, 24000, 16000}
	ratesMPEG = [3]int{44100, 48000, 32000}
	// bit rates in kbit/s by bitrate_index, from 1 on.
	kilobitsLSF  = [14]int{8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}
	kilobitsMPEG = [14]int{32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320}
)

const minBitRate = 16000

func newFormat(c Config) (format, error) {
	f := format{sampleRate: c.SampleRate, channels: c.Channels, bitRate: c.BitRate}
	if c.Channels != 1 && c.Channels != 2 {
		return f, fmt.Errorf("%w: %d channels, not 1 or 2", ErrConfig, c.Channels)
	}
	if f.bitRate == 0 {
		f.bitRate = 32000 * c.Channels
	}
	f.lsf = c.SampleRate < 32000
	rates, kilobits := &ratesMPEG, &kilobitsMPEG
	if f.lsf {
		rates, kilobits = &ratesLSF, &kilobitsLSF
	}
	f.rateIndex = slices.Index(rates[:], c.SampleRate)
	if f.rateIndex < 0 {
		return f, fmt.Errorf("%w: sampling rate %d Hz is none of %v", ErrConfig, c.SampleRate, SampleRates())
	}
	f.bitIndex = 1 + slices.Index(kilobits[:], f.bitRate/1000)
	if f.bitIndex == 0 || f.bitRate%1000 != 0 || f.bitRate < minBitRate {
		return f, fmt.Errorf("%w: bit rate %d bit/s is none of %v kbit/s", ErrConfig, f.bitRate, kilobits)
	}
	f.layOut()
	return f, nil
}

// layOut fills in what follows from the version and the channels.
func (f *format) layOut() {
	f.granules, f.sideBytes = 2, 17+15*(f.channels-1)
	if f.lsf {
		f.granules, f.sideBytes = 1, 9+8*(f.channels-1)
	}
	bands := &bandsMPEG[f.rateIndex]
	if f.lsf {
		bands = &bandsLSF[f.rateIndex]
	}
	f.bandsLong, f.bandsShort = &bands.long, &bands.short
}

const headerBytes = 4

// header is the four bytes that begin each frame (2.4.1.3): no CRC, original.
func (f *format) header(padded bool) [headerBytes]byte {
	h := [headerBytes]byte{0xff, 0xf3, byte(f.bitIndex<<4 | f.rateIndex<<2), 0x04}
	if !f.lsf {
		h[1] = 0xfb
	}
	if padded {
		h[2] |= 2
	}
	if f.channels == 1 {
		h[3] |= 3 << 6
	}
	return h
}

// frameBytes is the length of a frame with its header.
func (f *format) frameBytes(padded bool) int {
	n := f.granules * granule / 8 * f.bitRate / f.sampleRate
	if padded {
		n++
	}
	return n
}

// samples in a frame, of each channel.
func (f *format) frameSamples() int { return f.granules * granule }

// maxReservoir is what main_data_begin can point back, in bytes.
func (f *format) maxReservoir() int {
	if f.lsf {
		return 255
	}
	return 511
}

// parseHeader is the reverse of header.
func parseHeader(h [headerBytes]byte) (f format, padded, ok bool) {
	version := h[1] & 0xfe
	if h[0] != 0xff || version != 0xf2 && version != 0xfa {
		return f, false, false
	}
	c := Config{Channels: 2}
	if h[3]>>6 == 3 {
		c.Channels = 1
	}
	bit, rate := int(h[2]>>4), int(h[2]>>2&3)
	if bit < 1 || bit > 14 || rate > 2 {
		return f, false, false
	}
	if version == 0xf2 {
		c.SampleRate, c.BitRate = ratesLSF[rate], 1000*kilobitsLSF[bit-1]
	} else {
		c.SampleRate, c.BitRate = ratesMPEG[rate], 1000*kilobitsMPEG[bit-1]
	}
	f, err := newFormat(c)
	return f, h[2]&2 != 0, err == nil
}
