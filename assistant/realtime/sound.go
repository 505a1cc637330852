package realtime

import (
	"encoding/base64"
	"encoding/binary"

	"offhook/media/codec"
	"offhook/media/resample"
	"offhook/speech/stt"
)

// format is how sound travels: G.711 µ-law, or 16 bits at 24 kHz. It encodes
// for one goroutine at a time.
type format struct {
	rate    int
	law     codec.Format
	encoder codec.Encoder // nil: 16 bits
	down    *resample.Resampler
}

func formatOf(wide bool) format {
	if wide {
		return format{rate: 24000}
	}
	law, _ := codec.Lookup("PCMU")
	return format{rate: 8000, law: law, encoder: law.NewEncoder()}
}

// describe is the format as the protocol names it.
func (f *format) describe() map[string]any {
	if f.encoder == nil {
		return map[string]any{"type": "audio/pcm", "rate": f.rate}
	}
	return map[string]any{"type": "audio/pcmu"}
}

// begin starts a new stretch of sound.
func (f *format) begin() { f.down = resample.New(stt.Rate, f.rate) }

// encode turns sound of stt.Rate into what is sent.
func (f *format) encode(pcm []int16) string {
	out := make([]int16, f.down.Len(len(pcm)))
	out = out[:f.down.Process(out, pcm)]
	if f.encoder != nil {
		raw := make([]byte, len(out))
		return base64.StdEncoding.EncodeToString(raw[:f.encoder.Encode(raw, out)])
	}
	raw := make([]byte, 0, 2*len(out))
	for _, v := range out {
		raw = binary.LittleEndian.AppendUint16(raw, uint16(v))
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// decode turns what came into samples; a sample that is cut in two is lost.
func (f *format) decode(text string) ([]int16, error) {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, err
	}
	if f.encoder != nil {
		pcm := make([]int16, len(raw))
		return pcm[:f.law.NewDecoder().Decode(pcm, raw)], nil
	}
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm, nil
}
