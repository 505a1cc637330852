package amd

import (
	"encoding/binary"
	"testing"
)

// FuzzDetector takes any samples, cut anyhow: the verdict is one of those
// there are, in time, and the same as in one piece.
func FuzzDetector(f *testing.F) {
	f.Add([]byte("\x00\x10\xff\xef"), uint8(80))
	f.Add(make([]byte, 4000), uint8(1))
	f.Fuzz(func(t *testing.T, seed []byte, cut uint8) {
		if len(seed) < 2 {
			return
		}
		var pcm []int16
		for i := 0; len(pcm) < 6*rate; i += 2 {
			pcm = append(pcm, int16(binary.LittleEndian.Uint16([]byte{seed[i%len(seed)], seed[(i+1)%len(seed)]})))
		}
		want := detect(pcm, Config{})
		d := New(rate, Config{})
		n := int(cut) + 1
		for rest := pcm; len(rest) > 0; rest = rest[min(n, len(rest)):] {
			d.Write(rest[:min(n, len(rest))])
		}
		if got := d.Finish(); got != want {
			t.Errorf("in pieces of %d: %+v, whole: %+v", n, got, want)
		}
		switch want.Result {
		case Human, Machine, NotSure, Fax, SIT, Silence:
		default:
			t.Errorf("result %q", want.Result)
		}
		if want.DecidedAt < 0 || want.DecidedAt > at(frames(Defaults().Limit)) {
			t.Errorf("decided at %s", want.DecidedAt)
		}
	})
}
