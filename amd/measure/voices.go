package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// voice is one voice of a synthesiser that Debian has.
type voice struct{ program, name string }

// say speaks a text at words a minute: 8 kHz PCM at the synthesiser's level,
// without the silence around it.
func (v voice) say(dir, text string, words int) ([]int16, error) {
	file := filepath.Join(dir, "say.wav")
	var cmd *exec.Cmd
	switch v.program {
	case "espeak-ng":
		cmd = exec.Command("espeak-ng", "-v", v.name, "-s", strconv.Itoa(words), "-w", file, text)
	case "flite":
		stretch := fmt.Sprintf("duration_stretch=%.2f", 165/float64(words))
		cmd = exec.Command("flite", "-voice", v.name, "--seti", stretch, "-t", text, "-o", file)
	default:
		cmd = exec.Command("text2wave", "-eval", "(voice_"+festival(v.name)+")", "-o", file)
		cmd.Stdin = strings.NewReader(text)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", v.program, v.name, err, out)
	}
	defer os.Remove(file)
	pcm, err := readWAV(file)
	return trim(pcm), err
}

func festival(name string) string {
	if name == "kdlpc16k" {
		return "ked_diphone"
	}
	return name
}

// available reports whether the synthesiser is installed.
func (v voice) available() bool {
	program := v.program
	if program == "festival" {
		program = "text2wave"
	}
	_, err := exec.LookPath(program)
	return err == nil
}

// trim cuts the silence off both ends: what is under 1 % of the peak.
func trim(pcm []int16) []int16 {
	peak := 0
	for _, s := range pcm {
		peak = max(peak, int(s), -int(s))
	}
	loud := func(s int16) bool { return int(s) > peak/100 || -int(s) > peak/100 }
	for len(pcm) > 0 && !loud(pcm[0]) {
		pcm = pcm[1:]
	}
	for len(pcm) > 0 && !loud(pcm[len(pcm)-1]) {
		pcm = pcm[:len(pcm)-1]
	}
	return pcm
}
