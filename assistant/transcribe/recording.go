package transcribe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"offhook/media/audio"
	"offhook/media/resample"
	"offhook/resource"
	"offhook/speech/stt"
	"offhook/store"
	"offhook/store/rows"
)

// Recording transcribes a finished recording, faster than it was spoken, and
// returns at once. Of a stereo recording each side is transcribed for itself,
// or the one that the request asks for; what is in a recording of one channel
// counts as spoken by the side that was recorded, that of both as in.
func (s *Service) Recording(ctx context.Context, customerID, id string, r Request) (resource.Transcribe, error) {
	rec, err := rows.Recordings.Load(ctx, s.cfg.DB, customerID, id)
	if err != nil {
		return resource.Transcribe{}, fmt.Errorf("recording %q: %w", id, err)
	}
	file, err := s.cfg.Open(rec)
	if err != nil {
		return resource.Transcribe{}, fmt.Errorf("recording %q: %w", id, err)
	}
	sound, err := audio.NewDecoder(file, rec.Format)
	if err != nil {
		return resource.Transcribe{}, errors.Join(fmt.Errorf("recording %q: %w", id, err), file.Close())
	}
	switch {
	case rec.Channels > 1:
	case rec.Direction == "out":
		r.Direction = "out"
	default:
		r.Direction = "in"
	}
	n := s.newSession(Sound{
		CustomerID: customerID, ReferenceType: "recording", ReferenceID: id, ActiveflowID: rec.ActiveflowID, Emit: s.Emit,
	}, r)
	n.patience, n.merge = recordingPatience, newMerge(n)
	s.mu.Lock()
	s.live[key{customerID, n.row.ID}] = n
	s.mu.Unlock()
	n.begin()
	s.work.Go(func() { s.run(n) })
	s.work.Go(func() {
		defer file.Close()
		n.read(sound)
	})
	return n.snapshot(), nil
}

// recordingPatience is the patience with engines that are slower than speech.
const recordingPatience = 10 * time.Minute

// Emit publishes an event that belongs to no call.
func (s *Service) Emit(e resource.Event) {
	s.cfg.DB.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) })
}

// read feeds a recording as quickly as the engine takes it.
func (n *session) read(sound *audio.Decoder) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-n.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	err := n.feed(ctx, sound)
	n.closeFeeds()
	if err != nil && ctx.Err() == nil {
		n.log().Warn("recording not read to its end", "error", err)
	}
	n.end("finished")
}

// feed gives each voice its channel.
func (n *session) feed(ctx context.Context, sound *audio.Decoder) error {
	channels, samples := sound.Channels(), sound.Rate()/50
	converters := make([]*resample.Resampler, len(n.voices))
	for i := range converters {
		converters[i] = resample.New(sound.Rate(), stt.Rate)
	}
	frames, one := make([]int16, samples*channels), make([]int16, samples)
	for {
		count, err := sound.ReadChannels(frames)
		for i, v := range n.voices {
			channel := min(v.channel(), channels-1)
			for at := range count {
				one[at] = frames[at*channels+channel]
			}
			pcm := make([]int16, converters[i].Len(count))
			converters[i].Process(pcm, one[:count])
			if err := v.feed.WriteWait(ctx, pcm); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// channel is where a stereo recording has the voice.
func (v *voice) channel() int {
	if v.direction == "out" {
		return 1
	}
	return 0
}
