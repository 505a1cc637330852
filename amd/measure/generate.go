package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
)

// generate builds a corpus: the same for the same seed and voices. Half of it
// is of known voices and texts, half of held out ones.
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
	for _, r := range recipes {
		for i := range 2 * r.share * repeats {
			c, err := g.call(r, i%2 == 0)
			if err != nil {
				return nil, err
			}
			all = append(all, c)
		}
	}
	for i := range 10 * repeats {
		c, err := g.signal(i)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	for i := range all {
		all[i].name = fmt.Sprintf("%s_%s_%04d.wav", all[i].label, all[i].kind, i)
	}
	return all, nil
}

type generator struct {
	dir    string
	rnd    *rand.Rand
	others [][]int16 // talk for the background
}

func (g *generator) babble() (all [][]int16, err error) {
	for _, said := range []string{
		"I told him that the train leaves at seven, but he would not listen to me at all.",
		"And now the weather. Clouds in the north, sunny in the south, with light winds from the west.",
		"Could you bring me the blue one, please? No, the other one, next to the window.",
	} {
		for _, v := range []voice{{"espeak-ng", "en-us+m1", "en"}, {"espeak-ng", "en-gb+f2", "en"}} {
			pcm, err := v.say(g.dir, said, 170)
			if err != nil {
				return nil, err
			}
			all = append(all, pcm)
		}
	}
	return all, nil
}

// text picks one of the half.
func (g *generator) text(key string, known bool) text {
	all := texts[key]
	return all[g.rnd.IntN(len(all)/2)*2+half(known)]
}

// half is the remainder by two of the places that are known, or held out.
func half(known bool) int {
	if known {
		return 0
	}
	return 1
}

// voice picks one of the half that speaks a language.
func (g *generator) voice(lang string, known bool) voice {
	var some []voice
	place := 0
	for _, v := range voices {
		if v.lang != lang {
			continue
		}
		if place%2 == half(known) && v.available() {
			some = append(some, v)
		}
		place++
	}
	return some[g.rnd.IntN(len(some))]
}

// call builds one call with a greeting.
func (g *generator) call(r recipe, known bool) (call, error) {
	c := call{label: r.label, kind: r.kind, known: known, onset: -1, greetingEnd: -1, beepStart: -1, beepEnd: -1}
	s := &scene{rnd: g.rnd}
	c.made = g.line(s, r)
	g.before(s, r, c.made.level)
	if r.texts != "" {
		said := g.text(r.texts, known)
		c.made.voice = g.voice(said.lang, known)
		if err := g.greet(s, &c, r, said); err != nil {
			return c, err
		}
	}
	switch {
	case s.rnd.Float64() < r.beep:
		s.quiet(max(100, s.between(-100, 1000)))
		c.beepStart, c.beepEnd = s.beep(c.made.level + s.between(-12, 3))
		s.quiet(3000)
	default:
		s.quiet(s.between(3200, 6000))
	}
	if r.extra == "device" {
		s.device(c.made.level - s.between(3, 15))
	}
	s.noise(c.made.noise, c.made.level-c.made.snr, g.others)
	s.noise("white", s.between(-75, -55), nil)
	var err error
	c.pcm, err = s.line(c.made.codec, g.dir, c.made.loss)
	return c, err
}

// line picks level, noise and codec.
func (g *generator) line(s *scene, r recipe) made {
	pick := func(from []string) string { return from[s.rnd.IntN(len(from))] }
	m := made{level: s.between(-35, -10), snr: s.between(10, 40), loss: []float64{0, 0, 0, 0, 0.01, 0.02, 0.04, 0.08}[s.rnd.IntN(8)]}
	m.noise = pick([]string{"none", "none", "white", "pink", "car", "hum", "babble"})
	m.codec = pick([]string{"PCMU", "PCMU", "PCMU", "PCMA", "PCMA", "GSM"})
	if r.level[1] != 0 {
		m.level = s.between(r.level[0], r.level[1])
	}
	if r.snr[1] != 0 {
		m.snr = s.between(r.snr[0], r.snr[1])
	}
	if r.noise != nil {
		m.noise = pick(r.noise)
	}
	return m
}

