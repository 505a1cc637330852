package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"offhook/outbound"
)

// ErrNotAllowed is wrapped by errors about references that the library does
// not open: other schemes, files outside its roots.
var ErrNotAllowed = errors.New("audio reference is not allowed")

// LibraryConfig sets a library's bounds; zero values give the defaults.
type LibraryConfig struct {
	Roots       []string      // directories whose files may be opened; none: no files
	Client      *http.Client  // for URLs, made by outbound.NewClient; nil: public addresses only
	Timeout     time.Duration // to fetch and decode one file; 0: 60 s
	MaxBytes    int64         // of an encoded file; 0: 64 MiB
	MaxDuration time.Duration // of a clip; 0: 30 minutes
	CacheBytes  int64         // of decoded clips that nobody plays; 0: 64 MiB
	Fresh       time.Duration // for how long a URL's clip is not asked for again; 0: 5 minutes
}

// Library opens audio by reference and shares what is decoded. Safe for
// concurrent use.
type Library struct {
	cfg    LibraryConfig
	cache  *Cache
	flight singleflight.Group
	ctx    context.Context
	cancel context.CancelFunc
	decode sync.WaitGroup // background decoders

	mu     sync.Mutex
	stamps map[string]stamp // by reference, of cached clips
}

// stamp is what tells whether a cached clip still stands.
type stamp struct {
	etag, modified string    // of the HTTP response
	checked        time.Time // when a URL was last asked
	size           int64     // of a file
	changed        time.Time // of a file
}

// NewLibrary makes a library. Close it after use.
func NewLibrary(cfg LibraryConfig) *Library {
	cfg.Timeout = orElse(cfg.Timeout, time.Minute)
	cfg.MaxBytes = orElse(cfg.MaxBytes, 64<<20)
	cfg.MaxDuration = orElse(cfg.MaxDuration, 30*time.Minute)
	cfg.CacheBytes = orElse(cfg.CacheBytes, 64<<20)
	cfg.Fresh = orElse(cfg.Fresh, 5*time.Minute)
	if cfg.Client == nil {
		cfg.Client = outbound.NewClient(outbound.Policy{Timeout: cfg.Timeout, MaxBytes: cfg.MaxBytes})
	}
	l := &Library{cfg: cfg, cache: NewCache(cfg.CacheBytes), stamps: map[string]stamp{}}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

func orElse[T comparable](v, instead T) T {
	var zero T
	if v == zero {
		return instead
	}
	return v
}

// Close stops what is being decoded and waits for it.
func (l *Library) Close() {
	l.cancel()
	l.decode.Wait()
}

// Open gives the clip of an http or https URL, or of a file under one of the
// roots (an absolute path, a file URL, or a path relative to a root). It
// returns as soon as the first audio is decoded; the clip goes on growing, and
// a later failure is the clip's Err. Callers with the same reference share one
// clip. Cancelling ctx ends the wait, not the work that others may share.
// Errors wrap ErrNotAllowed, ErrFormat, ErrTooLong, outbound.ErrForbidden,
// outbound.ErrTooLarge, fs.ErrNotExist or the context's.
func (l *Library) Open(ctx context.Context, ref string) (*Clip, error) {
	return l.share(ctx, "ref "+ref, func() (*Clip, error) { return l.open(ref) })
}

// OpenPath is Open for a file that the program itself names, such as a
// recording: the roots do not matter. No path from outside may come here.
func (l *Library) OpenPath(ctx context.Context, path string) (*Clip, error) {
	return l.share(ctx, "path "+path, func() (*Clip, error) {
		f, st, err := openIn(filepath.Dir(path), filepath.Base(path))
		if err != nil {
			return nil, fmt.Errorf("audio: %w", err)
		}
		return l.openFound(path, f, st)
	})
}

// share makes callers who ask for the same at the same time wait for one.
func (l *Library) share(ctx context.Context, key string, open func() (*Clip, error)) (*Clip, error) {
	ch := l.flight.DoChan(key, func() (any, error) { return open() })
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("audio: %w", context.Cause(ctx))
	case r := <-ch:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*Clip), nil
	}
}

func (l *Library) open(ref string) (*Clip, error) {
	if i := strings.Index(ref, "://"); i > 0 {
		switch strings.ToLower(ref[:i]) {
		case "http", "https":
			return l.openURL(ref)
		case "file":
			u, err := url.Parse(ref)
			if err != nil || (u.Host != "" && u.Host != "localhost") {
				return nil, fmt.Errorf("%w: not a local file URL", ErrNotAllowed)
			}
			return l.openFile(ref, u.Path)
		default:
			return nil, fmt.Errorf("%w: scheme %q; http, https and file are", ErrNotAllowed, ref[:i])
		}
	}
	return l.openFile(ref, ref)
}

