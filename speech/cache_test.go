package speech

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"offhook/media/audio"
)

// engine speaks a fixed number of samples a text and counts what it was asked.
type engine struct {
	mu    sync.Mutex
	asked map[string]int
	gate  chan struct{} // when not nil: the clip's second half waits for it
	err   error         // of Synthesize
	fail  error         // of the clip
	name  string
}

func (e *engine) Name() string { return e.name }

func (e *engine) Synthesize(_ context.Context, r Request) (*audio.Clip, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.asked == nil {
		e.asked = map[string]int{}
	}
	e.asked[r.Text]++
	if e.err != nil {
		return nil, e.err
	}
	c := audio.NewClip(16000)
	c.Append(make([]int16, 4000))
	go func() {
		if e.gate != nil {
			<-e.gate
		}
		c.Append(make([]int16, 4000))
		c.Close(e.fail)
	}()
	return c, nil
}

func (e *engine) times(text string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked[text]
}

func speak(t *testing.T, c *Cache, text string) *audio.Clip {
	t.Helper()
	clip, err := c.Synthesize(t.Context(), Request{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	return clip
}

func TestCacheSharesOneClip(t *testing.T) {
	e := &engine{gate: make(chan struct{})}
	c := NewCache(e, t.TempDir(), 1<<20)
	clips := make([]*audio.Clip, 500)
	var wg sync.WaitGroup
	for i := range clips {
		wg.Go(func() { clips[i], _ = c.Synthesize(t.Context(), Request{Text: "welcome"}) })
	}
	wg.Wait()
	for i, clip := range clips {
		if clip == nil || clip != clips[0] {
			t.Fatalf("caller %d has a clip of its own", i)
		}
	}
	if n := e.times("welcome"); n != 1 {
		t.Errorf("synthesised %d times", n)
	}
	close(e.gate)
	c.Close()
}

func TestCacheOnDisk(t *testing.T) {
	dir := t.TempDir()
	e := &engine{}
	c := NewCache(e, dir, 1<<20)
	<-speak(t, c, "welcome").Done()
	c.work.Wait()
	c.Close()

	again := NewCache(e, dir, 1<<20)
	defer again.Close()
	clip := speak(t, again, " welcome ")
	if e.times("welcome") != 1 || clip.Samples() != 8000 || clip.Rate() != 16000 {
		t.Errorf("asked %d times, %d samples at %d Hz", e.times("welcome"), clip.Samples(), clip.Rate())
	}
	other := NewCache(&engine{name: "another"}, dir, 1<<20)
	defer other.Close()
	if _, ok := other.disk.load(other.key(Request{Text: "welcome"})); ok {
		t.Error("an engine gets another engine's audio")
	}
}

func TestCacheKeepsItsBound(t *testing.T) {
	dir := t.TempDir()
	c := NewCache(&engine{}, dir, 80000) // four clips of 16,044 bytes
	texts := []string{"a", "b", "c", "d", "e", "f"}
	for _, text := range texts {
		<-speak(t, c, text).Done()
		c.work.Wait() // one after another, so that the order is known
		if text == "d" {
			c.disk.load(c.key(Request{Text: "a"})) // used again: b is the oldest now
		}
	}
	c.Close()
	var size int64
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		fi, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		size += fi.Size()
	}
	if len(files) != 4 || size > 80000 {
		t.Errorf("%d files of %d bytes", len(files), size)
	}
	for text, want := range map[string]bool{"a": true, "b": false, "c": false, "d": true, "e": true, "f": true} {
		if _, err := os.Stat(c.disk.path(c.key(Request{Text: text}))); (err == nil) != want {
			t.Errorf("%s is kept: %v", text, !want)
		}
	}
}

func TestCacheRemovesBrokenFiles(t *testing.T) {
	dir := t.TempDir()
	e := &engine{}
	c := NewCache(e, dir, 1<<20)
	<-speak(t, c, "welcome").Done()
	c.work.Wait()
	c.Close()
	path := c.disk.path(c.key(Request{Text: "welcome"}))
	if err := os.Truncate(path, 9000); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, unfinished+"1"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	again := NewCache(e, dir, 1<<20)
	<-speak(t, again, "welcome").Done()
	again.work.Wait()
	again.Close()
	if fi, err := os.Stat(path); err != nil || fi.Size() != 16044 || e.times("welcome") != 2 {
		t.Errorf("file %v %v, asked %d times", fi, err, e.times("welcome"))
	}
	if _, err := os.Stat(filepath.Join(dir, unfinished+"1")); err == nil {
		t.Error("an unfinished file is left")
	}
}

func TestCacheForgetsFailures(t *testing.T) {
	dir := t.TempDir()
	e := &engine{err: ErrUnavailable}
	c := NewCache(e, dir, 1<<20)
	if _, err := c.Synthesize(t.Context(), Request{Text: "x"}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("error is %v", err)
	}
	e.err, e.fail = nil, errors.New("broke off")
	<-speak(t, c, "x").Done()
	c.work.Wait()
	e.fail = nil
	<-speak(t, c, "x").Done()
	c.Close()
	if n := e.times("x"); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// TestCancelledCallerLeavesTheWork hangs up while the prompt is made: another
// caller who wants it still gets it.
func TestCancelledCallerLeavesTheWork(t *testing.T) {
	e := &engine{gate: make(chan struct{})}
	c := NewCache(e, "", 0)
	defer c.Close()
	ctx, cancel := context.WithCancel(t.Context())
	first, err := c.Synthesize(ctx, Request{Text: "x"})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if second := speak(t, c, "x"); second != first {
		t.Error("the work is done twice")
	}
	close(e.gate)
	if <-first.Done(); first.Err() != nil || first.Samples() != 8000 {
		t.Errorf("%d samples, error %v", first.Samples(), first.Err())
	}
}
