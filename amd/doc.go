// Package amd finds out what has answered a call: a person, a machine, a fax,
// special information tones or nobody. It listens to PCM frames, decides by
// energy, cadence and tones within a limit, and goes on listening for the end
// of a machine's greeting and its beep. It has no models and asks no network.
//
// Detector is the decision for one stream; Listener wraps it as the sink of a
// call's port, so that another goroutine can wait for what it finds.
package amd
