package recorder

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hajimehoshi/go-mp3"

	"offhook/media/wav"
)

// smallDisk lets so many bytes through and no more.
type smallDisk struct {
	file
	left int
}

func (d *smallDisk) Write(b []byte) (int, error) {
	n := min(len(b), d.left)
	d.left -= n
	n, err := d.file.Write(b[:n])
	if err == nil && n < len(b) {
		err = syscall.ENOSPC
	}
	return n, err
}

// playable decodes a finished file and gives its length in samples.
func playable(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if strings.HasSuffix(path, ".mp3") {
		d, err := mp3.NewDecoder(f)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, d)
		if err != nil {
			t.Fatal(err)
		}
		return int(n) / 4
	}
	r, err := wav.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	n, pcm := 0, make([]int16, 4096)
	for {
		got, err := r.Read(pcm)
		n += got
		if err == io.EOF {
			return n / r.Header().Channels
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestDiskFullKeepsWhatFits(t *testing.T) {
	for _, name := range []string{"a.wav", "a.mp3"} {
		for _, room := range []int{100, 3001, 20003} {
			o := options(t, name)
			o.Rate, o.Format = 16000, Format(name[2:])
			r, err := start(o, func(path string) (file, error) {
				f, err := create(path)
				return &smallDisk{f, room}, err
			})
			if err != nil {
				if name == "a.mp3" && room == 100 {
					continue // not even the header
				}
				t.Fatal(err)
			}
			for range 500 {
				feed(r, frame(o.Rate, 100), frame(o.Rate, 200))
			}
			<-r.Done()
			got := r.Stop()
			if got.Reason != DiskFull || got.Err == nil || got.Size > int64(room) {
				t.Fatalf("%s, room for %d: %+v", name, room, got)
			}
			if stat, err := os.Stat(o.Path); err != nil || stat.Size() != got.Size {
				t.Fatalf("%s: %v, %v, want %d bytes", name, stat, err, got.Size)
			}
			if room < 1000 {
				continue
			}
			length := time.Duration(playable(t, o.Path)) * time.Second / time.Duration(o.Rate)
			if got.Duration == 0 || length < got.Duration || length > got.Duration+200*time.Millisecond {
				t.Fatalf("%s, room for %d: %v long, result says %v", name, room, length, got.Duration)
			}
		}
	}
}

func TestOtherWriteErrors(t *testing.T) {
	o := options(t, "a.wav")
	r, err := start(o, func(path string) (file, error) {
		f, err := create(path)
		return &failing{f, 0}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		feed(r, frame(o.Rate, 1), nil)
	}
	<-r.Done()
	if got := r.Stop(); got.Reason != WriteError || got.Err == nil || got.Duration != 0 {
		t.Fatalf("result %+v", got)
	}
}

// failing takes the header and nothing else.
type failing struct {
	file
	writes int
}

func (f *failing) Write(b []byte) (int, error) {
	if f.writes++; f.writes > 1 {
		return 0, syscall.EIO
	}
	return f.file.Write(b)
}

func TestStartWithoutAFolderToWriteIn(t *testing.T) {
	o := options(t, "a.wav")
	blocker := o.Path
	if err := os.WriteFile(blocker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.Path = filepath.Join(blocker, "b.wav")
	if r, err := Start(o); err == nil {
		r.Stop()
		t.Fatal("started below a file")
	}
}

const childDir = "OFFHOOK_TEST_RECORD_INTO"

// TestMain is also the process that TestRecoverAfterKill kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		recordUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// counted reports each write.
type counted struct {
	file
	writes chan<- struct{}
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.file.Write(b)
	c.writes <- struct{}{}
	return n, err
}

func recordUntilKilled(dir string) {
	writes := make(chan struct{}, 1000)
	for _, format := range []Format{WAV, MP3} {
		o := Options{Path: filepath.Join(dir, "call", "a."+string(format)), Format: format, Rate: 16000}
		r, err := start(o, func(path string) (file, error) {
			f, err := create(path)
			return &counted{f, writes}, err
		})
		if err != nil {
			os.Exit(3)
		}
		for range 20 * batchFrames {
			feed(r, frame(o.Rate, 1000), frame(o.Rate, -1000))
		}
		for range 7 { // the header and, as a batch may take two writes, three batches
			<-writes
		}
	}
	os.Stdout.WriteString("written\n")
	select {}
}

func TestRecoverAfterKill(t *testing.T) {
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	alive, err := Recover(dir)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // killed, as was meant
	if line != "written\n" || err != nil || len(alive) != 0 {
		t.Fatalf("child said %q; recovered %v, %v while it lived", line, alive, err)
	}
	results, err := Recover(dir)
	if err != nil || len(results) != 2 {
		t.Fatalf("recovered %+v, %v", results, err)
	}
	for _, got := range results {
		stat, err := os.Stat(got.Path)
		if err != nil || stat.Size() != got.Size || got.Reason != Recovered {
			t.Fatalf("%+v: %v", got, err)
		}
		length := time.Duration(playable(t, got.Path)) * time.Second / 16000
		if length < got.Duration || got.Duration < 2*batchFrames*FrameDuration || length > got.Duration+200*time.Millisecond {
			t.Errorf("%s: %v long, result says %v", got.Path, length, got.Duration)
		}
	}
	if again, err := Recover(dir); err != nil || len(again) != 0 {
		t.Fatalf("again: %v, %v", again, err)
	}
}

func TestRecoverLeavesAloneWhatIsNotItsOwn(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	header := string(wav.AppendHeader(nil, 8000, 1, 0))
	write("done.wav", "finished")
	write(".done.wav.part", header+"xx")
	write(".empty.wav.part", "")
	write(".letter.txt.part", "Dear all, this is not a recording at all, whatever its name.")
	write(".other", "")
	write(".torn.wav.part", header+"abc")
	o := options(t, "live.wav")
	o.Path = filepath.Join(dir, "live.wav")
	mustStart(t, o)

	results, err := Recover(dir)
	if len(results) != 1 || filepath.Base(results[0].Path) != "torn.wav" || results[0].Size != wav.HeaderBytes+2 {
		t.Errorf("recovered %+v", results)
	}
	if err == nil || !strings.Contains(err.Error(), "letter") || !strings.Contains(err.Error(), "done.wav") ||
		strings.Contains(err.Error(), "live") {
		t.Errorf("error %v", err)
	}
	left, _ := os.ReadDir(dir)
	var names []string
	for _, entry := range left {
		names = append(names, entry.Name())
	}
	want := []string{".done.wav.part", ".letter.txt.part", ".live.wav.part", ".other", "done.wav", "torn.wav"}
	if !slices.Equal(names, want) {
		t.Errorf("left %q, want %q", names, want)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "done.wav")); !bytes.Equal(b, []byte("finished")) {
		t.Error("a finished recording was replaced")
	}
	if results, err := Recover(filepath.Join(dir, "missing")); err != nil || len(results) != 0 {
		t.Errorf("missing folder: %v, %v", results, err)
	}
}
