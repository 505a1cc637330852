package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"syscall"
)

// startProfile writes what the process does into a folder, for
// `go tool pprof`: cpu.pprof until stop, and at each SIGUSR1 the memory in use
// and the goroutines of that moment.
func startProfile(dir string, log *slog.Logger) (stop func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	runtime.MemProfileRate = 16 << 10
	cpu, err := os.Create(filepath.Join(dir, "cpu.pprof"))
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, errors.Join(fmt.Errorf("profile: %w", err), cpu.Close())
	}
	asked, over := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(asked, syscall.SIGUSR1)
	go func() {
		defer close(over)
		for range asked {
			if err := errors.Join(writeProfile(dir, "heap"), writeProfile(dir, "goroutine")); err != nil {
				log.Error("profile", "error", err)
			}
		}
	}()
	return func() error {
		signal.Stop(asked)
		close(asked)
		<-over
		pprof.StopCPUProfile()
		return cpu.Close()
	}, nil
}

func writeProfile(dir, name string) error {
	f, err := os.Create(filepath.Join(dir, name+".pprof"))
	if err != nil {
		return err
	}
	runtime.GC() // the heap's profile is as of the last collection
	return errors.Join(pprof.Lookup(name).WriteTo(f, 0), f.Close())
}
