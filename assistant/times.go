package assistant

import (
	"time"

	"offhook/media/vad"
	"offhook/resource"
)

// Times are all times by which an assistant takes turns. Zero values are
// replaced by those of DefaultTimes.
type Times struct {
	VAD      vad.Config    // speech start, end of turn, what interrupts
	Lead     time.Duration // sound before the speech's start that the recogniser gets
	Words    time.Duration // longest wait for the words after the end of speech
	Doubt    time.Duration // sound without words for so long may be noise: the recogniser must decide
	Filler   time.Duration // silence of ours before a filler, while the model or a tool works
	Silence  time.Duration // silence of the party before it is asked whether it is there
	Patience int           // so many times it is asked; then the conversation is over
	Keys     time.Duration // after a key, further keys of the same input come within so long
	Tool     time.Duration // longest wait for a tool
	First    time.Duration // longest wait for the model's first words
	Voice    time.Duration // longest wait for a sentence's first sound
	Failing  time.Duration // after the first failure a model is tried again for so long
}

// DefaultTimes are for telephone lines and engines that answer in a second.
func DefaultTimes() Times {
	return Times{
		VAD: vad.Defaults(), Lead: 300 * time.Millisecond, Words: 5 * time.Second, Doubt: 2 * time.Second,
		Filler: 1500 * time.Millisecond, Silence: 15 * time.Second, Patience: 2,
		Keys: 1500 * time.Millisecond, Tool: 5 * time.Second, First: 8 * time.Second, Voice: 8 * time.Second, Failing: 4 * time.Second,
	}
}

// with applies an assistant's own settings.
func (t Times) with(c *resource.VADConfig) Times {
	if c == nil {
		return t
	}
	if c.StartSecs > 0 {
		t.VAD.Start = seconds(c.StartSecs)
	}
	if c.StopSecs > 0 {
		t.VAD.Stop = seconds(c.StopSecs)
	}
	if c.MinVolume > 0 {
		t.VAD.Quiet = -60 + 40*c.MinVolume // 0.5: -40 dBFS
	}
	if c.Confidence > 0 {
		t.VAD.Above = 10 + 10*(c.Confidence-0.7) // surer: further above the noise
	}
	return t
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
