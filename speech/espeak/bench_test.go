package espeak

import (
	"testing"

	"offhook/speech"
)

// BenchmarkFirstAudio is from the request to the first samples of a text of
// some 20 s, and to its end.
func BenchmarkFirstAudio(b *testing.B) {
	e := New(Options{})
	if err := e.Check(b.Context()); err != nil {
		b.Skip(err)
	}
	text := ""
	for range 5 {
		text += "Thank you for calling. All our agents are busy at the moment; please stay on the line. "
	}
	for name, whole := range map[string]bool{"first": false, "whole": true} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				c, err := e.Synthesize(b.Context(), speech.Request{Text: text})
				if err != nil {
					b.Fatal(err)
				}
				if whole {
					<-c.Done()
				}
				b.StopTimer()
				<-c.Done()
				b.StartTimer()
			}
		})
	}
}
