package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"

	"offhook/media/codec"
)

// scene is a call that is being built, full scale 1, 8 kHz.
type scene struct {
	x   []float64
	rnd *rand.Rand
}

func (s *scene) ms() int { return len(s.x) / 8 }

func (s *scene) between(lo, hi float64) float64 { return lo + (hi-lo)*s.rnd.Float64() }

func (s *scene) quiet(ms float64) { s.x = append(s.x, make([]float64, int(ms*8))...) }

// speech appends PCM at a mean level in dBov.
func (s *scene) speech(pcm []int16, level float64) {
	gain := math.Pow(10, level/20) / max(rms(pcm), 1e-9)
	for _, v := range pcm {
		s.x = append(s.x, float64(v)*gain)
	}
}

func rms(pcm []int16) float64 {
	var sum float64
	for _, v := range pcm {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(max(len(pcm), 1)))
}

// tone appends one tone of one or two lines that moves by a share of its
// frequency, with edges of 5 ms.
func (s *scene) tone(ms, level, chirp float64, hz ...float64) {
	n := int(ms * 8)
	amplitude := math.Pow(10, level/20) * math.Sqrt2 / float64(len(hz))
	phase := make([]float64, len(hz))
	for i := range n {
		v := 0.0
		for k, f := range hz {
			phase[k] += 2 * math.Pi * f * (1 + chirp*float64(i)/float64(n)) / 8000
			v += math.Sin(phase[k])
		}
		s.x = append(s.x, v*amplitude*min(1, float64(min(i, n-i))/40))
	}
}

// beep appends a recorder's beep and returns where it is.
func (s *scene) beep(level float64) (start, end int) {
	start = s.ms()
	hz := s.between(370, 2050)
	length := math.Exp(s.between(math.Log(100), math.Log(1400)))
	switch s.rnd.IntN(6) {
	case 0:
		s.tone(length, level, 0, hz, hz*1.33)
	case 1:
		s.tone(max(length, 200), level, s.between(-0.15, 0.15), hz)
	default:
		s.tone(length, level, 0, hz)
	}
	return start, s.ms()
}

// music appends chords of notes that decay.
func (s *scene) music(ms, level float64) {
	for end := s.ms() + int(ms); s.ms() < end; {
		s.x = append(s.x, s.chord(math.Pow(10, level/20))...)
	}
	s.x = s.x[:int(len(s.x)/8)*8]
}

// chord is one chord of 200 to 600 ms.
func (s *scene) chord(amplitude float64) (x []float64) {
	scale := []float64{262, 294, 330, 392, 440, 523, 587}
	a, b := scale[s.rnd.IntN(len(scale))], scale[s.rnd.IntN(len(scale))]/2
	for i := range int(s.between(200, 600) * 8) {
		t := float64(i) / 8000
		v := math.Sin(2*math.Pi*a*t) + 0.5*math.Sin(4*math.Pi*a*t) + math.Sin(2*math.Pi*b*t) + 0.3*math.Sin(6*math.Pi*b*t)
		x = append(x, 0.5*amplitude*v*math.Exp(-3*t))
	}
	return x
}

// fumble appends the clicks and the rustling of a receiver that is picked up.
func (s *scene) fumble(ms, level float64) {
	start := len(s.x)
	s.quiet(ms)
	for range 2 + s.rnd.IntN(4) {
		at := start + s.rnd.IntN(max(len(s.x)-start-1600, 1))
		amplitude, length := math.Pow(10, (level+s.between(-6, 8))/20), s.between(5, 120)*8
		for i := 0; i < int(length) && at+i < len(s.x); i++ {
			s.x[at+i] += amplitude * s.rnd.NormFloat64() * math.Exp(-4*float64(i)/length)
		}
	}
}

// device adds what beeps in a room: a smoke alarm, an oven.
func (s *scene) device(level float64) {
	hz, amplitude := s.between(2560, 3400), math.Pow(10, level/20)
	length, gap := int(s.between(60, 300)*8), int(s.between(300, 1500)*8)
	for at := s.rnd.IntN(len(s.x) / 2); at < len(s.x); at += length + gap {
		for i := at; i < min(at+length, len(s.x)); i++ {
			s.x[i] += amplitude * math.Sin(2*math.Pi*hz*float64(i)/8000)
		}
	}
}

// talker adds one voice, text after text, to all of a background.
func (s *scene) talker(n []float64, texts [][]int16) {
	for len(n) > 0 {
		said := texts[s.rnd.IntN(len(texts))]
		said = said[:min(len(said), len(n))]
		for i, v := range said {
			n[i] += float64(v)
		}
		n = n[len(said):]
	}
}

// noise adds a background at a level in dBov over the whole scene.
func (s *scene) noise(kind string, level float64, others [][]int16) {
	n := make([]float64, len(s.x))
	switch kind {
	case "babble", "television":
		talkers := 5
		if kind == "television" {
			talkers = 1
		}
		for range talkers {
			s.talker(n, others)
		}
	case "music":
		for at := 0; at < len(n); {
			at += copy(n[at:], s.chord(1))
		}
	case "none":
		return
	case "hum":
		for i := range n {
			t := float64(i) / 8000
			n[i] = math.Sin(2*math.Pi*50*t) + 0.5*math.Sin(2*math.Pi*150*t) + 0.3*math.Sin(2*math.Pi*250*t) + 0.2*s.rnd.NormFloat64()
		}
	case "pink", "car":
		pole, low := 0.9, 0.0
		if kind == "car" {
			pole = 0.98
		}
		for i := range n {
			low = pole*low + s.rnd.NormFloat64()
			n[i] = low + 0.1*s.rnd.NormFloat64()
		}
	default:
		for i := range n {
			n[i] = s.rnd.NormFloat64()
		}
	}
	var sum float64
	for _, v := range n {
		sum += v * v
	}
	gain := math.Pow(10, level/20) / math.Sqrt(sum/float64(len(n))+1e-12)
	for i, v := range n {
		s.x[i] += v * gain
	}
}

// line sends the scene through a codec and loses a share of the packets. GSM
// is Debian's sox.
func (s *scene) line(name, dir string, loss float64) ([]int16, error) {
	pcm := make([]int16, len(s.x)/160*160)
	for i := range pcm {
		pcm[i] = int16(max(-1, min(1, s.x[i])) * 32767)
	}
	if name == "GSM" {
		var err error
		if pcm, err = gsm(dir, pcm); err != nil {
			return nil, err
		}
	} else {
		g711(name, pcm)
	}
	for at := 0; at+160 <= len(pcm); at += 160 {
		if s.rnd.Float64() < loss {
			clear(pcm[at : at+160])
		}
	}
	return pcm, nil
}

// g711 sends PCM through a codec there and back.
func g711(name string, pcm []int16) {
	format, _ := codec.Lookup(name)
	enc, dec := format.NewEncoder(), format.NewDecoder()
	var packet [160]byte
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		dec.Decode(pcm[:160], packet[:enc.Encode(packet[:], pcm[:160])])
	}
}

// gsm sends PCM through GSM 06.10 there and back.
func gsm(dir string, pcm []int16) ([]int16, error) {
	in, middle, out := filepath.Join(dir, "in.wav"), filepath.Join(dir, "middle.gsm"), filepath.Join(dir, "out.wav")
	if err := write(in, pcm); err != nil {
		return nil, err
	}
	for _, args := range [][]string{{in, middle}, {middle, "-b", "16", "-e", "signed-integer", out}} {
		if text, err := exec.Command("sox", args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("sox: %w: %s", err, text)
		}
	}
	return readWAV(out)
}
