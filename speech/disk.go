package speech

import (
	"container/list"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"offhook/media/audio"
	"offhook/media/wav"
)

// disk keeps complete clips as WAV files named by their key. The files' times
// are when they were last used, so the order outlives a restart.
type disk struct {
	dir string
	max int64

	mu    sync.Mutex
	used  int64
	files map[string]*list.Element // of kept
	lru   *list.List               // newest first
}

type kept struct {
	key  string
	size int64
}

const extension = ".wav"

func openDisk(dir string, maxBytes int64) (*disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	d := &disk{dir: dir, max: maxBytes, files: map[string]*list.Element{}, lru: list.New()}
	var found []fs.FileInfo
	for _, e := range entries {
		switch fi, err := e.Info(); {
		case err != nil || !fi.Mode().IsRegular():
		case strings.HasSuffix(e.Name(), extension):
			found = append(found, fi)
		case strings.HasPrefix(e.Name(), unfinished): // from a crash
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
	slices.SortFunc(found, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, fi := range found {
		d.add(strings.TrimSuffix(fi.Name(), extension), fi.Size())
	}
	return d, nil
}

func (d *disk) path(key string) string { return filepath.Join(d.dir, key+extension) }

// add makes a file the newest and removes the oldest over the bound.
func (d *disk) add(key string, size int64) {
	d.forget(key)
	d.files[key] = d.lru.PushFront(kept{key, size})
	d.used += size
	for d.used > d.max && d.lru.Len() > 0 {
		old := d.lru.Back().Value.(kept)
		d.forget(old.key)
		_ = os.Remove(d.path(old.key))
	}
}

func (d *disk) forget(key string) {
	if e, ok := d.files[key]; ok {
		d.used -= e.Value.(kept).size
		d.lru.Remove(e)
		delete(d.files, key)
	}
}

// load reads a clip. A file that is not what save wrote, such as one cut off
// by a crash of the machine, is removed.
func (d *disk) load(key string) (*audio.Clip, bool) {
	d.mu.Lock()
	e, ok := d.files[key]
	if ok {
		d.lru.MoveToFront(e)
	}
	d.mu.Unlock()
	if !ok {
		return nil, false
	}
	clip, err := d.read(key)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.forget(key)
		_ = os.Remove(d.path(key))
		return nil, false
	}
	now := time.Now()
	_ = os.Chtimes(d.path(key), now, now)
	return clip, true
}

func (d *disk) read(key string) (*audio.Clip, error) {
	f, err := os.Open(d.path(key))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return nil, err
	}
	r, err := wav.NewReader(f)
	if err != nil {
		return nil, err
	}
	if fi.Size() != wav.HeaderBytes+r.Header().Bytes {
		return nil, errors.New("file is cut off")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return audio.Decode(f, extension)
}

// unfinished starts the names of files that are being written.
const unfinished = ".new-"

// save writes a complete clip; the file appears under its name when it is whole.
func (d *disk) save(key string, clip *audio.Clip) error {
	size := wav.HeaderBytes + 2*int64(clip.Samples())
	if size > d.max/4 || clip.Samples() == 0 {
		return nil // not worth what it would drive out
	}
	f, err := os.CreateTemp(d.dir, unfinished)
	if err != nil {
		return err
	}
	err = write(f, clip)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), d.path(key))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return fmt.Errorf("speech cache: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.add(key, size)
	return nil
}

func write(f *os.File, clip *audio.Clip) error {
	w, err := wav.NewWriter(f, clip.Rate(), 1)
	if err != nil {
		return err
	}
	for part := range clip.Parts() {
		if err := w.Write(part); err != nil {
			return err
		}
	}
	return w.Close()
}
