package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"offhook/amd"
	"offhook/media/wav"
)

// amdCommand runs the answering machine detector on files.
type amdCommand struct {
	Limit      time.Duration `default:"5s" help:"The verdict is due then, counted from the first sample."`
	Thresholds string        `help:"Thresholds as a JSON object, as in the action amd; stronger than their options." placeholder:"JSON"`
	amd.Config `embed:"" group:"Thresholds"`
	Files      []string `arg:"" name:"file.wav" help:"What the callee says from the answer on: WAV of 8 to 48 kHz; of several channels the first is heard."`
}

// amdLine is the line for one file. Times are in ms from the first sample, -1
// where there is none.
type amdLine struct {
	File          string       `json:"file"`
	Result        amd.Result   `json:"result"`
	Cause         string       `json:"cause"`
	DecidedAtMS   int64        `json:"decided_at_ms"`
	GreetingEndMS int64        `json:"greeting_end_ms"`
	BeepAtMS      int64        `json:"beep_at_ms"`
	BeepEndMS     int64        `json:"beep_end_ms"`
	BeepHz        float64      `json:"beep_hz"`
	Features      amd.Features `json:"features"`
}

// Run prints a line for each file, in order. A file that is no WAV file is told
// of on stderr, and the rest goes on.
func (c amdCommand) Run(p program) error {
	config := amd.Defaults()
	for _, t := range amd.Thresholds() {
		if value, ok := c.Config.Value(t.Name); ok && t.Name != "limit_ms" {
			if err := config.Set(t.Name, value); err != nil {
				return err
			}
		}
	}
	config = config.WithLimit(c.Limit)
	if err := config.Override(json.RawMessage(c.Thresholds)); err != nil {
		return err
	}
	out, bad := json.NewEncoder(p.stdout), 0
	for _, name := range c.Files {
		v, err := detectFile(name, config)
		if err != nil {
			fmt.Fprintf(p.stderr, "offhook: %s: %v\n", name, err)
			bad++
			continue
		}
		if err := out.Encode(lineOf(name, v)); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d files could not be read", bad, len(c.Files))
	}
	return nil
}

func lineOf(name string, v amd.Verdict) amdLine {
	ms := func(d time.Duration) int64 {
		if d < 0 {
			return -1
		}
		return d.Milliseconds()
	}
	l := amdLine{
		File: name, Result: v.Result, Cause: v.Cause, DecidedAtMS: ms(v.DecidedAt), GreetingEndMS: ms(v.GreetingEnd),
		BeepAtMS: ms(v.BeepAt), BeepEndMS: ms(v.BeepEnd), BeepHz: v.BeepHz, Features: v.Features,
	}
	if v.BeepAt < 0 {
		l.BeepHz = -1
	}
	return l
}

// detectFile plays a file to a detector in frames of 20 ms.
func detectFile(name string, c amd.Config) (amd.Verdict, error) {
	f, err := os.Open(name)
	if err != nil {
		return amd.Verdict{}, err
	}
	defer f.Close()
	r, err := wav.NewReader(f)
	if err != nil {
		return amd.Verdict{}, err
	}
	h := r.Header()
	d := amd.New(h.Rate, c)
	pcm := make([]int16, h.Rate/50*h.Channels)
	for {
		n, err := r.Read(pcm)
		mono := pcm[:n/h.Channels]
		for i := range mono {
			mono[i] = pcm[i*h.Channels]
		}
		d.Write(mono)
		if errors.Is(err, io.EOF) {
			return d.Finish(), nil
		}
		if err != nil {
			return amd.Verdict{}, err
		}
	}
}
