package api

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"offhook/store"
)

// targetsCSV is a file of n targets with data for the flow.
func targetsCSV(n int) string {
	var csv strings.Builder
	csv.WriteString("name,detail,data,destination_0,destination_1\n")
	for i := range n {
		fmt.Fprintf(&csv, "Person %d,customer,\"{\"\"balance\"\": %d}\",+1555%07d,\n", i, i, i)
	}
	return csv.String()
}

// BenchmarkImport imports 20,000 targets by CSV, while somebody else writes as
// calls do: rows/s is what the import runs at, ms/write-p99 and ms/write-max how
// long the others waited for the store.
func BenchmarkImport(b *testing.B) {
	const n = 20_000
	csv := targetsCSV(n)
	var waits []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		s := newBench(b)
		s.post("/v1.0/outdials", `{"id":"list"}`).ok()
		over, written := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(written)
			for {
				select {
				case <-over:
					return
				case <-time.After(5 * time.Millisecond):
				}
				start := time.Now()
				if err := s.db.Write(b.Context(), func(*store.Tx) error { return nil }); err != nil {
					b.Error(err)
				}
				waits = append(waits, time.Since(start))
			}
		}()
		s.do(http.MethodPost, "/v1.0/outdials/list/targets", csv, "Content-Type", "text/csv").ok().has(fmt.Sprintf(`{"imported":%d}`, n))
		close(over)
		<-written
	}
	b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
	slices.Sort(waits)
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(milliseconds(waits[len(waits)*99/100]), "ms/write-p99")
	b.ReportMetric(milliseconds(waits[len(waits)-1]), "ms/write-max")
}
