package mp3

import (
	"fmt"
	"io"
	"testing"
	"time"
)

// BenchmarkEncode tells how many times faster than the speech itself one core
// encodes it.
func BenchmarkEncode(b *testing.B) {
	for _, c := range []Config{{16000, 1, 32000}, {16000, 2, 64000}, {48000, 2, 128000}} {
		b.Run(fmt.Sprintf("%dHz_%dch", c.SampleRate, c.Channels), func(b *testing.B) {
			pcm := conversation(b, c.SampleRate)
			if c.Channels == 1 {
				pcm = speech(b, "en-us", c.SampleRate)
			}
			e, err := NewEncoder(io.Discard, c)
			if err != nil {
				b.Fatal(err)
			}
			second := c.SampleRate * c.Channels
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				at := i % (len(pcm) / second) * second
				if err := e.Write(pcm[at : at+second]); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)*float64(time.Second)/float64(b.Elapsed()), "x-real-time")
		})
	}
}
