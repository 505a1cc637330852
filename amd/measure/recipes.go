package main

// recipe is how calls of one kind are made.
type recipe struct {
	label, kind string
	texts       string     // key of texts; empty: nothing is said
	share       int        // calls of this kind for each repeat
	onset       [2]float64 // ms before the voice
	before      string     // what sounds until then: ringback, music, fumble
	level       [2]float64 // dBov of the voice; zero: of all calls
	snr         [2]float64 // dB of the noise under it; zero: of all calls
	noise       []string   // nil: of all calls
	beep        float64    // share of the calls with a beep
	extra       string     // repeat: said again; pause: a hello and a pause first; device: something in the room beeps
}

var (
	promptly = [2]float64{120, 1400}
	speakers = []string{"babble", "television"}
)

var recipes = []recipe{
	{label: "human", kind: "hello", texts: "hello", share: 12, onset: promptly},
	{label: "human", kind: "name", texts: "name", share: 6, onset: promptly},
	{label: "human", kind: "business", texts: "business", share: 5, onset: promptly},
	{label: "human", kind: "receptionist", texts: "receptionist", share: 4, onset: [2]float64{250, 1050}},
	{label: "human", kind: "repeat", texts: "hello", share: 5, onset: promptly, extra: "repeat"},
	{label: "human", kind: "noise", texts: "hello", share: 5, onset: [2]float64{180, 1000}, snr: [2]float64{8, 15}, noise: speakers},
	{label: "human", kind: "slow", texts: "hello", share: 4, onset: [2]float64{1500, 3300}},
	{label: "human", kind: "quiet", texts: "hello", share: 2, onset: promptly, level: [2]float64{-40, -36}},
	{label: "human", kind: "fumble", texts: "hello", share: 3, onset: [2]float64{500, 1100}, before: "fumble"},
	{label: "human", kind: "music", texts: "hello", share: 2, onset: [2]float64{150, 600}, snr: [2]float64{10, 15}, noise: []string{"music"}},
	{label: "human", kind: "ringback", texts: "hello", share: 3, onset: [2]float64{700, 1600}, before: "ringback"},
	{label: "human", kind: "device", texts: "hello", share: 2, onset: [2]float64{250, 1050}, extra: "device"},
	{label: "machine", kind: "personal", texts: "personal", share: 9, onset: [2]float64{200, 1700}, beep: 0.85},
	{label: "machine", kind: "pause", texts: "personal", share: 6, onset: [2]float64{200, 1600}, beep: 0.7, extra: "pause"},
	{label: "machine", kind: "carrier", texts: "carrier", share: 7, onset: [2]float64{240, 2400}, beep: 0.8},
	{label: "machine", kind: "digits", texts: "digits", share: 4, onset: [2]float64{230, 2400}, beep: 0.8},
	{label: "machine", kind: "full", texts: "full", share: 1, onset: [2]float64{400, 900}},
	{label: "machine", kind: "delay", texts: "personal", share: 4, onset: [2]float64{1800, 3000}, beep: 0.9},
	{label: "machine", kind: "music", texts: "personal", share: 3, onset: [2]float64{1500, 5000}, before: "music", beep: 0.5},
	{label: "machine", kind: "noisy", texts: "personal", share: 2, onset: [2]float64{300, 1900}, snr: [2]float64{8, 14}, noise: speakers, beep: 1},
	{label: "machine", kind: "ivr", texts: "ivr", share: 5, onset: [2]float64{220, 1900}},
	{label: "machine", kind: "screening", texts: "screening", share: 2, onset: [2]float64{250, 1250}, beep: 0.3},
	{label: "machine", kind: "short", texts: "short", share: 6, onset: [2]float64{200, 2200}, beep: 1},
	{label: "machine", kind: "beep", share: 1, onset: [2]float64{0, 200}, beep: 1},
}
