package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// file is a WAV file of any header around body.
func file(coding, channels, rate, bits int, size uint32, body []byte, before ...byte) []byte {
	le := binary.LittleEndian
	b := append([]byte("RIFF\x00\x00\x00\x00WAVE"), before...)
	b = append(b, "fmt \x10\x00\x00\x00"...)
	b = le.AppendUint16(b, uint16(coding))
	b = le.AppendUint16(b, uint16(channels))
	b = le.AppendUint32(b, uint32(rate))
	b = le.AppendUint32(b, uint32(rate*channels*bits/8))
	b = le.AppendUint16(b, uint16(channels*bits/8))
	b = le.AppendUint16(b, uint16(bits))
	b = append(b, "data"...)
	return append(le.AppendUint32(b, size), body...)
}

// all reads a file to its end.
func all(r io.Reader) (Header, []int16, error) {
	d, err := NewReader(r)
	if err != nil {
		return Header{}, nil, err
	}
	var out []int16
	buf := make([]int16, 48)
	for {
		n, err := d.Read(buf)
		out = append(out, buf[:n]...)
		if err == io.EOF {
			return d.Header(), out, nil
		}
		if err != nil {
			return d.Header(), out, err
		}
	}
}

func floats(v ...float32) (b []byte) {
	for _, f := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
	}
	return b
}

func TestReads(t *testing.T) {
	extended := file(extensible, 1, 8000, 16, 4, []byte{1, 0, 2, 0})
	extended = append(extended[:36:36], append([]byte("\x16\x00\x10\x00\x04\x00\x00\x00\x01\x00\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"), extended[36:]...)...)
	extended[16] = 40
	for _, c := range []struct {
		name string
		file []byte
		want []int16
	}{
		{"16 bits", file(PCM, 1, 8000, 16, 4, []byte{1, 0, 0xff, 0x7f}), []int16{1, 32767}},
		{"8 bits", file(PCM, 1, 8000, 8, 3, []byte{0, 128, 255}), []int16{-32768, 0, 32512}},
		{"24 bits", file(PCM, 1, 8000, 24, 6, []byte{9, 1, 0, 9, 0xff, 0xff}), []int16{1, -1}},
		{"32 bits", file(PCM, 1, 8000, 32, 4, []byte{9, 9, 2, 0}), []int16{2}},
		{"float", file(Float, 1, 8000, 32, 20, floats(0, 0.5, -2, 2, float32(math.NaN()))), []int16{0, 16384, -32768, 32767, 0}},
		{"µ-law", file(MuLaw, 1, 8000, 8, 2, []byte{0xff, 0x00}), []int16{0, -32124}},
		{"A-law", file(ALaw, 1, 8000, 8, 2, []byte{0xd5, 0x2a}), []int16{8, -32256}},
		{"stereo", file(PCM, 2, 8000, 16, 8, []byte{1, 0, 2, 0, 3, 0, 4, 0}), []int16{1, 2, 3, 4}},
		{"unknown size 0", file(PCM, 1, 8000, 16, 0, []byte{1, 0, 2, 0}), []int16{1, 2}},
		{"unknown size of espeak-ng", file(PCM, 1, 22050, 16, 0x7ffff000, []byte{1, 0, 2, 0}), []int16{1, 2}},
		{"unknown size of ffmpeg", file(PCM, 1, 8000, 16, 0xffffffff, []byte{1, 0, 2, 0}), []int16{1, 2}},
		{"chunk before and after", append(file(PCM, 1, 8000, 16, 2, []byte{1, 0}, []byte("LIST\x03\x00\x00\x00abc\x00")...), "LIST\x02\x00\x00\x00ab"...), []int16{1}},
		{"cut off", file(PCM, 1, 8000, 16, 100, []byte{1, 0, 2}), []int16{1}},
		{"cut off in a stereo frame", file(PCM, 2, 8000, 16, 100, []byte{1, 0, 2, 0, 3, 0}), []int16{1, 2}},
		{"extensible", extended, []int16{1, 2}},
	} {
		for _, r := range []io.Reader{bytes.NewReader(c.file), iotest.OneByteReader(bytes.NewReader(c.file)), iotest.DataErrReader(bytes.NewReader(c.file))} {
			_, got, err := all(r)
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			if len(got) != len(c.want) {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
				continue
			}
			for i := range got {
				if got[i] != c.want[i] {
					t.Errorf("%s: %v, want %v", c.name, got, c.want)
					break
				}
			}
		}
	}
}

func TestRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"text":                 []byte("hello, this is no audio at all"),
		"header alone":         []byte("RIFF\x00\x00\x00\x00WAVE"),
		"audio first":          []byte("RIFF\x00\x00\x00\x00WAVEdata\x00\x00\x00\x00"),
		"ADPCM":                file(2, 1, 8000, 4, 2, []byte{1, 0}),
		"12 bits":              file(PCM, 1, 8000, 12, 2, []byte{1, 0}),
		"no channels":          file(PCM, 0, 8000, 16, 2, []byte{1, 0}),
		"too many channels":    file(PCM, 99, 8000, 16, 2, []byte{1, 0}),
		"no rate":              file(PCM, 1, 0, 16, 2, []byte{1, 0}),
		"huge chunk":           []byte("RIFF\x00\x00\x00\x00WAVEjunk\xff\xff\xff\xff"),
		"tiny format chunk":    []byte("RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00\x01\x00data\x00\x00\x00\x00"),
		"tiny long sizes":      []byte("RF64\xff\xff\xff\xffWAVEds64\x04\x00\x00\x00abcd"),
		"long sizes cut off":   []byte("RF64\xff\xff\xff\xffWAVEds64\x1c\x00\x00\x00abcd"),
		"format chunk cut off": []byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00"),
	} {
		if _, _, err := all(bytes.NewReader(b)); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("line is cut")
	r := io.MultiReader(bytes.NewReader(file(PCM, 1, 8000, 16, 100, []byte{1, 0})), iotest.ErrReader(broken))
	if _, got, err := all(r); !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("%v, error %v", got, err)
	}
}

// TestDoesNotWait gives what is there: a stream's first samples must not wait
// for a full buffer.
func TestDoesNotWait(t *testing.T) {
	pr, pw := io.Pipe()
	defer pw.Close()
	go func() { _, _ = pw.Write(file(PCM, 1, 8000, 16, 0, []byte{1, 0, 2, 0, 3})) }()
	d, err := NewReader(pr)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for n < 2 {
		m, err := d.Read(make([]int16, 1000))
		if err != nil {
			t.Fatal(err)
		}
		n += m
	}
}

func TestWriteReadRepair(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := NewWriter(f, 16000, 2)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := w.Write([]int16{int16(i), int16(-i)}); err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			if err := w.Sync(); err != nil {
				t.Fatal(err)
			}
		}
	}
	check := func(when string, size int64, want string) {
		t.Helper()
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		h, got, err := all(bytes.NewReader(b))
		var s strings.Builder
		for _, v := range got {
			s.WriteString(string(rune('a' + v)))
		}
		if err != nil || h.Bytes != size || h.Channels != 2 || h.Rate != 16000 || s.String() != want {
			t.Errorf("%s: %+v %q %v", when, h, s.String(), err)
		}
		if size := binary.LittleEndian.Uint32(b[4:]); h.Bytes >= 0 && int64(size) != h.Bytes+36 {
			t.Errorf("%s: RIFF size %d", when, size)
		}
	}
	check("after Sync", 8, "aab`")
	if n, _, err := Repair(f); n != 12 || err != nil {
		t.Errorf("Repair: %d, %v", n, err)
	}
	check("after Repair", 12, "aab`c_")
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte{1, 0, 7}); err != nil { // a crash in the middle of a frame
		t.Fatal(err)
	}
	if n, _, err := Repair(f); n != 12 || err != nil {
		t.Errorf("Repair of a half frame: %d, %v", n, err)
	}
	if err := w.Close(); err != nil || w.Bytes() != 12 {
		t.Errorf("Close: %v, %d bytes", err, w.Bytes())
	}
	check("after Close", 12, "aab`c_")
}

func TestRepairRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	for name, b := range map[string][]byte{"text": []byte("this is no audio, not at all, by no means"), "8 bits": file(PCM, 1, 8000, 8, 1, []byte{1})} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Repair(f); !errors.Is(err, ErrFormat) {
			t.Errorf("%s: error is %v", name, err)
		}
		_ = f.Close()
	}
}

