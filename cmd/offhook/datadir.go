package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// errInUse is how a folder that another process holds shows.
var errInUse = errors.New("in use")

// dataDir is the data_dir while this process has it for itself. Its file `server`
// names the process and says when it was last known to run, so that calls which
// a crash cut off can be closed with the time that they really took.
type dataDir struct {
	file *os.File
	// lastAlive is when the process before was last known to run; zero: there
	// was none, or it left nothing readable.
	lastAlive time.Time

	closing chan struct{}
	beating sync.WaitGroup
}

// heartbeat is how often the file is written: what the time of a crash is
// uncertain by. It costs one write of some 40 bytes to the page cache.
const heartbeat = time.Second

// openDataDir makes the folder and takes it. A second process is refused before
// it touches anything; one that was killed leaves nothing to clean up, for the
// kernel lifts the lock.
func openDataDir(path string) (*dataDir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, "server"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	before := readPulse(f)
	if err := lockFile(f); err != nil {
		f.Close()
		if errors.Is(err, errInUse) {
			return nil, fmt.Errorf("data_dir %s is in use by another offhook (process %d): stop it, or give this one a data_dir of its own", path, before.process)
		}
		return nil, fmt.Errorf("data_dir %s cannot be locked: %w", path, err)
	}
	d := &dataDir{file: f, lastAlive: before.alive, closing: make(chan struct{})}
	if err := d.beat(); err != nil {
		f.Close()
		return nil, fmt.Errorf("data_dir: %w", err)
	}
	return d, nil
}

// pulse is what the file says.
type pulse struct {
	process int
	alive   time.Time
}

// readPulse reads the file; what cannot be read is zero.
func readPulse(f *os.File) (p pulse) {
	text := make([]byte, 64)
	n, _ := f.ReadAt(text, 0)
	var alive string
	if _, err := fmt.Sscan(string(text[:n]), &p.process, &alive); err != nil {
		return pulse{}
	}
	p.alive, _ = time.Parse(time.RFC3339Nano, alive)
	return p
}

// beat writes that this process runs. The line has a fixed length: a write that
// a crash cuts short leaves the one before, or a mixture that is not read.
func (d *dataDir) beat() error {
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000000Z")
	_, err := d.file.WriteAt(fmt.Appendf(nil, "%-10d %s\n", os.Getpid(), now), 0)
	return err
}

// keepBeating writes until Close, on a goroutine of its own. failed is told of a
// file that cannot be written, once.
func (d *dataDir) keepBeating(failed func(error)) {
	d.beating.Go(func() {
		tick := time.NewTicker(heartbeat)
		defer tick.Stop()
		for told := false; ; {
			select {
			case <-d.closing:
				return
			case <-tick.C:
			}
			if err := d.beat(); err != nil && !told {
				told = true
				failed(err)
			}
		}
	})
}

// Close gives the folder back.
func (d *dataDir) Close() error {
	close(d.closing)
	d.beating.Wait()
	return d.file.Close()
}
