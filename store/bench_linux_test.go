package store_test

import (
	"context"
	"syscall"
	"testing"
	"time"

	"offhook/store"
)

// BenchmarkPaced writes 300 calls a second, evenly, and reports how much of a
// core that takes, the preparation of rows and events included. An op is a
// second.
func BenchmarkPaced(b *testing.B) {
	for name, fresh := range databases {
		b.Run(name, func(b *testing.B) {
			db := open(b, store.Options{URL: fresh(b)})
			tick := time.NewTicker(time.Second / 300)
			defer tick.Stop()
			before := cpu(b)
			for b.Loop() {
				for range 300 {
					<-tick.C
					oneCall(db)
				}
			}
			if err := db.Flush(context.Background()); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric((cpu(b)-before).Seconds()/b.Elapsed().Seconds(), "cores")
			c := db.Counters()
			b.ReportMetric(float64(c.Jobs)/float64(c.Commits), "jobs/commit")
		})
	}
}

// cpu is what the process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
