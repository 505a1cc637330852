//go:build linux && (amd64 || arm64)

// Command load measures a whole offhook with calls that carry sound. It starts
// bin/offhook as a child on the loopback, drives it with calls of its own over
// real SIP and RTP, reads the child's processor time and memory from /proc, and
// in between drives a bare packet relay as the yardstick of what the machine
// gives at that moment. It prints a table and the same as JSON.
//
//	go run ./cmd/offhook/load -only relayed,setup -window 6s
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the command's flags.
type options struct {
	binary  string
	only    string
	jsonTo  string
	profile string
	window  time.Duration
	limit   time.Duration
	least   int
	most    int
}

func parseOptions() options {
	var o options
	flag.StringVar(&o.binary, "bin", "bin/offhook", "the server's program")
	flag.StringVar(&o.only, "only", "", "parts to run, separated by commas: "+strings.Join(parts(), ", ")+"; empty: all")
	flag.StringVar(&o.jsonTo, "json", "", "file for the JSON; empty: printed after the table")
	flag.StringVar(&o.profile, "profile", "", "folder for profiles of the server, one pair a case")
	flag.DurationVar(&o.window, "window", 4*time.Second, "how long each case is measured")
	flag.DurationVar(&o.limit, "limit", 6*time.Minute, "the whole is given up after so long")
	flag.IntVar(&o.least, "least", 0, "cases of fewer calls than this are left out")
	flag.IntVar(&o.most, "most", 2000, "cases of more calls than this are left out")
	flag.Parse()
	return o
}

func main() {
	o := parseOptions()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	if err := run(ctx, o); err != nil {
		log.Fatal("load: ", err)
	}
}

// run does the parts in order. A part that fails is reported and does not stop
// the others.
func run(ctx context.Context, o options) error {
	wanted := strings.Split(o.only, ",")
	if o.only == "" {
		wanted = parts()
	}
	for _, name := range wanted {
		if !slices.Contains(parts(), name) {
			return fmt.Errorf("part %q is unknown; there are %s", name, strings.Join(parts(), ", "))
		}
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.close()
	fmt.Println(b.report.Machine)
	var faults []error
	for _, p := range schedule() {
		if !slices.Contains(wanted, p.name) || ctx.Err() != nil {
			continue
		}
		if err := p.run(b, ctx); err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	b.report.Seconds = time.Since(b.began).Seconds()
	fmt.Printf("\n%.0f s in all\n", b.report.Seconds)
	return errors.Join(append(faults, b.writeJSON())...)
}

func (b *bench) writeJSON() error {
	raw, err := json.MarshalIndent(b.report, "", "  ")
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	if b.options.jsonTo == "" {
		_, err = os.Stdout.Write(raw)
		return err
	}
	return os.WriteFile(b.options.jsonTo, raw, 0o644)
}
