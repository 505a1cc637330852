package mp3

import (
	"fmt"
	"testing"
)

func TestSignalToNoise(t *testing.T) {
	for _, c := range []Config{
		{16000, 1, 24000}, {16000, 1, 32000}, {16000, 1, 48000}, {16000, 1, 64000},
		{16000, 2, 48000}, {16000, 2, 64000},
		{22050, 1, 32000}, {24000, 1, 32000}, {24000, 2, 64000},
		{32000, 1, 48000}, {44100, 1, 64000}, {48000, 2, 128000},
	} {
		t.Run(fmt.Sprintf("%dHz_%dch_%dk", c.SampleRate, c.Channels, c.BitRate/1000), func(t *testing.T) {
			pcm := conversation(t, c.SampleRate)
			if c.Channels == 1 {
				pcm = speech(t, "en-us", c.SampleRate)
			}
			ours, lag := snr(pcm, decode(t, encode(t, c, pcm)), c.Channels)
			lame, _ := snr(pcm, decodeAt(t, encodeLAME(t, c, pcm), "error"), c.Channels)
			t.Logf("ours %.1f dB, LAME %.1f dB, lag %d", ours, lame, lag)
			if ours < lame {
				t.Errorf("SNR %.1f dB, LAME has %.1f dB", ours, lame)
			}
		})
	}
}
