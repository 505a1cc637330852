// Package recorder writes what a party said and heard to WAV and MP3 files.
//
// A Recording takes one pair of frames for each tick of the media clock,
// never blocks that clock, and writes from a goroutine of its own. A file is
// written as it goes under a hidden name and takes its own name only when it
// is complete; Recover makes whole what a killed process left behind.
package recorder

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"offhook/recorder/mp3"
)

// Format is the container and coding of a recording.
type Format string

// The formats that Start accepts.
const (
	WAV Format = "wav" // 16-bit linear PCM
	MP3 Format = "mp3" // MPEG Layer III, constant bit rate
)

// Direction says whose voice is recorded, seen from the recorded party.
type Direction string

// The directions that Start accepts.
const (
	In   Direction = "in"   // what the party said
	Out  Direction = "out"  // what the party heard
	Both Direction = "both" // both: left said, right heard, or one mono mix
)

// Reason says why a recording ended.
type Reason string

// The reasons that Result carries. End accepts others as well, such as the
// key that the caller pressed.
const (
	Stopped    Reason = "stopped"     // Stop was called
	Silence    Reason = "silence"     // Options.Silence or Options.InitialSilence passed
	Duration   Reason = "duration"    // Options.MaxDuration was reached
	Idle       Reason = "idle"        // no frame came for Options.Idle
	DiskFull   Reason = "disk_full"   // no space left; what fitted is kept
	WriteError Reason = "write_error" // the file could not be written; what was written is kept
	Recovered  Reason = "recovered"   // found unfinished by Recover
)

// FrameDuration is the length of one frame given to WriteFrame.
const FrameDuration = 20 * time.Millisecond

// Options describe a recording.
type Options struct {
	// Path is the file's final name. Its folder is made when missing. A file
	// that is there already is replaced when the recording is complete.
	Path string
	// Format defaults to WAV.
	Format Format
	// Direction defaults to Both.
	Direction Direction
	// Channels is 2 (the default for Both) or 1. With 1 and Both the two
	// voices are mixed.
	Channels int
	// Rate is the sampling rate in Hz of the frames that will be written.
	// See RateFor for those that MP3 knows.
	Rate int
	// BitRate of MP3 in bit/s; 0 takes 32,000 for mono and 64,000 for stereo.
	BitRate int
	// MaxDuration ends the recording when it is that long, pauses counted; 0
	// is no limit.
	MaxDuration time.Duration
	// Silence ends the recording after that much silence after speech; 0
	// never does.
	Silence time.Duration
	// InitialSilence ends the recording when nobody spoke for that long from
	// its start; 0 never does.
	InitialSilence time.Duration
	// Idle ends the recording when WriteFrame was not called for that long,
	// which means that its owner is gone; 0 never does.
	Idle time.Duration
	// Logger is told once of a recording that ended with an error, so that
	// whoever gets the Result need not log it again; nil is slog.Default.
	Logger *slog.Logger
	// OnEnd is called once, from the recording's goroutine, when the file is
	// complete. It may call Stop.
	OnEnd func(Result)
}

// Result tells what became of a recording.
type Result struct {
	Path     string        // the finished file
	Duration time.Duration // of the audio, silence of pauses included
	Size     int64         // of the file in bytes
	Reason   Reason
	Dropped  int64 // frames that came faster than the disk took them; silence in the file
	Err      error // what went wrong, nil when the file is whole
}

// ErrOptions is wrapped by the errors of Start that the caller can mend.
var ErrOptions = errors.New("recorder: bad options")

// RateFor gives the sampling rate at which to record a call of the given rate:
// the call's own for WAV, the nearest one that is not lower for MP3, whose
// lowest is 16 kHz here.
func RateFor(format Format, rate int) int {
	if format != MP3 {
		return rate
	}
	for _, r := range mp3.SampleRates() {
		if r >= rate {
			return r
		}
	}
	return 48000
}

func (o Options) withDefaults() (Options, error) {
	if o.Format == "" {
		o.Format = WAV
	}
	if o.Direction == "" {
		o.Direction = Both
	}
	if o.Channels == 0 {
		o.Channels = 1
		if o.Direction == Both {
			o.Channels = 2
		}
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return o, o.validate()
}

func (o Options) validate() error {
	switch {
	case o.Path == "" || filepath.Base(o.Path)[0] == '.':
		return fmt.Errorf("%w: path %q must name a file that is not hidden", ErrOptions, o.Path)
	case o.Format != WAV && o.Format != MP3:
		return fmt.Errorf("%w: format %q is neither wav nor mp3", ErrOptions, o.Format)
	case o.Direction != In && o.Direction != Out && o.Direction != Both:
		return fmt.Errorf("%w: direction %q is none of in, out, both", ErrOptions, o.Direction)
	case o.Channels != 1 && (o.Channels != 2 || o.Direction != Both):
		return fmt.Errorf("%w: %d channels for direction %s", ErrOptions, o.Channels, o.Direction)
	case o.Rate < 8000 || o.Rate > 48000 || o.Rate%50 != 0:
		return fmt.Errorf("%w: rate %d Hz is not within 8000 to 48000", ErrOptions, o.Rate)
	case o.Format == MP3 && RateFor(MP3, o.Rate) != o.Rate:
		return fmt.Errorf("%w: rate %d Hz is not one of MP3's, record at %d", ErrOptions, o.Rate, RateFor(MP3, o.Rate))
	case o.Format == MP3 && o.mp3().Validate() != nil:
		return fmt.Errorf("%w: %w", ErrOptions, o.mp3().Validate())
	case o.MaxDuration < 0 || o.Silence < 0 || o.InitialSilence < 0 || o.Idle < 0:
		return fmt.Errorf("%w: a duration is negative", ErrOptions)
	}
	return nil
}

func (o Options) mp3() mp3.Config {
	return mp3.Config{SampleRate: o.Rate, Channels: o.Channels, BitRate: o.BitRate}
}

// frameSamples is the number of samples of one frame of one voice.
func (o Options) frameSamples() int { return o.Rate / 50 }