// before is what sounds until the voice.
func (g *generator) before(s *scene, r recipe, level float64) {
	ms := s.between(r.onset[0], r.onset[1])
	switch r.before {
	case "ringback":
		s.tone(ms/2, level, 0, [][]float64{{440, 480}, {425}, {400, 450}}[s.rnd.IntN(3)]...)
		s.quiet(ms / 2)
	case "music":
		s.music(ms-300, level-6)
		s.quiet(300)
	case "fumble":
		s.fumble(ms, level)
	default:
		s.quiet(ms)
	}
}

// greet appends what is said.
func (g *generator) greet(s *scene, c *call, r recipe, t text) error {
	words := int(s.between(140, 200))
	say := func(t text) error {
		pcm, err := c.made.voice.say(g.dir, t.said, words)
		if err == nil && len(pcm) < 8*120 { // some voices swallow single words
			pcm, err = voice{"espeak-ng", "en-gb-x-rp+f4", "en"}.say(g.dir, t.said, words)
		}
		s.speech(pcm, c.made.level)
		return err
	}
	c.onset = s.ms()
	if r.extra == "pause" {
		hello := text{"", "Hello."}
		for hello.lang != t.lang && (hello.lang != "" || hasHello(t.lang)) {
			hello = g.text("hellos", c.known)
		}
		if err := say(hello); err != nil {
			return err
		}
		s.quiet(s.between(600, 1700))
	}
	if err := say(t); err != nil {
		return err
	}
	c.greetingEnd = s.ms()
	if r.extra == "repeat" {
		s.quiet(s.between(700, 1500))
		if err := say(t); err != nil {
			return err
		}
		s.quiet(s.between(3200, 5000))
		return say(t)
	}
	if r.label == "human" {
		s.quiet(s.between(3200, 5000))
		return say(text{t.lang, "Hello? Is anybody there?"})
	}
	return nil
}

// hasHello reports whether a language has a hello of its own.
func hasHello(lang string) bool {
	return slices.ContainsFunc(texts["hellos"], func(t text) bool { return t.lang == lang })
}

// signal builds a call without a greeting.
func (g *generator) signal(i int) (call, error) {
	c := call{onset: -1, greetingEnd: -1, beepStart: -1, beepEnd: -1, known: i%2 == 0}
	s := &scene{rnd: g.rnd}
	level := s.between(-32, -12)
	s.quiet(s.between(200, 1500))
	switch i / 2 % 5 {
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
		c.label, c.kind = "fax", "ansam"
		s.ansam(s.between(2600, 4000), level)
		s.quiet(2000)
	case 3:
		c.label, c.kind = "sit", "sit"
		for k, hz := range [][]float64{{913.8, 985.2, 950}, {1370.6, 1428.5, 1400}, {1776.7, 1776.7, 1800}} {
			s.tone([]float64{276, 330, 380}[(i+k)%3], level, 0, hz[g.rnd.IntN(3)])
		}
		s.quiet(5000)
	default:
		c.label, c.kind = "silence", "silence"
		s.quiet(7000)
	}
	snr := s.between(10, 45)
	c.made = made{level: level, snr: snr, noise: []string{"white", "pink", "car", "none"}[g.rnd.IntN(4)], codec: "PCMU"}
	s.noise(c.made.noise, level-snr, g.others)
	var err error
	c.pcm, err = s.line(c.made.codec, g.dir, 0)
	return c, err
}

// ansam appends a modem's answering tone: 2100 Hz with a tremolo of 15 Hz and
// its phase turned every 450 ms (ITU-T V.8).
func (s *scene) ansam(ms, level float64) {
	amplitude := math.Pow(10, level/20) * math.Sqrt2
	for i := range int(ms * 8) {
		t := float64(i) / 8000
		turn := float64(1 - 2*(int(t/0.45)%2))
		s.x = append(s.x, turn*amplitude*(1+0.2*math.Sin(2*math.Pi*15*t))*math.Sin(2*math.Pi*2100*t))
	}
}
