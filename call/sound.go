package call

import (
	"sync"

	"offhook/media"
)

// Attach lets sink have the party's sound, both ways, at rate Hz from now on,
// whichever leg the call has. detach may be called more than once; after the
// call's end it does nothing.
func (c *Call) Attach(sink media.Sink, rate int) (detach func()) {
	return c.stage.listen(sink, rate)
}

// Speak plays src to the party in place of music and ringback, until silence
// is called or the source ends; hold and prompts are heard instead of it while
// they last, and it waits. A later Speak replaces it. The source's rate may be
// any.
func (c *Call) Speak(src media.Source) (silence func()) {
	c.stage.set(layerVoice, src)
	return func() { c.stage.clear(layerVoice, src) }
}

// Rate is the sample rate of the party's codec in Hz, 8000 before there is one.
func (c *Call) Rate() int { return c.rate() }

// Keys delivers every key that the party presses from now on, until stop is
// called. The keys stay to be collected. A reader that does not keep up loses
// some.
func (c *Call) Keys() (pressed <-chan Keypress, stop func()) { return c.keys.watch() }

// ForgetKeys forgets the keys that nobody has collected.
func (c *Call) ForgetKeys() { c.keys.clear() }

// listener is a sink that follows the call over its legs.
type listener struct {
	sink   media.Sink
	rate   int
	detach func() // nil: no leg now
}

// listen attaches a sink to the present port and to those that follow.
func (s *stage) listen(sink media.Sink, rate int) (detach func()) {
	l := &listener{sink: sink, rate: rate}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	if s.port != nil {
		l.detach = s.port.Attach(sink, rate)
	}
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if l.detach != nil {
			l.detach()
		}
		for i, other := range s.listeners {
			if other == l {
				s.listeners = append(s.listeners[:i], s.listeners[i+1:]...)
				return
			}
		}
	})
}

// follow moves the listeners to the present port. The caller holds the lock.
func (s *stage) follow() {
	for _, l := range s.listeners {
		if l.detach != nil {
			l.detach()
			l.detach = nil
		}
		if s.port != nil {
			l.detach = s.port.Attach(l.sink, l.rate)
		}
	}
}
