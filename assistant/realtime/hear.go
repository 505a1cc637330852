package realtime

import (
	"context"
	"strings"
	"sync"
	"time"

	"offhook/speech/stt"
)

// utterance is something that the party says. It implements stt.Stream: its
// words are what the server writes down of it, and the model hears its sound.
type utterance struct {
	s       *Session
	event   string // of its commit; guarded by the session
	results chan stt.Result

	mu       sync.Mutex
	speaking bool // it has the server's buffer
	text     strings.Builder
	over     bool
	err      error
}

var _ stt.Stream = (*utterance)(nil)

// Hear begins an utterance, which ends with Finish.
func (s *Session) Hear() stt.Stream { return &utterance{s: s, results: make(chan stt.Result, 64)} }

// Write implements stt.Stream.
func (u *utterance) Write(ctx context.Context, pcm []int16) error {
	if err := u.begin(ctx); err != nil {
		return err
	}
	_, err := u.s.send(ctx, "input_audio_buffer.append", map[string]any{"audio": u.s.sound.encode(pcm)})
	return err
}

// begin waits for the server's buffer, unless the utterance has it.
func (u *utterance) begin(ctx context.Context) error {
	u.mu.Lock()
	speaking, over := u.speaking, u.over
	u.mu.Unlock()
	switch {
	case over:
		return errClosed
	case speaking:
		return nil
	}
	select {
	case u.s.buffer <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-u.s.over:
		return u.s.cause()
	}
	u.s.sound.begin()
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.over { // closed meanwhile
		<-u.s.buffer
		return errClosed
	}
	u.speaking = true
	return nil
}

// Finish implements stt.Stream.
func (u *utterance) Finish(ctx context.Context) error {
	u.mu.Lock()
	speaking := u.speaking
	u.mu.Unlock()
	if !speaking {
		u.final("")
		return nil
	}
	defer u.release()
	u.s.write.Lock() // so that commits are confirmed in the order in which they wait
	defer u.s.write.Unlock()
	u.s.mu.Lock()
	u.event, u.s.commits = u.s.next(), append(u.s.commits, u)
	u.s.mu.Unlock()
	if _, err := u.s.sendLocked(ctx, "input_audio_buffer.commit", map[string]any{}); err != nil {
		return err
	}
	if !u.s.Alive() {
		u.end(u.s.cause())
	}
	return nil
}

// release gives the server's buffer to the next one. It reports whether the
// utterance had it.
func (u *utterance) release() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	had := u.speaking
	if had {
		u.speaking = false
		<-u.s.buffer
	}
	return had
}

// Results implements stt.Stream.
func (u *utterance) Results() <-chan stt.Result { return u.results }

// Err implements stt.Stream.
func (u *utterance) Err() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.err
}

// Close implements stt.Stream. What was said and not finished is forgotten.
func (u *utterance) Close() {
	u.end(nil)
	u.mu.Lock()
	speaking := u.speaking
	u.mu.Unlock()
	if speaking && u.s.Alive() {
		_, _ = u.s.send(u.s.ctx, "input_audio_buffer.clear", map[string]any{})
	}
	u.release()
}

// end closes the results.
func (u *utterance) end(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.over {
		u.over, u.err = true, err
		close(u.results)
	}
}

// partly tells words so far.
func (u *utterance) partly(delta string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.text.WriteString(delta)
	u.tell(stt.Result{Kind: stt.Interim, Text: u.text.String()})
}

// final tells all words and ends.
func (u *utterance) final(text string) {
	u.mu.Lock()
	u.tell(stt.Result{Kind: stt.Final, Text: strings.TrimSpace(text), Through: 24 * time.Hour})
	u.mu.Unlock()
	u.end(nil)
}

// tell gives a result; when nobody takes them, the latest are lost. The caller
// holds the lock.
func (u *utterance) tell(r stt.Result) {
	if u.over {
		return
	}
	select {
	case u.results <- r:
	default:
	}
}

// committed learns the item of the oldest utterance that waits.
func (s *Session) committed(item string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.commits) > 0 {
		s.spoken[item], s.commits = s.commits[0], s.commits[1:]
	}
}

// transcribed tells an utterance's words. One without any is noise, which the
// model need not think about.
func (s *Session) transcribed(item, text string, err error) {
	s.mu.Lock()
	u := s.spoken[item]
	delete(s.spoken, item)
	s.mu.Unlock()
	if strings.TrimSpace(text) == "" && err == nil {
		_ = s.forget(s.ctx, item)
	}
	switch {
	case u == nil:
	case err != nil:
		u.end(err)
	default:
		u.final(text)
	}
}
