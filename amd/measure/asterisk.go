package main

import "time"

// rule is the decision of Asterisk's application AMD, written from its
// documented parameters for comparison: it knows words and silences by one
// threshold on the mean magnitude of 20 ms and nothing else.
type rule struct {
	initialSilence, greeting, afterGreeting, total time.Duration
	minWord, between, maxWord                      time.Duration
	words                                          int
	threshold                                      int
}

// The documented defaults.
var ruleDefaults = rule{
	initialSilence: 2500 * time.Millisecond, greeting: 1500 * time.Millisecond,
	afterGreeting: 800 * time.Millisecond, total: 5 * time.Second,
	minWord: 100 * time.Millisecond, between: 50 * time.Millisecond, maxWord: 5 * time.Second,
	words: 3, threshold: 256,
}

// decide runs the rule over 8 kHz PCM.
func (r rule) decide(pcm []int16) (string, time.Duration) {
	const frame = 20 * time.Millisecond
	var at, silence, voice, greeting time.Duration
	words, talking, greeted := 0, false, false
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		at += frame
		if r.silent(pcm[:160]) {
			silence, voice = silence+frame, 0
			if silence >= r.between {
				talking = false
			}
			if !greeted && silence >= r.initialSilence {
				return "machine", at
			}
			if greeted && silence >= r.afterGreeting {
				return "human", at
			}
		} else {
			silence, voice = 0, voice+frame
			greeting += frame
			if voice >= r.minWord && !talking {
				words, talking, greeted = words+1, true, true
			}
			if voice >= r.maxWord || words >= r.words || greeted && greeting >= r.greeting {
				return "machine", at
			}
		}
		if at >= r.total {
			return "notsure", at
		}
	}
	return "notsure", at
}

func (r rule) silent(pcm []int16) bool {
	sum := 0
	for _, s := range pcm {
		sum += max(int(s), -int(s))
	}
	return sum/len(pcm) < r.threshold
}
