package codec

import (
	"math"
	"testing"

	"github.com/zaf/g711"
)

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		name      string
		want      string
		pt        uint8
		clock, hz int
	}{
		{"PCMU", "PCMU", 0, 8000, 8000},
		{"pcma", "PCMA", 8, 8000, 8000},
		{"g722", "G722", 9, 8000, 16000},
		{"G729", "", 0, 0, 0},
		{"", "", 0, 0, 0},
	} {
		f, ok := Lookup(c.name)
		if ok != (c.want != "") || f.Name != c.want || f.PayloadType != c.pt || f.ClockRate != c.clock || f.SampleRate != c.hz {
			t.Errorf("Lookup(%q) = %+v, %v", c.name, f, ok)
		}
	}
	if (Format{}).NewEncoder() != nil || (Format{}).NewDecoder() != nil {
		t.Error("a format from nowhere has a codec")
	}
}

// TestG711Tables holds the tables to the functions for every sample and byte.
func TestG711Tables(t *testing.T) {
	for name, f := range map[string]struct {
		encode func(int16) uint8
		decode func(uint8) int16
	}{
		"PCMU": {g711.EncodeUlawFrame, g711.DecodeUlawFrame},
		"PCMA": {g711.EncodeAlawFrame, g711.DecodeAlawFrame},
	} {
		format, _ := Lookup(name)
		pcm := make([]int16, 1<<16)
		for i := range pcm {
			pcm[i] = int16(i)
		}
		payload := make([]byte, len(pcm))
		format.NewEncoder().Encode(payload, pcm)
		for i, s := range pcm {
			if want := f.encode(s); payload[i] != want {
				t.Fatalf("%s: %d encodes to %#x, want %#x", name, s, payload[i], want)
			}
		}
		out := make([]int16, 256)
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		format.NewDecoder().Decode(out, all)
		for i, s := range out {
			if want := f.decode(byte(i)); s != want {
				t.Fatalf("%s: %#x decodes to %d, want %d", name, i, s, want)
			}
		}
	}
}

// TestSizes encodes and decodes frames of 2.5 to 60 ms and full buffers.
func TestSizes(t *testing.T) {
	for _, f := range Formats() {
		enc, dec := f.NewEncoder(), f.NewDecoder()
		for _, ms := range []float64{2.5, 5, 10, 20, 30, 60} {
			pcm := make([]int16, int(ms*float64(f.SampleRate)/1000))
			payload := make([]byte, 1000)
			n := enc.Encode(payload, pcm)
			if n != int(ms*8) || f.Samples(n) != len(pcm) {
				t.Errorf("%s: %v ms is %d bytes", f.Name, ms, n)
			}
			out := make([]int16, 2000)
			if m := dec.Decode(out, payload[:n]); m != len(pcm) {
				t.Errorf("%s: %v ms is %d samples again", f.Name, ms, m)
			}
		}
		if n := enc.Encode(make([]byte, 10), make([]int16, 1000)); n != 10 {
			t.Errorf("%s: %d bytes in a buffer of 10", f.Name, n)
		}
		if n := dec.Decode(make([]int16, 20), make([]byte, 1000)); n != 20 {
			t.Errorf("%s: %d samples in a buffer of 20", f.Name, n)
		}
	}
}

// TestQuality measures what a tone keeps through each codec.
func TestQuality(t *testing.T) {
	for name, least := range map[string]float64{"PCMU": 35, "PCMA": 35, "G722": 38} {
		f, _ := Lookup(name)
		pcm := make([]int16, f.SampleRate)
		for i := range pcm {
			pcm[i] = int16(8000 * math.Sin(2*math.Pi*1000*float64(i)/float64(f.SampleRate)))
		}
		payload, out := make([]byte, 8000), make([]int16, len(pcm))
		f.NewEncoder().Encode(payload, pcm)
		f.NewDecoder().Decode(out, payload)
		delay := 0
		if name == "G722" {
			delay = 22 // of both mirror filters
		}
		var signal, noise float64
		for i := 1000; i < len(pcm); i++ {
			s, d := float64(pcm[i-delay]), float64(out[i])-float64(pcm[i-delay])
			signal, noise = signal+s*s, noise+d*d
		}
		if snr := 10 * math.Log10(signal/noise); snr < least {
			t.Errorf("%s: signal to noise %.1f dB", name, snr)
		} else {
			t.Logf("%s: signal to noise %.1f dB", name, snr)
		}
	}
}

func TestNoAllocation(t *testing.T) {
	for _, f := range Formats() {
		enc, dec := f.NewEncoder(), f.NewDecoder()
		pcm, payload := make([]int16, f.SampleRate/50), make([]byte, 160)
		if n := testing.AllocsPerRun(100, func() { enc.Encode(payload, pcm); dec.Decode(pcm, payload) }); n != 0 {
			t.Errorf("%s: %v allocations a frame", f.Name, n)
		}
	}
}

// BenchmarkFrame is 20 ms.
func BenchmarkFrame(b *testing.B) {
	for _, f := range Formats() {
		pcm, payload := make([]int16, f.SampleRate/50), make([]byte, 160)
		for i := range pcm {
			pcm[i] = int16(5000 * math.Sin(float64(i)))
		}
		b.Run(f.Name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			enc := f.NewEncoder()
			for b.Loop() {
				enc.Encode(payload, pcm)
			}
		})
		b.Run(f.Name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			dec := f.NewDecoder()
			for b.Loop() {
				dec.Decode(pcm, payload)
			}
		})
	}
}
