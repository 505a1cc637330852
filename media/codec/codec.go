// Package codec encodes and decodes the audio formats that offhook carries in
// RTP: PCMU and PCMA (G.711) and G722, by the names and payload types of
// RFC 3551.
package codec

import "strings"

// Format describes an RTP audio format.
type Format struct {
	Name        string // encoding name as in an SDP rtpmap, in upper case
	PayloadType uint8  // static payload type of RFC 3551 section 6
	ClockRate   int    // RTP timestamp units a second; 8000 for G722 (RFC 3551 section 4.5.2)
	SampleRate  int    // PCM samples a second; 16000 for G722
}

// The static formats of RFC 3551.
var (
	pcmu = Format{Name: "PCMU", PayloadType: 0, ClockRate: 8000, SampleRate: 8000}
	pcma = Format{Name: "PCMA", PayloadType: 8, ClockRate: 8000, SampleRate: 8000}
	g722 = Format{Name: "G722", PayloadType: 9, ClockRate: 8000, SampleRate: 16000}
)

// Lookup finds a format by its encoding name in any case; false when offhook
// does not speak it.
func Lookup(name string) (Format, bool) {
	for _, f := range [...]Format{pcmu, pcma, g722} {
		if strings.EqualFold(f.Name, name) {
			return f, true
		}
	}
	return Format{}, false
}

// Formats lists every format that Lookup knows.
func Formats() []Format { return []Format{pcmu, pcma, g722} }

// Encoder turns PCM into the payload of one direction of one leg. It keeps
// state between calls, is not for concurrent use and allocates nothing.
type Encoder interface {
	// Encode writes the payload of pcm, any multiple of 2.5 ms, to dst and
	// returns the bytes written. It stops early when dst is full.
	Encode(dst []byte, pcm []int16) int
}

// Decoder turns the payload of one direction of one leg into PCM. It keeps
// state between calls, is not for concurrent use and allocates nothing.
type Decoder interface {
	// Decode writes the samples of payload to dst and returns the samples
	// written. It stops early when dst is full. Every payload is valid.
	Decode(dst []int16, payload []byte) int
}

// NewEncoder makes an encoder in its initial state, nil for a format that did
// not come from Lookup.
func (f Format) NewEncoder() Encoder {
	switch f.Name {
	case pcmu.Name:
		return &companding{encode: &ulawEncode, decode: &ulawDecode}
	case pcma.Name:
		return &companding{encode: &alawEncode, decode: &alawDecode}
	case g722.Name:
		return newG722Encoder()
	}
	return nil
}

// NewDecoder makes a decoder in its initial state, nil for a format that did
// not come from Lookup.
func (f Format) NewDecoder() Decoder {
	switch f.Name {
	case pcmu.Name:
		return &companding{encode: &ulawEncode, decode: &ulawDecode}
	case pcma.Name:
		return &companding{encode: &alawEncode, decode: &alawDecode}
	case g722.Name:
		return newG722Decoder()
	}
	return nil
}

// Samples is the number of PCM samples that n bytes of payload hold. All
// formats here carry 64 kbit/s, so a byte is always 125 µs.
func (f Format) Samples(n int) int { return n * f.SampleRate / 8000 }
