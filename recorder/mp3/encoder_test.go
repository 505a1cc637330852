package mp3

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	gomp3 "github.com/hajimehoshi/go-mp3"
)

// decodeGo decodes in memory; the result is always stereo, of all frames, the
// header frame among them.
func decodeGo(t testing.TB, stream []byte) []int16 {
	t.Helper()
	d, err := gomp3.NewDecoder(bytes.NewReader(stream))
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := io.ReadAll(d)
	if err != nil {
		t.Fatal(err)
	}
	return samples(pcm)
}

// encodeChunks encodes into memory, size samples at a time.
func encodeChunks(t testing.TB, c Config, pcm []int16, size int) []byte {
	t.Helper()
	var b bytes.Buffer
	e, err := NewEncoder(&b, c)
	if err != nil {
		t.Fatal(err)
	}
	for len(pcm) > 0 {
		n := min(size, len(pcm))
		if err := e.Write(pcm[:n]); err != nil {
			t.Fatal(err)
		}
		pcm = pcm[n:]
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if e.Size() != int64(b.Len()) {
		t.Fatalf("Size says %d, wrote %d", e.Size(), b.Len())
	}
	return b.Bytes()
}

func everyConfig() (all []Config) {
	for _, rate := range SampleRates() {
		for _, channels := range []int{1, 2} {
			for _, kilobits := range []int{16, 32, 160} {
				c := Config{rate, channels, 1000 * kilobits}
				if _, err := newFormat(c); err == nil {
					all = append(all, c)
				}
			}
		}
	}
	return all
}

func (c Config) String() string {
	return fmt.Sprintf("%dHz_%dch_%dk", c.SampleRate, c.Channels, c.BitRate/1000)
}

// hard are signals at the edges of what an encoder meets.
func hard(c Config) map[string][]int16 {
	n := c.SampleRate * c.Channels / 4
	random := rand.New(rand.NewPCG(5, 6))
	make := func(f func(i int) float64) []int16 {
		pcm := make([]int16, n)
		for i := range pcm {
			pcm[i] = int16(max(-32768, min(32767, f(i))))
		}
		return pcm
	}
	return map[string][]int16{
		"nothing":   nil,
		"silence":   make(func(int) float64 { return 0 }),
		"least":     make(func(i int) float64 { return float64(i % 2) }),
		"square":    make(func(i int) float64 { return 1e6 * math.Sin(float64(i)/7) }),
		"noise":     make(func(int) float64 { return 32767 * (2*random.Float64() - 1) }),
		"constant":  make(func(int) float64 { return -32768 }),
		"clicks":    make(func(i int) float64 { return 1e6 * float64(1-min(1, i%1777)) }),
		"alternate": make(func(i int) float64 { return 1e6 * float64(1-2*(i%2)) }),
		"tone":      make(func(i int) float64 { return 20000 * math.Sin(2*math.Pi*1000*float64(i)/float64(c.SampleRate)) }),
		"onset":     make(func(i int) float64 { return float64(i*2/n) * 30000 * math.Sin(float64(i)/3) }),
	}
}

func TestHardSignalsDecode(t *testing.T) {
	for _, c := range everyConfig() {
		t.Run(c.String(), func(t *testing.T) {
			var all []byte
			for name, pcm := range hard(c) {
				stream := encodeChunks(t, c, pcm, 1000)
				got := decodeGo(t, stream)
				if want := len(pcm) / c.Channels; len(got)/2 < want+delay+decoderDelay {
					t.Errorf("%s: %d samples decoded, want at least %d", name, len(got)/2, want)
				}
				all = append(all, stream...)
			}
			path := filepath.Join(t.TempDir(), "all.mp3")
			if err := os.WriteFile(path, all, 0o600); err != nil {
				t.Fatal(err)
			}
			run(t, nil, "ffmpeg", "-v", "error", "-xerror", "-err_detect", "explode", "-i", path, "-f", "null", "-")
		})
	}
}

// At a rate that leaves the quantiser little to do what is left is the error
// of the filterbanks and of the decoder's 16 bits.
func TestFilterbankIsExact(t *testing.T) {
	for _, c := range []Config{{16000, 1, 160000}, {48000, 1, 320000}} {
		pcm := make([]int16, 2*c.SampleRate)
		for i := range pcm {
			at := float64(i) / float64(c.SampleRate)
			pcm[i] = int16(8000*math.Sin(2*math.Pi*440*at) + 6000*math.Sin(2*math.Pi*1733*at+1))
		}
		if db, lag := snr(pcm, decode(t, encode(t, c, pcm)), 1); db < 70 || lag != 0 {
			t.Errorf("%v: %.1f dB at a lag of %d", c, db, lag)
		}
	}
}

func TestLengthIsExact(t *testing.T) {
	for _, c := range []Config{{16000, 1, 24000}, {16000, 2, 64000}, {22050, 1, 32000}, {44100, 2, 128000}} {
		for _, n := range []int{9000, 9001, 9216, 44444} {
			pcm := make([]int16, n*c.Channels)
			if got := len(decode(t, encode(t, c, pcm))) / c.Channels; got != n {
				t.Errorf("%v: %d samples became %d", c, n, got)
			}
		}
	}
}

func TestGoDecoderHearsTheSame(t *testing.T) {
	for _, c := range []Config{{16000, 1, 32000}, {16000, 2, 64000}, {24000, 1, 48000}, {32000, 2, 96000}} {
		pcm := conversation(t, c.SampleRate)
		if c.Channels == 1 {
			pcm = speech(t, "en-us", c.SampleRate)
		}
		path := encode(t, c, pcm)
		stream, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got := decodeGo(t, stream)
		if c.Channels == 1 {
			for i := range len(got) / 2 {
				got[i] = got[2*i]
			}
			got = got[:len(got)/2]
		}
		f, err := newFormat(c)
		if err != nil {
			t.Fatal(err)
		}
		// It plays the header frame, and trims nothing.
		ours := snrAt(pcm, got, c.Channels*(f.frameSamples()+delay+decoderDelay))
		theirs, _ := snr(pcm, decode(t, path), c.Channels)
		if math.Abs(ours-theirs) > 0.2 {
			t.Errorf("%v: %.1f dB in go-mp3, %.1f dB in ffmpeg", c, ours, theirs)
		}
	}
}

func TestChunksDoNotMatter(t *testing.T) {
	c := Config{SampleRate: 16000, Channels: 2}
	pcm := conversation(t, c.SampleRate)[:100000]
	want := encodeChunks(t, c, pcm, len(pcm))
	for _, size := range []int{1, 7, 640, 1153} {
		if !bytes.Equal(encodeChunks(t, c, pcm, size), want) {
			t.Errorf("chunks of %d make another stream", size)
		}
	}
}

func TestADeadEncoderLeavesAReadableFile(t *testing.T) {
	for _, c := range []Config{{16000, 1, 32000}, {22050, 2, 64000}} {
		pcm := conversation(t, c.SampleRate)
		stream := encodeChunks(t, c, pcm, 4000) // memory: the header stays as it was begun
		for _, cut := range []int{len(stream) / 2, len(stream)/2 + 1, len(stream)/2 + 77, len(stream)} {
			path := filepath.Join(t.TempDir(), "torn.mp3")
			if err := os.WriteFile(path, stream[:cut], 0o600); err != nil {
				t.Fatal(err)
			}
			length := len(decodeAt(t, path, "fatal")) / c.Channels
			f, err := os.OpenFile(path, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			r, err := Repair(f)
			if err != nil {
				t.Fatal(err)
			}
			if err := f.Truncate(r.Size); err != nil {
				t.Fatal(err)
			}
			repaired := int64(len(decode(t, path)) / c.Channels)
			if repaired != r.Samples || r.Size > int64(cut) || r.Size < int64(cut)-300 {
				t.Errorf("%v cut at %d: %+v, decodes to %d", c, cut, r, repaired)
			}
			if math.Abs(float64(length)-float64(repaired)) > 4*granule {
				t.Errorf("%v cut at %d: %d samples before repair, %d after", c, cut, length, repaired)
			}
		}
	}
}

func TestRepairRefusesWhatIsNotOurs(t *testing.T) {
	for _, content := range []string{"", "x", "RIFF....WAVEfmt and so on", "\xff\xf3\x00\x00", "\xff\xf3\x48\xc4 torn"} {
		path := filepath.Join(t.TempDir(), "a")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if r, err := Repair(f); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %+v, %v", content, r, err)
		}
	}
}

// seekOnly hides the WriteAt of a file.
type seekOnly struct{ io.WriteSeeker }

func TestHeaderIsRewrittenThroughSeek(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mp3")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	e, err := NewEncoder(seekOnly{f}, Config{SampleRate: 16000, Channels: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(e.Write(make([]int16, 12345)), e.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	if got := len(decode(t, path)); got != 12345 || e.Samples() != 12345 {
		t.Errorf("%d samples, Samples says %d", got, e.Samples())
	}
	if err := e.Write([]int16{1}); !errors.Is(err, ErrClosed) {
		t.Errorf("Write after Close: %v", err)
	}
}

