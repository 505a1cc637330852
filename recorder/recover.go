package recorder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"offhook/recorder/mp3"
)

// Recover completes the recordings that a killed process left unfinished in
// dir and the folders below it: what had been written gets a true header and
// its final name. Recordings under way, in this process or another, are left
// alone. A file that cannot be made whole is left as it is and told in the
// error; the others are recovered all the same. A dir that is not there holds
// nothing.
func Recover(dir string) ([]Result, error) {
	var results []Result
	var faults []error
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			if path == dir && errors.Is(err, fs.ErrNotExist) {
				return fs.SkipAll
			}
			faults = append(faults, err)
			return nil
		}
		final, ok := finalName(path)
		if !ok || !entry.Type().IsRegular() {
			return nil
		}
		switch result, err := recoverFile(path, final); {
		case errors.Is(err, errBusy), errors.Is(err, errNothing):
		case err != nil:
			faults = append(faults, fmt.Errorf("recorder: recover %s: %w", path, err))
		default:
			results = append(results, result)
		}
		return nil
	})
	return results, errors.Join(append(faults, err)...)
}

var (
	errBusy    = errors.New("being recorded")
	errNothing = errors.New("nothing was recorded")
	errNotOurs = errors.New("not an unfinished recording")
)

func recoverFile(partial, final string) (Result, error) {
	f, err := os.OpenFile(partial, os.O_RDWR, 0)
	if err != nil {
		return Result{}, err
	}
	if err := lock(f); err != nil {
		return Result{}, errors.Join(errBusy, f.Close())
	}
	if err := claim(f, final); err != nil {
		return Result{}, errors.Join(err, f.Close())
	}
	samples, size, rate, err := mend(f)
	if err != nil {
		return Result{}, errors.Join(err, f.Close())
	}
	if err := publish(f, final); err != nil {
		return Result{}, err
	}
	return Result{Path: final, Duration: durationOf(samples, rate), Size: size, Reason: Recovered}, nil
}

// durationOf is the time that samples take; weeks of them too, which in
// nanoseconds times the rate are more than 64 bits.
func durationOf(samples int64, rate int) time.Duration {
	whole, rest := samples/int64(rate), samples%int64(rate)
	return time.Duration(whole)*time.Second + time.Duration(rest)*time.Second/time.Duration(rate)
}

// claim refuses to take the name of a finished file, and removes a partial
// file whose process died before it wrote anything.
func claim(f *os.File, final string) error {
	if _, err := os.Lstat(final); err == nil {
		return fmt.Errorf("%s is there already", final)
	}
	stat, err := f.Stat()
	if err != nil {
		return err
	}
	if stat.Size() == 0 {
		return errors.Join(errNothing, os.Remove(f.Name()))
	}
	return nil
}

// mend makes the header of an unfinished file true and cuts off a torn end.
func mend(f *os.File) (samples, size int64, rate int, err error) {
	var magic [4]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil {
		return 0, 0, 0, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	if string(magic[:]) == "RIFF" {
		return mendWAV(f)
	}
	r, err := mp3.Repair(f)
	if err != nil {
		return 0, 0, 0, fmt.Errorf("%w: %w", errNotOurs, err)
	}
	return r.Samples, r.Size, r.SampleRate, f.Truncate(r.Size)
}
