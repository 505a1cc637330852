package amd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"time"
)

// Config is the detector's thresholds. Each field's tags are its name in JSON
// and on the command line, its unit, its default, its bounds and why it has
// that default; Thresholds lists them. The zero Config stands for the
// defaults.
type Config struct {
	Limit float64 `kong:"-" json:"limit_ms" unit:"ms" default:"5000" min:"500" max:"60000" help:"the verdict is due then at the latest, counted from answer; people hang up on a line that is silent for longer"`

	SpeechBelowPeak     float64 `json:"speech_below_peak_db" unit:"dB" default:"16" min:"3" max:"40" help:"sound so far under the loudest voice on the line is background: television, other talkers, music"`
	CoreBelowPeak       float64 `json:"core_below_peak_db" unit:"dB" default:"9" min:"2" max:"30" help:"an utterance has a core within this of the loudest voice; what never gets so near is somebody else"`
	CoreNearPeak        float64 `json:"core_near_peak_db" unit:"dB" default:"5" min:"1" max:"30" help:"with others talking behind, cores are nearer to the loudest voice, but not nearer than this"`
	CoreAboveBackground float64 `json:"core_above_background_db" unit:"dB" default:"11" min:"-60" max:"30" help:"talk behind seldom exceeds its mean level by this"`
	BackgroundDepth     float64 `json:"background_depth_db" unit:"dB" default:"30" min:"10" max:"60" help:"sound so far under the loudest voice is a pause, not talk behind"`
	CoreMargin          float64 `json:"core_margin_ms" unit:"ms" default:"240" min:"20" max:"2000" help:"sound so far from every core is background; weak syllables are nearer"`
	BackgroundSpread    float64 `json:"background_spread" unit:"standard deviations" default:"1.5" min:"0" max:"5" help:"speech must be so far above the mean level of the background"`
	SpeechAboveFloor    float64 `json:"speech_above_floor_db" unit:"dB" default:"6" min:"1" max:"30" help:"steady noise stays within this of its own floor"`
	SpeechMinLevel      float64 `json:"speech_min_level_dbov" unit:"dBov" default:"-50" min:"-80" max:"-10" help:"comfort noise, line noise and distant talk are below, the quietest voices above"`
	Voicing             float64 `json:"voicing" unit:"correlation" default:"0.5" min:"0.1" max:"0.99" help:"periodicity of a frame with a voice in it; clicks, rustling and breath are below"`
	OnsetVoiced         float64 `json:"onset_voiced_ms" unit:"ms" default:"60" min:"20" max:"500" help:"the least voiced sound that makes an utterance; a dropped receiver has none"`
	Bridge              float64 `json:"bridge_ms" unit:"ms" default:"200" min:"20" max:"1000" help:"stop consonants, weak syllables and two lost packets fall between parts of one utterance"`

	Beginning       float64 `json:"beginning_ms" unit:"ms" default:"160" min:"0" max:"1000" help:"a voice that has begun no longer ago may become speech: the result waits for it"`
	Fade            float64 `json:"fade_ms" unit:"ms" default:"120" min:"0" max:"1000" help:"the longest that the last sound of an utterance takes to fade"`
	FadeBelowPeak   float64 `json:"fade_below_peak_db" unit:"dB" default:"32" min:"10" max:"80" help:"how far under the loudest voice the last sound may fade"`
	ClearLine       float64 `json:"clear_line_db" unit:"dB" default:"40" min:"0" max:"100" help:"with the noise so far under the voice, the end of speech is known exactly and there is time to wait for more"`
	ClearBackground float64 `json:"clear_background_db" unit:"dB" default:"24" min:"0" max:"100" help:"and what is heard besides the voice is in the mean so far under it: nobody talks behind"`
	EndClear        float64 `json:"end_clear_ms" unit:"ms" default:"1340" min:"200" max:"4000" help:"silence that ends an answer on a clear line: machines that say hello first and pause go on earlier"`
	EndShort        float64 `json:"end_short_ms" unit:"ms" default:"1220" min:"200" max:"4000" help:"silence that ends a short answer; in noise its end is heard up to 200 ms late, and a person is answered within two seconds"`
	EndMiddle       float64 `json:"end_middle_ms" unit:"ms" default:"1220" min:"200" max:"4000" help:"silence that ends an answer of middle length"`
	EndLong         float64 `json:"end_long_ms" unit:"ms" default:"1170" min:"200" max:"4000" help:"silence that ends a long answer; machines pause for less between sentences"`
	ShortTalk       float64 `json:"short_talk_ms" unit:"ms" default:"700" min:"100" max:"5000" help:"an answer of up to this length is short: hello, a name"`
	MiddleTalk      float64 `json:"middle_talk_ms" unit:"ms" default:"2000" min:"200" max:"10000" help:"an answer of this length is of middle length: a company and a name; in between the silence changes evenly"`
	LongTalk        float64 `json:"long_talk_ms" unit:"ms" default:"3400" min:"200" max:"20000" help:"an answer from this length on is long: a receptionist's"`

	RepeatFirst  float64 `json:"repeat_first_ms" unit:"ms" default:"800" min:"0" max:"5000" help:"a first utterance of up to this length may be repeated: hello? hello?"`
	RepeatSecond float64 `json:"repeat_second_ms" unit:"ms" default:"500" min:"0" max:"5000" help:"the longest second utterance that counts as a repetition"`
	RepeatLonger float64 `json:"repeat_longer_ms" unit:"ms" default:"80" min:"0" max:"5000" help:"a repetition is the same word: it is longer than the first by this at most; a machine's hello is followed by a sentence"`
	RepeatPause  float64 `json:"repeat_pause_ms" unit:"ms" default:"760" min:"100" max:"5000" help:"the shortest pause before a repetition; those inside a greeting are shorter"`
	RepeatQuiet  float64 `json:"repeat_quiet_ms" unit:"ms" default:"240" min:"40" max:"4000" help:"silence after a repetition that makes it one: a little more than the pauses inside a sentence, as the person already waits"`

	MachineTalk     float64 `json:"machine_talk_ms" unit:"ms" default:"3200" min:"500" max:"20000" help:"hardly anybody but a receptionist greets for so long without waiting for an answer, nearly every machine does"`
	ReceptionTalk   float64 `json:"reception_talk_ms" unit:"ms" default:"4500" min:"500" max:"20000" help:"the longest greeting that may still be a receptionist's: more leaves no silence before the limit"`
	ReceptionPhrase float64 `json:"reception_phrase_ms" unit:"ms" default:"2300" min:"200" max:"20000" help:"the longest part of a receptionist's greeting: a company, a name, an offer of help; announcements have longer sentences"`
	ReceptionQuiet  float64 `json:"reception_quiet_ms" unit:"ms" default:"560" min:"20" max:"4000" help:"the least silence that ends a long greeting at the limit; between the parts of a greeting pauses are shorter"`
	ReceptionPause  float64 `json:"reception_pause_ms" unit:"ms" default:"500" min:"20" max:"5000" help:"the longest pause within a receptionist's greeting, for breath; a machine's between sentences are longer"`
	ReceptionRest   float64 `json:"reception_rest" unit:"times" default:"1.5" min:"0" max:"20" help:"the silence that ends a long greeting is so many times its longest pause; one more pause like the others is no end"`

	LimitMachine      float64 `json:"limit_machine_ms" unit:"ms" default:"1500" min:"200" max:"20000" help:"at the limit, a greeting of this length that no silence has ended yet is a machine's"`
	LimitQuiet        float64 `json:"limit_quiet_ms" unit:"ms" default:"300" min:"20" max:"4000" help:"at the limit, so much silence after a shorter answer is enough for a person"`
	LimitSilence      float64 `json:"limit_silence_ms" unit:"ms" default:"1100" min:"20" max:"4000" help:"at the limit, so much silence after an answer of any length is enough for a person: few machines pause for so long between sentences"`
	LimitShort        float64 `json:"limit_short_ms" unit:"ms" default:"800" min:"20" max:"20000" help:"phrases of up to this length are those of a person who says hello again"`
	LimitShortSilence float64 `json:"limit_short_silence_ms" unit:"ms" default:"700" min:"20" max:"4000" help:"at the limit, so much silence after such phrases is enough for a person"`
	LateOnset         float64 `json:"late_onset_ms" unit:"ms" default:"3400" min:"500" max:"20000" help:"people answer sooner; one who begins later and still talks at the limit is a machine after music or a silence"`

	ToneMin        float64 `json:"tone_min_hz" unit:"Hz" default:"345" min:"200" max:"3400" help:"the lowest beeps in use are at 350 Hz"`
	ToneMax        float64 `json:"tone_max_hz" unit:"Hz" default:"2550" min:"200" max:"3400" help:"the highest beeps in use are at 2500 Hz"`
	ToneMinTime    float64 `json:"tone_min_ms" unit:"ms" default:"75" min:"40" max:"1000" help:"the shortest beeps last 80 ms"`
	ToneMaxTime    float64 `json:"tone_max_ms" unit:"ms" default:"2300" min:"200" max:"10000" help:"the longest beeps last 2 s; what goes on is a dial tone, a fax or music"`
	TonePurity     float64 `json:"tone_purity" unit:"share" default:"0.45" min:"0.2" max:"1" help:"the share of the power above the noise floor that one or two spectral lines hold in a tone; vowels spread over their harmonics"`
	ToneDrift      float64 `json:"tone_drift_hz" unit:"Hz" default:"45" min:"1" max:"200" help:"the most that the frequency of a chirped beep moves in 20 ms"`
	ToneBend       float64 `json:"tone_bend_hz" unit:"Hz" default:"16" min:"1" max:"200" help:"the most that this movement itself changes in 20 ms"`
	ToneLevel      float64 `json:"tone_level_db" unit:"dB" default:"3" min:"0.2" max:"12" help:"the most that the level of a tone moves in 20 ms; notes decay and vowels swell by more"`
	ToneCodedLevel float64 `json:"tone_coded_level_db" unit:"dB" default:"6" min:"0.2" max:"12" help:"the most that the level of a very pure tone moves in 20 ms: GSM's coder shakes it"`
	ToneMinLevel   float64 `json:"tone_min_level_dbov" unit:"dBov" default:"-58" min:"-80" max:"-10" help:"quieter tones are crosstalk"`
	HumanToneMax   float64 `json:"human_tone_max_hz" unit:"Hz" default:"2150" min:"200" max:"3400" help:"after a person's greeting a higher tone is a device in the room: smoke alarm, oven"`
	AnswerTone     float64 `json:"answer_tone_ms" unit:"ms" default:"200" min:"0" max:"2000" help:"a tone that sounds already at the answer is a rest of ringback"`

	ToneAlone      float64 `json:"tone_alone_ms" unit:"ms" default:"500" min:"0" max:"2000" help:"a tone before any speech is a beep when no other follows for so long; special information tones follow within 100 ms"`
	AnswerToneTime float64 `json:"answer_tone_total_ms" unit:"ms" default:"600" min:"300" max:"3000" help:"so much of 2100 Hz before any speech is a fax or modem"`

	MessageSilence float64 `json:"message_silence_ms" unit:"ms" default:"2000" min:"200" max:"10000" help:"silence after a machine's greeting after which it records even without a beep"`
	MessageDelay   float64 `json:"message_delay_ms" unit:"ms" default:"120" min:"0" max:"1000" help:"from the end of the beep to the message; recorders start a moment after it"`
}

