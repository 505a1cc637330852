package amd

import "time"

// Result is what has answered.
type Result string

// The results.
const (
	Human   Result = "human"
	Machine Result = "machine"
	NotSure Result = "notsure"
	Fax     Result = "fax"
	SIT     Result = "sit"
	Silence Result = "silence"
)

// Causes of results.
const (
	CauseEndOfTurn  = "end_of_turn"   // human: a greeting, then silence for an answer
	CauseRepeat     = "repeated"      // human: a short word twice
	CauseShortAtEnd = "short_answer"  // human: at the limit a short greeting had just ended
	CauseLongTalk   = "long_greeting" // machine: talks on and on
	CauseLateTalk   = "late_greeting" // machine: began late and still talks at the limit
	CauseBeep       = "beep"          // machine: a beep was heard
	CauseCNG        = "cng"           // fax: calling tone
	CauseCED        = "ced"           // fax: answering tone
	CauseSIT        = "sit"           // special information tones
	CauseNoSpeech   = "no_speech"     // silence: nothing up to the limit
	CauseNoise      = "noise"         // notsure: sound without a voice up to the limit
	CauseLimit      = "limit"         // notsure: speech that fits neither
	CauseEnded      = "ended"         // the stream ended before the limit
)

// None is a time that there is not.
const None = time.Duration(-1)

// Verdict is what the detector knows. Times are from the first sample;
// None where there is none.
type Verdict struct {
	Result      Result // empty: not decided yet
	Cause       string
	DecidedAt   time.Duration
	GreetingEnd time.Duration // of the speech before the beep or before the silence after which a message may start
	BeepAt      time.Duration
	BeepEnd     time.Duration
	BeepHz      float64       // 0: none
	Ready       time.Duration // from then on a message is recorded
	Features    Features
}

// Features are the measurements that the result was taken from, at the time of
// the decision.
type Features struct {
	OnsetMS      int     `json:"onset_ms"`       // start of speech; -1: none
	EndMS        int     `json:"end_ms"`         // end of the last speech; -1: none
	TalkMS       int     `json:"talk_ms"`        // from onset to end
	SpokenMS     int     `json:"spoken_ms"`      // of it without pauses
	LongestMS    int     `json:"longest_ms"`     // the longest part between pauses
	PauseMS      int     `json:"pause_ms"`       // the longest pause
	BackgroundDB float64 `json:"background_db"`  // mean of what sounds besides the voice, of its peak
	QuietMS      int     `json:"quiet_ms"`       // since the end of speech
	Parts        int     `json:"parts"`          // of speech between pauses
	PeakDB       float64 `json:"peak_dbov"`      // loudest voice
	FloorDB      float64 `json:"floor_dbov"`     // noise floor
	ThresholdDB  float64 `json:"threshold_dbov"` // what counted as speech
	Tones        int     `json:"tones"`          // heard so far
	ToneHz       float64 `json:"tone_hz"`        // of the last
	ToneMS       int     `json:"tone_ms"`
	RingbackMS   int     `json:"ringback_ms"` // end of the ringback that went on after answer; -1: none
}