func (l *Library) openURL(ref string) (*Clip, error) {
	old, known := l.cache.Load(ref)
	st := l.stamp(ref)
	if known && time.Since(st.checked) < l.cfg.Fresh {
		return old, nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.Timeout)
	res, err := l.request(ctx, ref, st, known)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("audio: %w", err)
	}
	switch {
	case known && res.StatusCode == http.StatusNotModified:
		_ = res.Body.Close()
		cancel()
		st.checked = time.Now()
		l.setStamp(ref, st)
		return old, nil
	case res.StatusCode != http.StatusOK:
		_ = res.Body.Close()
		cancel()
		return nil, fmt.Errorf("audio: %s answered %s", res.Request.URL.Redacted(), res.Status)
	}
	l.setStamp(ref, stamp{etag: res.Header.Get("ETag"), modified: res.Header.Get("Last-Modified"), checked: time.Now()})
	hint := res.Header.Get("Content-Type")
	if strings.HasSuffix(strings.ToLower(res.Request.URL.Path), ".mp3") {
		hint = ".mp3"
	}
	return l.start(ref, res.Body, hint, cancel)
}

func (l *Library) request(ctx context.Context, ref string, st stamp, known bool) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ref, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "audio/wav, audio/mpeg, audio/*;q=0.5")
	if known && st.etag != "" {
		req.Header.Set("If-None-Match", st.etag)
	}
	if known && st.modified != "" {
		req.Header.Set("If-Modified-Since", st.modified)
	}
	return l.cfg.Client.Do(req)
}

// openFile opens inside a root only; symbolic links may not lead out of it.
func (l *Library) openFile(ref, path string) (*Clip, error) {
	for _, dir := range l.cfg.Roots {
		name := path
		if filepath.IsAbs(path) {
			rel, err := filepath.Rel(dir, path)
			if err != nil || !filepath.IsLocal(rel) {
				continue
			}
			name = rel
		}
		if !filepath.IsLocal(name) {
			continue
		}
		f, st, err := openIn(dir, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("audio: %w", err)
		}
		return l.openFound(ref, f, st)
	}
	return nil, fmt.Errorf("%w: no file %q in the audio directories: %w", ErrNotAllowed, path, fs.ErrNotExist)
}

func openIn(dir, name string) (*os.File, stamp, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, stamp{}, err
	}
	defer root.Close()
	fi, err := root.Stat(name)
	if err != nil {
		return nil, stamp{}, err
	}
	if !fi.Mode().IsRegular() { // before opening: a pipe would block
		return nil, stamp{}, fmt.Errorf("%w: %s is not a file", ErrNotAllowed, name)
	}
	f, err := root.Open(name)
	return f, stamp{size: fi.Size(), changed: fi.ModTime()}, err
}

func (l *Library) openFound(ref string, f *os.File, st stamp) (*Clip, error) {
	if c, ok := l.cache.Load(ref); ok && l.stamp(ref) == st {
		_ = f.Close()
		return c, nil
	}
	if st.size > l.cfg.MaxBytes {
		_ = f.Close()
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are taken", outbound.ErrTooLarge, ref, st.size, l.cfg.MaxBytes)
	}
	l.setStamp(ref, st)
	return l.start(ref, f, f.Name(), func() {})
}

// start decodes in the background and returns with the first audio. It closes
// body and calls release when all is read.
func (l *Library) start(ref string, body io.ReadCloser, hint string, release func()) (*Clip, error) {
	end := func() { _ = body.Close(); release() }
	d, err := NewDecoder(outbound.Limit(body, l.cfg.MaxBytes), hint)
	if err != nil {
		end()
		return nil, fmt.Errorf("audio: %s: %w", redacted(ref), err)
	}
	first := make([]int16, 2048)
	n, err := d.Read(first)
	if err != nil && n == 0 {
		end()
		return nil, fmt.Errorf("audio: %s: %w", redacted(ref), notEOF(err))
	}
	c := NewClip(d.Rate())
	c.Append(first[:n])
	l.cache.Store(ref, c)
	l.decode.Go(func() {
		defer end()
		if err := d.CopyTo(c, l.cfg.MaxDuration); err != nil {
			l.cache.Delete(ref, c)
		}
	})
	return c, nil
}

func notEOF(err error) error {
	if err == io.EOF {
		return fmt.Errorf("%w: no samples", ErrFormat)
	}
	return err
}

// redacted hides a password in a URL.
func redacted(ref string) string {
	if u, err := url.Parse(ref); err == nil {
		return u.Redacted()
	}
	return ref
}

func (l *Library) stamp(ref string) stamp {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stamps[ref]
}

// maxStamps bounds the stamps; without one a clip is fetched again.
const maxStamps = 10000

func (l *Library) setStamp(ref string, st stamp) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.stamps) >= maxStamps {
		clear(l.stamps)
	}
	l.stamps[ref] = st
}
