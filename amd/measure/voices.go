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
type voice struct{ program, name, lang string }

// voices are the synthesisers' voices; of each language every second one is
// held out.
var voices = []voice{
	{"espeak-ng", "en-us+m3", "en"},
	{"espeak-ng", "en-us+m7", "en"},
	{"espeak-ng", "en-gb+f3", "en"},
	{"espeak-ng", "en-gb-x-rp+f4", "en"},
	{"espeak-ng", "en-029+m2", "en"},
	{"espeak-ng", "en-gb-scotland+m6", "en"},
	{"espeak-ng", "en-us+f5", "en"},
	{"espeak-ng", "en-gb+f1", "en"},
	{"flite", "awb", "en"},
	{"flite", "slt", "en"},
	{"flite", "kal16", "en"},
	{"flite", "rms", "en"},
	{"festival", "ked_diphone", "en"},
	{"festival", "cmu_us_slt_arctic_hts", "en"},
	{"espeak-ng", "en-gb-x-gbcwmd+Denis", "en"},
	{"espeak-ng", "en-us+travis", "en"},
	{"espeak-ng", "en-gb+Michael", "en"},
	{"espeak-ng", "en-us-nyc+edward", "en"},
	{"espeak-ng", "en-us+Andrea", "en"},
	{"espeak-ng", "en-gb+shelby", "en"},
	{"espeak-ng", "en-gb-x-rp+benjamin", "en"},
	{"espeak-ng", "en-gb-scotland+quincy", "en"},
	{"espeak-ng", "en-us+anika", "en"},
	{"espeak-ng", "en-029+aunty", "en"},
	{"espeak-ng", "de+f2", "de"},
	{"espeak-ng", "de+m5", "de"},
	{"espeak-ng", "de+john", "de"},
	{"espeak-ng", "de+belinda", "de"},
	{"espeak-ng", "fr-fr+m4", "fr"},
	{"espeak-ng", "fr-be+f4", "fr"},
	{"espeak-ng", "es+f5", "es"},
	{"espeak-ng", "es-419+miguel", "es"},
	{"festival", "pc_diphone", "it"},
	{"festival", "lp_diphone", "it"},
	{"espeak-ng", "it+f1", "it"},
	{"espeak-ng", "it+sandro", "it"},
	{"espeak-ng", "nl+f3", "nl"},
	{"espeak-ng", "nl+m8", "nl"},
	{"espeak-ng", "sv+m2", "sv"},
	{"espeak-ng", "sv+f4", "sv"},
	{"festival", "czech_machac", "cs"},
	{"festival", "czech_dita", "cs"},
	{"espeak-ng", "pl+f2", "pl"},
	{"espeak-ng", "pl+m6", "pl"},
}

// say speaks a text at words a minute: 8 kHz PCM at the synthesiser's level,
// without the silence around it.
func (v voice) say(dir, said string, words int) ([]int16, error) {
	if v.program == "flite" { // it writes the last sentence alone
		var all []int16
		for i, sentence := range strings.SplitAfter(said, ". ") {
			pcm, err := v.sentence(dir, sentence, words)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				all = append(all, make([]int16, 8*min(450, 60000/words))...)
			}
			all = append(all, pcm...)
		}
		return all, nil
	}
	return v.sentence(dir, said, words)
}

// sentence speaks one sentence; all programs but flite can speak several.
func (v voice) sentence(dir, said string, words int) ([]int16, error) {
	file := filepath.Join(dir, "say.wav")
	var cmd *exec.Cmd
	switch v.program {
	case "espeak-ng":
		cmd = exec.Command("espeak-ng", "-v", v.name, "-s", strconv.Itoa(words), "-w", file, said)
	case "flite":
		stretch := fmt.Sprintf("duration_stretch=%.2f", 165/float64(words))
		cmd = exec.Command("flite", "-voice", v.name, "--setf", stretch, "-t", said, "-o", file)
	default:
		cmd = exec.Command("text2wave", "-eval", "(voice_"+v.name+")", "-o", file)
		cmd.Stdin = strings.NewReader(latin(said))
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", v.program, v.name, err, out)
	}
	defer os.Remove(file)
	pcm, err := readWAV(file)
	return trim(pcm), err
}

// latin is a text without accents, which festival's voices read byte by byte.
func latin(s string) string {
	return strings.NewReplacer("ì", "i", "á", "a", "é", "e", "í", "i", "ý", "y", "ú", "u", "ů", "u", "č", "c", "ě", "e", "ř", "r", "š", "s", "ž", "z", "ó", "o", "ň", "n", "ť", "t", "ď", "d").Replace(s)
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
