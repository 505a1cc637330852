package recorder

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// BenchmarkRecording writes many recordings at once and tells the CPU
// milliseconds, of the clock's side and the writing goroutines together, that
// one second of one recorded call costs.
func BenchmarkRecording(b *testing.B) {
	for _, test := range []struct {
		format Format
		rate   int
		calls  int
	}{{WAV, 8000, 1}, {WAV, 8000, 500}, {WAV, 16000, 500}, {MP3, 16000, 100}} {
		b.Run(fmt.Sprintf("%s_%dHz_%d", test.format, test.rate, test.calls), func(b *testing.B) {
			dir := b.TempDir()
			calls := make([]*Recording, test.calls)
			for i := range calls {
				o := options(b, "")
				o.Path = filepath.Join(dir, fmt.Sprintf("%d.%s", i, test.format))
				o.Format, o.Rate = test.format, test.rate
				calls[i] = mustStart(b, o)
			}
			said, heard := frame(test.rate, 700), frame(test.rate, -700)
			before := cpuTime(b)
			b.ReportAllocs()
			for b.Loop() {
				for range 50 {
					for _, r := range calls {
						feed(r, said, heard)
					}
				}
			}
			var dropped int64
			for _, r := range calls {
				dropped += r.Stop().Dropped
			}
			spent := cpuTime(b) - before
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(b.N*test.calls), "cpu-ms/call-s")
			if dropped > 0 {
				b.Errorf("%d frames dropped", dropped)
			}
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
