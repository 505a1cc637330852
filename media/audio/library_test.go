package audio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"offhook/media/wav"
	"offhook/outbound"
)

// wave is a WAV file of n samples at 8 kHz.
func wave(n int) []byte {
	b := wav.AppendHeader(nil, 8000, 1, int64(2*n))
	for i := range n {
		b = binary.LittleEndian.AppendUint16(b, uint16(i))
	}
	return b
}

func newLibrary(t *testing.T, cfg LibraryConfig) *Library {
	t.Helper()
	if cfg.Client == nil {
		cfg.Client = outbound.NewClient(outbound.Policy{AllowPrivate: true, MaxBytes: 1 << 20})
	}
	l := NewLibrary(cfg)
	t.Cleanup(l.Close)
	return l
}

func open(t *testing.T, l *Library, ref string) *Clip {
	t.Helper()
	c, err := l.Open(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	<-c.Done()
	return c
}

func TestFiles(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	for path, n := range map[string]int{
		filepath.Join(dir, "welcome.wav"): 1000, filepath.Join(dir, "sub", "b.wav"): 500, filepath.Join(outside, "secret.wav"): 100,
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, wave(n), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(outside, "secret.wav"), filepath.Join(dir, "link.wav")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.wav"), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLibrary(t, LibraryConfig{Roots: []string{t.TempDir(), dir}})
	for ref, n := range map[string]int{
		"welcome.wav": 1000, "sub/b.wav": 500, filepath.Join(dir, "welcome.wav"): 1000, "file://" + filepath.Join(dir, "sub", "b.wav"): 500,
	} {
		if c := open(t, l, ref); c.Samples() != n || c.Err() != nil {
			t.Errorf("%s: %d samples, %v", ref, c.Samples(), c.Err())
		}
	}
	for _, ref := range []string{
		filepath.Join(outside, "secret.wav"), "../" + filepath.Base(outside) + "/secret.wav", "link.wav", "sub", "pipe.wav",
		"missing.wav", "", "/", "file://otherhost/welcome.wav", "ftp://127.0.0.1/a.wav", "sub/../../x.wav",
	} {
		if c, err := l.Open(t.Context(), ref); err == nil {
			t.Errorf("%s: opened, %d samples", ref, c.Samples())
		}
	}
	if c, err := l.OpenPath(t.Context(), filepath.Join(outside, "secret.wav")); err != nil || c.Samples() == 0 {
		t.Errorf("a path of the program's own: %v", err)
	}
	if _, err := l.Open(t.Context(), filepath.Join(outside, "secret.wav")); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("opened before by the program: %v", err)
	}
	if _, err := l.OpenPath(t.Context(), filepath.Join(dir, "pipe.wav")); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := l.Open(t.Context(), "missing.wav"); !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, ErrNotAllowed) {
		t.Errorf("missing: %v", err)
	}
}

func TestFileIsSharedUntilItChanges(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.wav")
	if err := os.WriteFile(path, wave(1000), 0o600); err != nil {
		t.Fatal(err)
	}
	l := newLibrary(t, LibraryConfig{Roots: []string{dir}})
	first := open(t, l, "a.wav")
	if open(t, l, "a.wav") != first {
		t.Error("decoded twice")
	}
	if err := os.WriteFile(path, wave(2000), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := open(t, l, "a.wav"); c == first || c.Samples() != 2000 {
		t.Error("a changed file is not read anew")
	}
}

func TestURLs(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch r.URL.Path {
		case "/a.wav":
			w.Header().Set("ETag", `"1"`)
			if r.Header.Get("If-None-Match") == `"1"` {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			_, _ = w.Write(wave(1000))
		case "/moved.wav":
			http.Redirect(w, r, "/a.wav", http.StatusFound)
		case "/big.wav":
			_, _ = w.Write(wave(1 << 20))
		case "/page.wav":
			fmt.Fprint(w, "<html>please log in</html>")
		case "/empty.wav":
			_, _ = w.Write(wave(0))
		case "/cut.wav":
			w.Header().Set("Content-Length", "16044")
			_, _ = w.Write(wave(8000)[:10000])
			panic(http.ErrAbortHandler)
		default:
			http.NotFound(w, r)
		}
	}))
	defer s.Close()
	l := newLibrary(t, LibraryConfig{Fresh: time.Nanosecond})
	first := open(t, l, s.URL+"/a.wav")
	if first.Samples() != 1000 || open(t, l, s.URL+"/a.wav") != first || asked.Load() != 2 {
		t.Errorf("%d samples, asked %d times", first.Samples(), asked.Load())
	}
	if c := open(t, l, s.URL+"/moved.wav"); c.Samples() != 1000 {
		t.Errorf("moved: %d samples", c.Samples())
	}
	if c := open(t, l, s.URL+"/cut.wav"); c.Err() == nil {
		t.Error("a response that was cut off looks complete")
	}
	if c := open(t, l, s.URL+"/big.wav"); !errors.Is(c.Err(), outbound.ErrTooLarge) {
		t.Errorf("too big: %v", c.Err())
	}
	small := newLibrary(t, LibraryConfig{MaxBytes: 2000})
	if c := open(t, small, s.URL+"/big.wav"); !errors.Is(c.Err(), outbound.ErrTooLarge) {
		t.Errorf("too big for the library: %v", c.Err())
	}
	for path, want := range map[string]error{"/page.wav": ErrFormat, "/empty.wav": ErrFormat, "/missing.wav": nil} {
		if _, err := l.Open(t.Context(), s.URL+path); err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: error is %v", path, err)
		}
	}
	closed := newLibrary(t, LibraryConfig{Client: outbound.NewClient(outbound.Policy{})})
	if _, err := closed.Open(t.Context(), s.URL+"/a.wav"); !errors.Is(err, outbound.ErrForbidden) {
		t.Errorf("private address: error is %v", err)
	}
}

