package mp3

import (
	"math"
	"testing"
)

// The encoder must be at least as true to speech as LAME at the same rate,
// with its own settings as well as without low-pass and noise shaping, which
// is where its ratio is best.
func TestSignalToNoise(t *testing.T) {
	for _, test := range []struct {
		Config
		telephone bool
	}{
		{Config{16000, 1, 24000}, false},
		{Config{16000, 1, 32000}, false},
		{Config{16000, 1, 32000}, true},
		{Config{16000, 1, 48000}, false},
		{Config{16000, 1, 64000}, false},
		{Config{16000, 1, 64000}, true},
		{Config{16000, 2, 48000}, false},
		{Config{16000, 2, 64000}, false},
		{Config{22050, 1, 32000}, false},
		{Config{24000, 1, 32000}, false},
		{Config{24000, 2, 64000}, false},
		{Config{32000, 1, 48000}, false},
		{Config{44100, 1, 64000}, false},
		{Config{48000, 2, 128000}, false},
	} {
		c := test.Config
		name := c.String()
		if test.telephone {
			name += "_telephone"
		}
		t.Run(name, func(t *testing.T) {
			pcm := conversation(t, c.SampleRate)
			if c.Channels == 1 {
				pcm = speech(t, "en-us", c.SampleRate)
			}
			if test.telephone {
				pcm = overTelephone(t, pcm, c.SampleRate)
			}
			ours, lag := snr(pcm, decode(t, encode(t, c, pcm)), c.Channels)
			lame, plain := snrOfLAME(t, c, pcm), snrOfLAME(t, c, pcm, "--lowpass", "-1", "-q", "9")
			t.Logf("ours %.1f dB, LAME %.1f dB, at its best %.1f dB", ours, lame, plain)
			if ours < lame || ours < plain || lag != 0 {
				t.Errorf("SNR %.1f dB at a lag of %d; LAME has %.1f and %.1f dB", ours, lag, lame, plain)
			}
		})
	}
}

func snrOfLAME(t *testing.T, c Config, pcm []int16, options ...string) float64 {
	t.Helper()
	got := decodeAt(t, encodeLAME(t, c, pcm, options...), "error")
	_, lag := snr(pcm, got, c.Channels)
	db, _ := snr(pcm, atLevelOf(pcm, got, lag*c.Channels), c.Channels)
	return db
}

// Short blocks keep the noise of a loud onset from being heard before it: in
// the 30 ms before a burst out of silence it stays well below the burst.
func TestOnsetsAreNotHeardBefore(t *testing.T) {
	c := Config{16000, 1, 32000}
	const period, onset, length = 4321, 2000, 1000
	pcm := make([]int16, 4*c.SampleRate)
	for i := range pcm {
		at := float64(i)
		if p := i % period; p >= onset && p < onset+length {
			pcm[i] = int16(9000*math.Sin(at*.3) + 7000*math.Sin(at*1.13) + 4000*math.Sin(at*at*.01))
		}
	}
	got := decode(t, encode(t, c, pcm))
	var before, burst float64
	for i, v := range got {
		energy := float64(v) * float64(v)
		switch p := i % period; {
		case p >= onset-c.SampleRate*30/1000 && p < onset-100:
			before += energy / (float64(c.SampleRate)*30/1000 - 100)
		case p >= onset && p < onset+length:
			burst += energy / length
		}
	}
	if db := 10 * math.Log10(before/burst); db > -33 {
		t.Errorf("noise before the onset is at %.1f dB", db)
	} else {
		t.Logf("%.1f dB", db)
	}
}
