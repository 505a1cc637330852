package assistant

import (
	"strings"
	"sync"
	"time"

	"offhook/media"
	"offhook/media/audio"
)

// mouth is what an assistant says, as one endless media.Source: sentences one
// after the other, silence or a filler between them. It can be paused within a
// frame, and knows how much of each sentence was played.
type mouth struct {
	rate    int
	changed chan struct{} // has one entry when a sentence began or all is said

	mu     sync.Mutex // held for a few instructions; the clock takes it each frame
	queue  []*sentence
	spoken []*sentence // of this turn, played to their end
	paused bool
	filler media.Source // played while there is nothing to say
	phrase bool         // the filler is words, which stop for the party
	first  time.Time    // when this turn's first sound was played
	last   time.Time    // when sound was played last
}

// sentence is a text on its way to the party.
type sentence struct {
	piece
	src *audio.Source
	err error // what its sound ended with
}

func newMouth(rate int) *mouth {
	return &mouth{rate: rate, changed: make(chan struct{}, 1), last: time.Now()}
}

// Rate implements media.Source.
func (m *mouth) Rate() int { return m.rate }

// ReadFrame implements media.Source. It never ends.
func (m *mouth) ReadFrame(dst []int16) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for !m.paused && len(m.queue) > 0 {
		s := m.queue[0]
		before := s.src.Position()
		err := s.src.ReadFrame(dst)
		if err == nil {
			if s.src.Position() > before {
				m.sound()
			}
			return nil
		}
		s.err = err
		m.queue, m.spoken = m.queue[1:], append(m.spoken, s)
		m.notify()
	}
	if m.filler != nil && !m.paused {
		if m.filler.ReadFrame(dst) == nil {
			return nil
		}
		m.filler, m.last = nil, time.Now() // a phrase that is over
	}
	clear(dst)
	return nil
}

// sound notes that the party hears us. The caller holds the lock.
func (m *mouth) sound() {
	m.last = time.Now()
	if m.first.IsZero() {
		m.first = m.last
		m.notify()
	}
}

func (m *mouth) notify() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// begin starts a turn: nothing of it has been heard. A filler goes on.
func (m *mouth) begin() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.queue, m.spoken, m.paused, m.first = nil, nil, false, time.Time{}
}

// say queues a sentence.
func (m *mouth) say(p piece) {
	s := &sentence{piece: p, src: p.clip.Source(m.rate)}
	m.mu.Lock()
	m.queue, m.filler = append(m.queue, s), nil
	m.mu.Unlock()
}

// fill plays a filler until there is something to say; it may be words.
func (m *mouth) fill(src media.Source, phrase bool) {
	m.mu.Lock()
	m.filler, m.phrase = src, phrase
	m.mu.Unlock()
}

// hush ends the filler.
func (m *mouth) hush() { m.fill(nil, false) }

// filling reports whether there is a filler.
func (m *mouth) filling() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.filler != nil
}

// pause stops our sound with the next frame. It reports whether there was
// something to stop.
func (m *mouth) pause() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.phrase {
		m.filler = nil
	}
	if len(m.queue) == 0 || m.paused {
		return false
	}
	m.paused = true
	return true
}

// hold keeps what comes from being said until resume.
func (m *mouth) hold() {
	m.mu.Lock()
	m.paused = true
	m.mu.Unlock()
}

// rewind is how much is said again after a pause, so that the words make sense.
const rewind = 400 * time.Millisecond

// resume goes on where pause stopped.
func (m *mouth) resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.paused {
		return
	}
	m.paused = false
	if len(m.queue) == 0 {
		return
	}
	s := m.queue[0]
	at := s.src.Position() - rewind
	s.src = s.clip.Source(m.rate)
	frame := make([]int16, m.rate/50)
	for s.src.Position() < at {
		if s.src.ReadFrame(frame) != nil {
			return
		}
	}
}

// drop forgets what is not said yet.
func (m *mouth) drop() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) > 0 && m.queue[0].src.Position() > 0 {
		m.spoken = append(m.spoken, m.queue[0])
	}
	m.queue, m.paused, m.filler = nil, false, nil
}

// idle reports whether everything is said.
func (m *mouth) idle() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue) == 0
}

// quiet is how long the party has heard nothing of us.
func (m *mouth) quiet() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return time.Since(m.last)
}

// played is how much of a clip the party has heard in this turn.
func (m *mouth) played(clip *audio.Clip) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range append(m.spoken[:len(m.spoken):len(m.spoken)], m.queue...) {
		if s.clip == clip {
			return s.src.Position()
		}
	}
	return 0
}

// began is when this turn's first sound was played; zero: not yet.
func (m *mouth) began() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.first
}

// heard is the part of this turn's text that the party has heard.
func (m *mouth) heard() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var parts []string
	for _, s := range append(m.spoken[:len(m.spoken):len(m.spoken)], m.queue...) {
		if part := s.heard(); part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}

// speakingRate is how long a character takes where a clip's length is not
// known yet.
const speakingRate = 65 * time.Millisecond

// heard is the words of a sentence up to where it was played.
func (s *sentence) heard() string {
	at, whole, text := s.src.Position(), s.clip.Duration(), s.text
	if s.words != nil {
		text = s.words()
	}
	select {
	case <-s.clip.Done():
		if s.err != nil && s.clip.Err() == nil || at >= whole {
			return text
		}
	default:
		whole = max(whole, time.Duration(len(text))*speakingRate)
	}
	if whole <= 0 {
		return ""
	}
	limit := int(float64(len(text)) * float64(at) / float64(whole))
	if limit >= len(text) {
		return text
	}
	return strings.TrimSpace(text[:strings.LastIndexByte(text[:limit], ' ')+1])
}