// TestOpenStreamsAndShares holds the rest of the file back: all callers get the
// same clip at its first audio, and one request is made.
func TestOpenStreamsAndShares(t *testing.T) {
	var asked atomic.Int64
	rest := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		b := wave(9000)
		_, _ = w.Write(b[:8000])
		w.(http.Flusher).Flush()
		<-rest
		_, _ = w.Write(b[8000:])
	}))
	defer s.Close()
	l := newLibrary(t, LibraryConfig{})
	clips := make([]*Clip, 50)
	var wg sync.WaitGroup
	for i := range clips {
		wg.Go(func() { clips[i], _ = l.Open(t.Context(), s.URL+"/a.wav") })
	}
	wg.Wait()
	for _, c := range clips {
		if c == nil || c != clips[0] || c.Samples() == 0 || c.Samples() > 4000 {
			t.Fatalf("clip %v", c)
		}
	}
	close(rest)
	if <-clips[0].Done(); clips[0].Samples() != 9000 || asked.Load() != 1 {
		t.Errorf("%d samples, asked %d times", clips[0].Samples(), asked.Load())
	}
}

func TestOpenGivesUp(t *testing.T) {
	stop := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer s.Close()
	defer close(stop)
	l := NewLibrary(LibraryConfig{Client: outbound.NewClient(outbound.Policy{AllowPrivate: true})})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Open(ctx, s.URL+"/a.wav"); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	l.Close()
}

func TestCacheBound(t *testing.T) {
	c := NewCache(50000)
	var played *Clip
	for i := range 10 {
		clip := complete(8000, count(0, 10000)) // 20,000 bytes
		if i == 0 {
			played = clip
		}
		c.Store(fmt.Sprint(i), clip)
	}
	if n := c.Bytes(); n != 40000 {
		t.Errorf("%d bytes are held", n)
	}
	runtime.GC()
	if clip, ok := c.Load("0"); !ok || clip != played {
		t.Error("a clip that is played is not found")
	}
	runtime.KeepAlive(played)
	if _, ok := c.Load("5"); ok {
		t.Error("a clip that nobody plays is still there")
	}
	if _, ok := c.Load("9"); !ok {
		t.Error("the newest is gone")
	}
	c.Delete("9", played)
	if _, ok := c.Load("9"); !ok {
		t.Error("deleted for another clip's sake")
	}
	if clip, _ := c.Load("9"); clip != nil {
		c.Delete("9", clip)
	}
	if _, ok := c.Load("9"); ok {
		t.Error("not deleted")
	}
}

// TestSourceKeepsItsClip: the clip stays known while only a resampled player
// holds on to it.
func TestSourceKeepsItsClip(t *testing.T) {
	c := NewCache(0)
	c.Store("a", complete(16000, count(0, 1000)))
	clip, _ := c.Load("a")
	s := clip.Source(8000)
	clip = nil
	c.Store("b", complete(8000, nil)) // drives a out
	runtime.GC()
	if _, ok := c.Load("a"); !ok {
		t.Error("lost while it is played")
	}
	runtime.KeepAlive(s)
}