// Threshold describes one field of Config.
type Threshold struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Default float64 `json:"default"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Reason  string  `json:"reason"`
}

var thresholds = readThresholds()

// readThresholds reads the tags of Config. A tag that is no number shows in
// the tests.
func readThresholds() []Threshold {
	t := reflect.TypeFor[Config]()
	all := make([]Threshold, t.NumField())
	for i := range all {
		tag := t.Field(i).Tag
		number := func(key string) float64 {
			v, _ := strconv.ParseFloat(tag.Get(key), 64)
			return v
		}
		all[i] = Threshold{
			Name: tag.Get("json"), Unit: tag.Get("unit"), Reason: tag.Get("help"),
			Default: number("default"), Min: number("min"), Max: number("max"),
		}
	}
	return all
}

// Thresholds lists all thresholds in the order of Config's fields.
func Thresholds() []Threshold { return append([]Threshold(nil), thresholds...) }

// Defaults is the Config that the zero Config stands for.
func Defaults() Config {
	var c Config
	v := reflect.ValueOf(&c).Elem()
	for i, t := range thresholds {
		v.Field(i).SetFloat(t.Default)
	}
	return c
}

// Set changes the threshold of that name. It refuses unknown names and values
// out of bounds.
func (c *Config) Set(name string, value float64) error {
	if *c == (Config{}) {
		*c = Defaults()
	}
	for i, t := range thresholds {
		if t.Name != name {
			continue
		}
		if !(value >= t.Min && value <= t.Max) {
			return fmt.Errorf("amd: %s must be %g to %g %s", name, t.Min, t.Max, t.Unit)
		}
		reflect.ValueOf(c).Elem().Field(i).SetFloat(value)
		return nil
	}
	return fmt.Errorf("amd: unknown threshold %q", name)
}

// Override changes the thresholds that a JSON object names: {"limit_ms":
// 4000}. An unknown name, a value that is no number, or one out of bounds is
// an error and leaves c as it was. Nothing and null change nothing.
func (c *Config) Override(raw json.RawMessage) error {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	var values map[string]float64
	if err := dec.Decode(&values); err != nil {
		return fmt.Errorf("amd: thresholds: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("amd: thresholds: more than one JSON value")
	}
	changed := *c
	for name, value := range values {
		if err := changed.Set(name, value); err != nil {
			return err
		}
	}
	*c = changed
	return nil
}

// orDefaults fills the zero Config.
func (c Config) orDefaults() Config {
	if c == (Config{}) {
		return Defaults()
	}
	return c
}

// frames is a threshold in milliseconds as a number of frames, at least one.
func frames(ms float64) int { return max(1, int(ms/frameMS+0.5)) }

// WithLimit is the Config with another limit, held to its bounds.
func (c Config) WithLimit(d time.Duration) Config {
	c = c.orDefaults()
	limit := float64(d) / float64(time.Millisecond)
	c.Limit = min(max(limit, thresholds[0].Min), thresholds[0].Max)
	return c
}

// Value is the threshold of that name.
func (c Config) Value(name string) (float64, bool) {
	c = c.orDefaults()
	for i, t := range thresholds {
		if t.Name == name {
			return reflect.ValueOf(c).Field(i).Float(), true
		}
	}
	return 0, false
}
