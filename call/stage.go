package call

import (
	"context"
	"sync"

	"offhook/media"
)

// layer is one kind of sound that offhook plays to a party. The highest layer
// that has a source is heard; what lies below goes on when it is over.
type layer int

const (
	layerRinging layer = iota // ringback while somebody is called
	layerMusic                // moh_start, a queue's music
	layerVoice                // an assistant that talks with the party
	layerHold                 // music for a party that is held
	layerPrompt               // talk, play, beep, whisper
	layers
)

// stage decides which of the sounds meant for a party it hears now.
type stage struct {
	mu      sync.Mutex
	port    *media.Port
	sources [layers]media.Source
	now     media.Source // what the port plays
	playing *media.Playback

	listeners []*listener
}

// move lets another port, of a new leg, play from now on.
func (s *stage) move(p *media.Port) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.port, s.now, s.playing = p, nil, nil
	s.follow()
	s.show()
}

// set puts a source on a layer; nil clears it. It returns the playback when
// the source is what is heard now, else nil.
func (s *stage) set(l layer, src media.Source) *media.Playback {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources[l] = src
	s.show()
	if src == nil || s.now != src {
		return nil
	}
	return s.playing
}

// clear empties a layer if it still holds src.
func (s *stage) clear(l layer, src media.Source) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sources[l] == src {
		s.sources[l] = nil
		s.show()
	}
}

// has reports whether a layer has a source.
func (s *stage) has(l layer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sources[l] != nil
}

// show makes the port play the highest layer. The caller holds the lock.
func (s *stage) show() {
	var top media.Source
	for _, src := range s.sources {
		if src != nil {
			top = src
		}
	}
	if s.port == nil || top == s.now {
		return
	}
	if top == nil {
		s.playing.Stop()
		s.now, s.playing = nil, nil
		return
	}
	s.now, s.playing = top, s.port.Play(top)
}

// perform plays src on a layer to its end. It returns early when the context
// ends or stop is closed.
func (s *stage) perform(ctx context.Context, l layer, src media.Source, stop <-chan struct{}) error {
	p := s.set(l, src)
	defer s.clear(l, src)
	if p == nil {
		return nil // something above it is heard; it would say nothing
	}
	select {
	case <-p.Done():
		return p.Err()
	case <-stop:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
