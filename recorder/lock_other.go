//go:build !unix

package recorder

import "os"

// lock does nothing where there is no flock; Recover must then run before the
// first Start.
func lock(*os.File) error { return nil }