// brittle fails after some bytes.
type brittle struct{ left int }

var errBroken = errors.New("broken")

func (b *brittle) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	if n < len(p) {
		return n, errBroken
	}
	return n, nil
}

func TestWriterErrorsAreFinal(t *testing.T) {
	c := Config{SampleRate: 16000, Channels: 1, BitRate: 32000}
	if _, err := NewEncoder(&brittle{10}, c); !errors.Is(err, errBroken) {
		t.Errorf("NewEncoder: %v", err)
	}
	e, err := NewEncoder(&brittle{1000}, c)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 100000)
	if err := e.Write(pcm); !errors.Is(err, errBroken) {
		t.Errorf("Write: %v", err)
	}
	if err := e.Write(pcm); !errors.Is(err, errBroken) {
		t.Errorf("Write again: %v", err)
	}
	if e.Size() != 6*144 || e.Samples() != 5*granule-delay-decoderDelay {
		t.Errorf("Size %d, Samples %d", e.Size(), e.Samples())
	}
	if err := e.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close: %v", err)
	}
}

func TestBadConfigs(t *testing.T) {
	for _, c := range []Config{
		{8000, 1, 32000},
		{16000, 0, 32000},
		{16000, 3, 32000},
		{16000, 1, 8000},
		{16000, 1, 33000},
		{16000, 1, 32001},
		{48000, 1, 24000},
		{16000, 2, 320000},
		{},
	} {
		if _, err := NewEncoder(io.Discard, c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestNoAllocationPerFrame(t *testing.T) {
	for _, c := range []Config{{16000, 1, 32000}, {16000, 2, 64000}, {44100, 2, 128000}} {
		e, err := NewEncoder(io.Discard, c)
		if err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(1, 2))
		pcm := make([]int16, 2*granule*c.Channels)
		for i := range pcm {
			pcm[i] = int16(random.IntN(20000))
		}
		if n := testing.AllocsPerRun(200, func() { _ = e.Write(pcm) }); n != 0 {
			t.Errorf("%v: %v allocations a frame", c, n)
		}
	}
}

// A code that is complete and free of prefixes leaves no word unused; a
// mistyped one does.
func TestCodeWordsAreComplete(t *testing.T) {
	for table := range codeWords {
		seen := map[word]bool{}
		sum := 0.0
		for _, w := range words[table] {
			if w.length > 0 {
				sum += math.Exp2(-float64(w.length))
				for l := w.length; l > 0; l-- {
					if seen[word{w.bits >> (w.length - l), l}] {
						t.Errorf("table %d: %b is not free of prefixes", table, w.bits)
					}
				}
				seen[w] = true
			}
		}
		if sum != 1 {
			t.Errorf("table %d: the words fill %v of the code space", table, sum)
		}
	}
}

// FuzzEncode feeds any samples in any chunks; what comes out must be whole
// frames that decode.
func FuzzEncode(f *testing.F) {
	f.Add(uint8(0), uint16(100), []byte{0, 1, 2, 3})
	f.Add(uint8(9), uint16(1), bytes.Repeat([]byte{0xff, 0x7f, 0, 0x80}, 3000))
	f.Add(uint8(30), uint16(2000), bytes.Repeat([]byte{1, 0, 0xff, 0xff, 0x33, 0x40}, 2000))
	configs := everyConfig()
	f.Fuzz(func(t *testing.T, choice uint8, chunk uint16, raw []byte) {
		c := configs[int(choice)%len(configs)]
		pcm := samples(raw)
		stream := encodeChunks(t, c, pcm, int(chunk)+1)
		want := len(pcm)/c.Channels + delay + decoderDelay
		if got := len(decodeGo(t, stream)) / 2; got < want || got > want+3*2*granule {
			t.Errorf("%v: %d samples decoded, want about %d", c, got, want)
		}
	})
}

// memoryFile is a file of fixed length.
type memoryFile []byte

func (m memoryFile) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(m).ReadAt(p, at)
}

func (m memoryFile) WriteAt(p []byte, at int64) (int, error) {
	n := copy(m[min(at, int64(len(m))):], p)
	if n < len(p) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

// FuzzRepair is given anything; what it calls whole must decode.
func FuzzRepair(f *testing.F) {
	for _, c := range []Config{{16000, 1, 32000}, {44100, 2, 128000}} {
		f.Add(encodeChunks(f, c, hard(c)["noise"][:4000], 500))
	}
	f.Add([]byte("\xff\xf3\x48\xc4"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := Repair(memoryFile(raw))
		if err != nil {
			return
		}
		if r.Size > int64(len(raw)) || r.Samples < 0 || r.Samples > 1152*r.Size {
			t.Fatalf("%d bytes: %+v", len(raw), r)
		}
		if again, err := Repair(memoryFile(raw[:r.Size])); err != nil || again != r {
			t.Fatalf("%+v, then %+v, %v", r, again, err)
		}
	})
}