// nowhere is a file that only counts.
type nowhere struct{ n int64 }

func (w *nowhere) Write(b []byte) (int, error)        { w.n += int64(len(b)); return len(b), nil }
func (w *nowhere) Seek(o int64, _ int) (int64, error) { return o, nil }

func TestFull(t *testing.T) {
	w, err := NewWriter(&nowhere{}, 8000, 1)
	if err != nil {
		t.Fatal(err)
	}
	w.written = MaxBytes - 3
	if err := w.Write(make([]int16, 2)); !errors.Is(err, ErrFull) {
		t.Errorf("error is %v", err)
	}
	if err := w.Write(make([]int16, 1)); err != nil {
		t.Error(err)
	}
}

// TestGrowsBeyond32Bits writes a file whose header runs out of bits at a hundred
// bytes, in place of four thousand million.
func TestGrowsBeyond32Bits(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "a.wav"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	const most = 100
	w, err := newWriter(f, form{rate: 8000, channels: 2, long: true, most: most})
	if err != nil {
		t.Fatal(err)
	}
	check := func(when, riff, chunk string, bytes int64) {
		t.Helper()
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		h, pcm, err := all(f)
		want := Header{Coding: PCM, Channels: 2, Rate: 8000, Bits: 16, Bytes: bytes}
		if err != nil || h != want || int64(2*len(pcm)) != bytes {
			t.Errorf("%s: %+v with %d samples, %v", when, h, len(pcm), err)
		}
		b := make([]byte, LongHeaderBytes)
		if _, err := f.ReadAt(b, 0); err != nil || string(b[:4]) != riff || string(b[12:16]) != chunk {
			t.Errorf("%s: begins with %q, %v", when, b, err)
		}
		if riff == "RF64" && binary.LittleEndian.Uint64(b[20:]) != uint64(bytes)+LongHeaderBytes-8 {
			t.Errorf("%s: RIFF size %d", when, binary.LittleEndian.Uint64(b[20:]))
		}
	}
	for i := range 15 { // 20 bytes each
		if err := w.Write(make([]int16, 10)); err != nil {
			t.Fatal(err)
		}
		switch err := w.Sync(); {
		case err != nil:
			t.Fatal(err)
		case i == 4:
			check("at the limit", "RIFF", "JUNK", most)
		case i == 5:
			check("over the limit", "RF64", "ds64", most+20)
		}
	}
	// The header as a crash before the limit leaves it.
	if err := w.form.rewrite(f, 0); err != nil {
		t.Fatal(err)
	}
	if size, header, err := repair(f, most); size != 300 || header != LongHeaderBytes || err != nil {
		t.Errorf("repair: %d, %d, %v", size, header, err)
	}
	check("repaired", "RF64", "ds64", 300)
	if err := f.Truncate(LongHeaderBytes + 43); err != nil {
		t.Fatal(err)
	}
	if size, _, err := repair(f, most); size != 40 || err != nil {
		t.Errorf("repair of a short file: %d, %v", size, err)
	}
	check("short again", "RIFF", "JUNK", 40)
}

func TestWriteDoesNotAllocate(t *testing.T) {
	w, err := NewWriter(&nowhere{}, 8000, 2)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, 320)
	if n := testing.AllocsPerRun(100, func() { _ = w.Write(pcm) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func FuzzReader(f *testing.F) {
	f.Add(file(PCM, 1, 8000, 16, 4, []byte{1, 0, 2, 0}))
	f.Add(file(PCM, 2, 48000, 24, 0, []byte{1, 0, 2, 0, 1, 2, 7}))
	f.Add(file(extensible, 1, 8000, 8, 0xffffffff, []byte{1, 0, 2, 0}, []byte("LIST\x03\x00\x00\x00abc\x00")...))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, pcm, err := all(bytes.NewReader(b))
		if err != nil && !errors.Is(err, ErrFormat) {
			t.Errorf("error is %v", err)
		}
		if err == nil && len(pcm)%h.Channels != 0 {
			t.Errorf("%d samples in %d channels", len(pcm), h.Channels)
		}
		if len(pcm) > len(b) {
			t.Errorf("%d samples from %d bytes", len(pcm), len(b))
		}
	})
}
