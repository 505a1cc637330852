package call

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"offhook/event"
	"offhook/media"
	"offhook/media/audio"
	"offhook/media/tone"
	"offhook/resource"
	"offhook/speech"
	"offhook/store/rows"
)

// PromptKind says where the sound of a Prompt comes from.
type PromptKind int

// The kinds of prompts.
const (
	PromptText PromptKind = iota
	PromptURL
	PromptBeep
	PromptRecording
)

// Prompt is something to play to a party.
type Prompt struct {
	Kind        PromptKind
	Text        speech.Request
	URL         string
	Recording   string // id or URL
	StopOnDigit bool   // a key ends it and stays to be collected
}

// rate is the rate of the party's codec, in Hz.
func (c *Call) rate() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leg == nil {
		return 8000
	}
	return c.leg.sampleRate()
}

// Sound makes a prompt ready to be played at rate. It returns as soon as the
// first sound is there.
func (x *Exchange) Sound(ctx context.Context, customerID string, p Prompt, rate int) (media.Source, error) {
	clip, err := x.clip(ctx, customerID, p)
	if err != nil {
		return nil, err
	}
	if clip == nil {
		return tone.New(rate, tone.Beep()), nil
	}
	return clip.Source(rate), nil
}

func (x *Exchange) clip(ctx context.Context, customerID string, p Prompt) (*audio.Clip, error) {
	switch p.Kind {
	case PromptText:
		return x.cfg.Speech.Synthesize(ctx, p.Text)
	case PromptURL:
		return x.cfg.Audio.Open(ctx, p.URL)
	case PromptRecording:
		path, err := x.RecordingPath(ctx, customerID, p.Recording)
		if err != nil {
			return nil, err
		}
		return x.cfg.Audio.OpenPath(ctx, path)
	}
	return nil, nil
}

// Play plays a prompt to the party and returns when it is over, a key stopped
// it, or ctx ended. A prompt that can't be had is an error, after the event
// that tells why.
func (c *Call) Play(ctx context.Context, p Prompt) error {
	src, err := c.x.Sound(ctx, c.CustomerID(), p, c.rate())
	if err != nil {
		c.tellFailure(p, err)
		return fmt.Errorf("prompt: %w", err)
	}
	var stop <-chan struct{}
	if p.StopOnDigit {
		typed, next := c.keys.pending()
		if typed {
			return nil
		}
		stop = next
	}
	return c.stage.perform(ctx, layerPrompt, src, stop)
}

// PlayInBackground plays a prompt and returns at once.
func (c *Call) PlayInBackground(p Prompt) {
	c.x.work.Go(func() {
		if err := c.Play(c.ctx, p); err != nil && c.ctx.Err() == nil {
			c.log().Warn("background prompt", "error", err)
		}
	})
}

// tellFailure publishes that something could not be played.
func (c *Call) tellFailure(p Prompt, err error) {
	reason := "prompt_failed"
	if errors.Is(err, speech.ErrUnavailable) {
		reason = "engine_not_configured"
	}
	c.log().Warn("prompt failed", "reason", reason, "error", err)
	c.Emit(event.TalkFailed(c.Snapshot(), reason, err.Error()))
}

// Echo lets the party hear itself for d.
func (c *Call) Echo(ctx context.Context, d time.Duration) error {
	port := c.portNow()
	if port == nil {
		return ErrState
	}
	port.Echo(true)
	defer port.Echo(false)
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// portNow is the port of the live leg, nil when there is none.
func (c *Call) portNow() *media.Port {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.leg == nil {
		return nil
	}
	return c.leg.port
}

// MusicStart plays a class of music in the background until MusicStop or a
// conversation. An unknown class is an error.
func (c *Call) MusicStart(class string) error {
	src, err := c.music(class)
	if err != nil {
		return err
	}
	c.stage.set(layerRinging, nil)
	c.stage.set(layerMusic, src)
	return nil
}

func (c *Call) music(class string) (media.Source, error) {
	if c.x.cfg.Music != nil {
		return c.x.cfg.Music(class, c.rate())
	}
	return audio.Loop(audio.Music(), c.rate()), nil
}

// MusicStop ends what MusicStart began.
func (c *Call) MusicStop() { c.stage.set(layerMusic, nil) }

// Mute silences what the party says (in), what it hears (out), both, or
// nothing (an empty direction).
func (c *Call) Mute(direction string) {
	c.update(func(r *resource.Call) {
		r.MuteDirection = direction
		c.applyMute()
	})
}

// Collect returns the keys pressed since the last collection and what follows;
// see digitBuffer.collect.
func (c *Call) Collect(ctx context.Context, length int, keys string, duration time.Duration) (string, error) {
	return c.keys.collect(ctx, length, keys, duration)
}

// SendDigits sends keys to the party and returns when they are through.
func (c *Call) SendDigits(ctx context.Context, digits string, on, gap time.Duration) error {
	port := c.portNow()
	if port == nil {
		return ErrState
	}
	select {
	case <-port.SendDigits(digits, on, gap).Done():
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// hear takes a key that the party pressed. Keys that came in SIP pass on to
// whom the party talks to; those in the sound, the bridge passes on.
func (c *Call) hear(k Keypress, by string) {
	c.keys.push(k)
	c.Emit(event.DTMFReceived(c.Snapshot(), string(k.Key), int(k.Duration.Milliseconds())))
	if by != "info" {
		return
	}
	if s := c.seatNow(); s != nil {
		for _, other := range s.conversation().others(c) {
			if port := other.call.portNow(); port != nil {
				port.SendDigits(string(k.Key), k.Duration, 50*time.Millisecond)
			}
		}
	}
}

// RecordingPath returns the file of a finished recording of a customer: by id,
// or by the URL that the API shows.
func (x *Exchange) RecordingPath(ctx context.Context, customerID, ref string) (string, error) {
	id, _, _ := strings.Cut(ref, "?")
	id = id[strings.LastIndexByte(id, '/')+1:]
	r, err := rows.Recordings.Load(ctx, x.cfg.DB, customerID, id)
	if err != nil {
		return "", fmt.Errorf("recording %q: %w", ref, err)
	}
	return x.RecordingFile(r), nil
}
