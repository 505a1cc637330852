//go:build !unix

package main

import "os"

// lockFile does nothing where there is no flock: two servers on one data_dir
// are then the operator's to avoid.
func lockFile(*os.File) error { return nil }
