package recorder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// file is what a recording needs of *os.File.
type file interface {
	io.ReadWriteSeeker
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

const partialSuffix = ".part"

// partialName is the hidden name under which path is written, in the same
// folder so that the rename is atomic.
func partialName(path string) string {
	dir, base := filepath.Split(path)
	return dir + "." + base + partialSuffix
}

// finalName is the reverse of partialName.
func finalName(partial string) (path string, ok bool) {
	dir, base := filepath.Split(partial)
	name, hidden := strings.CutPrefix(base, ".")
	name, part := strings.CutSuffix(name, partialSuffix)
	return dir + name, hidden && part && name != ""
}

// create makes the partial file and its folder, and locks it against Recover.
func create(partial string) (file, error) {
	if err := os.MkdirAll(filepath.Dir(partial), 0o750); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(partial, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is being recorded: %w", partial, err), f.Close())
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// publish puts a complete file on disk for good and gives it its name.
func publish(f file, path string) error {
	synced := f.Sync()
	if err := errors.Join(synced, os.Rename(partialName(path), path), f.Close()); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// discard removes the partial file of path.
func discard(path string) error { return os.Remove(partialName(path)) }

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
