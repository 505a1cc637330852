package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
)

// generate builds a corpus of repeats calls for each text: the same for the
// same seed and voices.
func generate(repeats int, seed uint64) ([]call, error) {
	dir, err := os.MkdirTemp("", "amd")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	g := generator{dir: dir, rnd: rand.New(rand.NewPCG(seed, 1))}
	if g.others, err = g.babble(); err != nil {
		return nil, err
	}
	var all []call
	for _, kind := range slices.Sorted(maps.Keys(greetings)) {
		for i, text := range greetings[kind] {
			for range repeats {
				c, err := g.call(kind, text, i < len(greetings[kind])/2)
				if err != nil {
					return nil, err
				}
				all = append(all, c)
			}
		}
	}
	for i := range 8 * repeats {
		all = append(all, g.signal(i))
	}
	for i := range all {
		all[i].name = fmt.Sprintf("%s_%s_%03d.wav", all[i].label, all[i].kind, i)
	}
	return all, nil
}

type generator struct {
	dir    string
	rnd    *rand.Rand
	others [][]int16 // talk for the background
}

func (g *generator) babble() (all [][]int16, err error) {
	for _, text := range []string{
		"I told him that the train leaves at seven, but he would not listen to me at all.",
		"And now the weather. Clouds in the north, sunny in the south, with light winds from the west.",
		"Could you bring me the blue one, please? No, the other one, next to the window.",
	} {
		for _, v := range []voice{{"espeak-ng", "en-us+m1"}, {"espeak-ng", "en-gb+f2"}} {
			pcm, err := v.say(g.dir, text, 170)
			if err != nil {
				return nil, err
			}
			all = append(all, pcm)
		}
	}
	return all, nil
}

// voice picks one of the half.
func (g *generator) voice(known bool) voice {
	half := voices[len(voices)/2:]
	if known {
		half = voices[:len(voices)/2]
	}
	for {
		if v := half[g.rnd.IntN(len(half))]; v.available() {
			return v
		}
	}
}

// call builds one call with a greeting.
func (g *generator) call(kind, text string, known bool) (call, error) {
	label, sort := kind[:len("human")], ""
	if label != "human" {
		label = "machine"
	}
	sort = kind[len(label)+1:]
	c := call{label: label, kind: sort, known: known, greetingEnd: -1, beepStart: -1, beepEnd: -1}
	s := &scene{rnd: g.rnd}
	level := s.between(-32, -13)
	switch {
	case g.rnd.IntN(8) == 0: // a rest of ringback
		s.tone(s.between(100, 700), level, 0, [][]float64{{440, 480}, {425}, {400, 450}}[g.rnd.IntN(3)]...)
		s.quiet(s.between(300, 900))
	case label == "machine" && g.rnd.IntN(8) == 0:
		s.music(s.between(1000, 2500), level-6)
		s.quiet(300)
	default:
		s.quiet(s.between(200, 1300))
	}
	v := g.voice(known)
	words := int(s.between(140, 200))
	pcm, err := v.say(g.dir, text, words)
	if err == nil && len(pcm) < 8*200 { // some voices swallow single words
		v = voice{"espeak-ng", "en-gb-x-rp+f4"}
		pcm, err = v.say(g.dir, text, words)
	}
	if err != nil {
		return c, err
	}
	s.speech(pcm, level)
	c.greetingEnd = s.ms()
	switch {
	case label == "machine" && sort != "ivr" && (sort == "short" || g.rnd.IntN(10) > 0):
		s.quiet(s.between(200, 1100))
		c.beepStart, c.beepEnd = s.beep(level + s.between(-10, 3))
		s.quiet(3000)
	case label == "human":
		s.quiet(s.between(3200, 5000))
		if pcm, err = v.say(g.dir, "Hello? Is anybody there?", 160); err != nil {
			return c, err
		}
		s.speech(pcm, level)
		s.quiet(1500)
	default:
		s.quiet(3500)
	}
	kinds := []string{"white", "white", "pink", "car", "hum", "babble", "television"}
	s.noise(kinds[g.rnd.IntN(len(kinds))], level-s.between(9, 40), g.others)
	c.pcm = s.line([]string{"PCMU", "PCMA"}[g.rnd.IntN(2)], []float64{0, 0, 0, 0.01, 0.05}[g.rnd.IntN(5)])
	return c, nil
}

// signal builds a call without a greeting.
func (g *generator) signal(i int) call {
	c := call{greetingEnd: -1, beepStart: -1, beepEnd: -1}
	s := &scene{rnd: g.rnd}
	level := s.between(-30, -12)
	s.quiet(s.between(200, 1500))
	switch i % 4 {
	case 0:
		c.label, c.kind = "fax", "cng"
		for range 3 {
			s.tone(500, level, 0, s.between(1080, 1120))
			s.quiet(3000)
		}
	case 1:
		c.label, c.kind = "fax", "ced"
		s.tone(s.between(2600, 4000), level, 0, s.between(2090, 2110))
		s.quiet(2000)
	case 2:
		c.label, c.kind = "sit", "sit"
		for k, hz := range [][]float64{{913.8, 985.2, 950}, {1370.6, 1428.5, 1400}, {1776.7, 1776.7, 1800}} {
			s.tone([]float64{276, 330, 380}[(i+k)%3], level, 0, hz[g.rnd.IntN(3)])
		}
		s.quiet(5000)
	default:
		c.label, c.kind = "silence", "silence"
		s.quiet(7000)
	}
	s.noise([]string{"white", "pink", "car"}[g.rnd.IntN(3)], level-s.between(15, 45), g.others)
	c.pcm = s.line("PCMU", 0)
	return c
}
