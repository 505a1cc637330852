//go:build unix

package recorder

import (
	"os"
	"syscall"
)

// lock keeps Recover, of this process or another, away from a file that is
// still being written. The kernel lifts it when the file is closed or its
// process dies.
func lock(f *os.File) error {
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
}
