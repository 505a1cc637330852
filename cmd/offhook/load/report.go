//go:build linux && (amd64 || arm64)

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// report is the JSON.
type report struct {
	Machine string   `json:"machine"`
	Seconds float64  `json:"seconds"`
	Cases   []result `json:"cases"`
	Setups  []setup  `json:"setups"`
	Leaks   *leaks   `json:"leaks,omitempty"`
}

// result is a case of calls that stay up. Processor times are milliseconds for
// each second of a call, delays milliseconds.
type result struct {
	Name      string  `json:"name"`
	Calls     int     `json:"calls"`
	CPU       float64 `json:"cpu"`
	Yardstick float64 `json:"yardstick,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	Bar       float64 `json:"bar,omitempty"`
	KBPerCall float64 `json:"kb_per_call"`      // resident memory, garbage included
	HeapKB    float64 `json:"heap_kb_per_call"` // in use, after a garbage collection
	StackKB   float64 `json:"stack_kb_per_call"`
	Delivered float64 `json:"delivered"` // of what the server should send, 1 is all
	P50       float64 `json:"p50,omitempty"`
	P99       float64 `json:"p99,omitempty"`
	YardP50   float64 `json:"yardstick_p50,omitempty"`
	YardP99   float64 `json:"yardstick_p99,omitempty"`
	Routines  float64 `json:"goroutines_per_call"`
	Others    float64 `json:"others_cores"` // what other programs took of the machine
	Load      string  `json:"load_average"`
}

// yard is what the bare relay took.
type yard struct{ CPU, P50, P99 float64 }

const head = "\n%-16s %5s %8s %7s %6s %5s %8s %6s %6s %6s %7s %7s %6s %6s %6s  %s\n"

func (r result) printHead() {
	fmt.Printf(head, "calls that stay", "calls", "ms/call-s", "bare", "ratio", "bar", "KB RSS", "heap", "stack", "sent", "p50 ms", "p99 ms", "bare99", "gor", "others", "load")
}

func (r result) print() {
	fmt.Printf("%-16s %5d %9.3f %7s %6s %5s %8.1f %6.1f %6.1f %5.1f%% %7s %7s %6s %6.2f %6.2f  %s\n", r.Name, r.Calls, r.CPU, number(r.Yardstick),
		number(r.Ratio), number(r.Bar), r.KBPerCall, r.HeapKB, r.StackKB, 100*r.Delivered, number(r.P50), number(r.P99), number(r.YardP99), r.Routines, r.Others, r.Load)
}

func number(v float64) string {
	if v == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", v)
}

// describeMachine says where this was measured.
func describeMachine() string {
	model := "unknown processor"
	if raw, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if strings.HasPrefix(line, "model name") {
				_, model, _ = strings.Cut(strings.TrimSpace(line), ": ")
				break
			}
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return fmt.Sprintf("%s, %d cores, Linux %s, %s, %s, load average %s", model, runtime.NumCPU(),
		bytes.TrimSpace(kernel), runtime.Version(), time.Now().UTC().Format("2006-01-02 15:04 MST"), loadAverage())
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	return strings.Join(strings.Fields(string(raw))[:3], " ")
}

// busy is the processor time that the whole machine has spent on programs.
func busy() time.Duration {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	var user, nice, system, idle, iowait, irq, soft int64
	if _, err := fmt.Sscanf(first, "cpu %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &soft); err != nil {
		return 0
	}
	return time.Duration(user+nice+system+irq+soft) * tick
}
