package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"offhook/media/resample"
	"offhook/media/wav"
)

// call is one labelled stream of 8 kHz PCM from the answer on. Times are in
// ms, -1 where there is none.
type call struct {
	name, label, kind  string
	pcm                []int16
	onset, greetingEnd int
	beepStart, beepEnd int
	known              bool // thresholds were chosen on its voice and text
	made               made
}

// made is how a call was made.
type made struct {
	voice            voice
	level, snr, loss float64
	noise, codec     string
}

// load reads a folder with manifest.csv and WAV files: columns file, label,
// subtype, greeting_end_ms, beep_onset_ms and beep_end_ms.
func load(dir string) ([]call, error) {
	f, err := os.Open(filepath.Join(dir, "manifest.csv"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var all []call
	for _, row := range rows[1:] {
		number := func(name string) int {
			n, err := strconv.Atoi(row[column[name]])
			if err != nil {
				return -1
			}
			return n
		}
		c := call{
			name: row[column["file"]], label: row[column["label"]], kind: row[column["subtype"]],
			greetingEnd: number("greeting_end_ms"), beepStart: number("beep_onset_ms"), beepEnd: number("beep_end_ms"),
		}
		name := strings.TrimSuffix(c.name, filepath.Ext(c.name)) + ".wav"
		if c.pcm, err = readWAV(filepath.Join(dir, name)); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, c)
	}
	return all, nil
}

// readWAV reads the first channel of a file as 8 kHz PCM.
func readWAV(name string) ([]int16, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, err := wav.NewReader(f)
	if err != nil {
		return nil, err
	}
	h := r.Header()
	var pcm []int16
	buf := make([]int16, h.Channels*4096)
	for {
		n, err := r.Read(buf)
		for i := 0; i < n; i += h.Channels {
			pcm = append(pcm, buf[i])
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	rs := resample.New(h.Rate, 8000)
	rs.Align(0)
	out := make([]int16, rs.Len(len(pcm))+16)
	return out[:rs.Process(out, pcm)], nil
}

// save writes calls as WAV files with a manifest; no folder, nothing.
func save(dir string, calls []call) error {
	if dir == "" {
		return nil
	}
	f, err := os.Create(filepath.Join(dir, "manifest.csv"))
	if err != nil {
		return err
	}
	defer f.Close()
	w := csv.NewWriter(f)
	w.Write([]string{"file", "label", "subtype", "speech_onset_ms", "greeting_end_ms", "beep_onset_ms", "beep_end_ms", "lang", "voice", "snr_db", "level_dbov", "noise", "codec", "loss", "half"})
	for _, c := range calls {
		w.Write([]string{
			c.name, c.label, c.kind, strconv.Itoa(c.onset), strconv.Itoa(c.greetingEnd), strconv.Itoa(c.beepStart), strconv.Itoa(c.beepEnd),
			c.made.voice.lang, c.made.voice.program + ":" + c.made.voice.name, fmt.Sprintf("%.0f", c.made.snr), fmt.Sprintf("%.0f", c.made.level), c.made.noise, c.made.codec, fmt.Sprint(c.made.loss), []string{"known", "held"}[half(c.known)],
		})
		if err := write(filepath.Join(dir, c.name), c.pcm); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// write makes a WAV file of 8 kHz PCM.
func write(name string, pcm []int16) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := wav.NewWriter(f, 8000, 1)
	if err != nil {
		return err
	}
	if err := w.Write(pcm); err != nil {
		return err
	}
	return w.Close()
}
