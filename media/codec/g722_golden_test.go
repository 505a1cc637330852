package codec

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"
)

// speech is three and a half seconds of a sentence in G.722.
func speech(t testing.TB) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/speech.g722")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestG722Golden holds what speech decodes and encodes to, bit for bit, to what
// the straightforward form of the Recommendation gave, which ffmpeg agrees with.
// It needs no oracle at hand.
func TestG722Golden(t *testing.T) {
	in := speech(t)
	pcm := make([]int16, 2*len(in))
	enc, dec := g722.NewEncoder(), g722.NewDecoder()
	out := make([]byte, len(in))
	for at := 0; at < len(in); at += 160 { // in frames, as calls do
		end := min(at+160, len(in))
		dec.Decode(pcm[2*at:2*end], in[at:end])
		enc.Encode(out[at:end], pcm[2*at:2*end])
	}
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"decoded": {littleEndian(pcm), "834d384365d86e39c2cd21b421930ff031a102fbd3b1fcce45add187aa8b36cb"},
		"encoded": {out, "db681d22409f737a183df26bfacbfd4bbfcf0ab7e7d451fec8cf45c581789d2d"},
	} {
		sum := sha256.Sum256(c.got)
		if got := hex.EncodeToString(sum[:]); got != c.want {
			t.Errorf("%s speech has the hash %s, want %s", name, got, c.want)
		}
	}
}
