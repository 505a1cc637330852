package call

import (
	"context"
	"strings"
	"sync"
	"time"
)

// maxTypedAhead bounds what a caller may type before anybody collects it.
const maxTypedAhead = 256

// Keypress is one key that a party pressed.
type Keypress struct {
	Key      byte // 0-9 * # A-D
	Duration time.Duration
}

// digitBuffer keeps the keys that a party pressed until somebody collects them.
type digitBuffer struct {
	mu       sync.Mutex
	keys     []byte
	changed  chan struct{} // closed and replaced at each key
	watchers map[chan Keypress]struct{}
}

func newDigitBuffer() *digitBuffer {
	return &digitBuffer{changed: make(chan struct{}), watchers: map[chan Keypress]struct{}{}}
}

// push adds a key and wakes everybody who waits; the oldest key goes when the
// buffer is full.
func (d *digitBuffer) push(k Keypress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.keys) == maxTypedAhead {
		d.keys = d.keys[1:]
	}
	d.keys = append(d.keys, k.Key)
	close(d.changed)
	d.changed = make(chan struct{})
	for w := range d.watchers {
		select {
		case w <- k:
		default: // a watcher that does not read loses keys, nobody waits for it
		}
	}
}

// pending reports whether keys wait to be collected, and a channel that closes
// at the next one.
func (d *digitBuffer) pending() (bool, <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.keys) > 0, d.changed
}

// take removes what the request accepts from the buffer. done says that the
// request is satisfied.
func (d *digitBuffer) take(got []byte, length int, keys string) (value []byte, done bool, changed <-chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.keys) > 0 {
		k := d.keys[0]
		d.keys = d.keys[1:]
		if strings.IndexByte(keys, k) >= 0 {
			return got, true, nil
		}
		got = append(got, k)
		if length > 0 && len(got) >= length {
			return got, true, nil
		}
	}
	return got, false, d.changed
}

// collect returns the keys pressed since the last collection and what follows,
// until length keys are there, one of the terminating keys comes (it is not
// part of the value) or the duration is over. Zero length or duration set no
// bound; with neither bound nor key it returns what is there at once.
func (d *digitBuffer) collect(ctx context.Context, length int, keys string, duration time.Duration) (string, error) {
	var expired <-chan time.Time
	if duration > 0 {
		t := time.NewTimer(duration)
		defer t.Stop()
		expired = t.C
	}
	var got []byte
	for {
		value, done, changed := d.take(got, length, keys)
		got = value
		if done || (duration <= 0 && length <= 0 && keys == "") {
			return string(got), nil
		}
		select {
		case <-changed:
		case <-expired:
			return string(got), nil
		case <-ctx.Done():
			return string(got), context.Cause(ctx)
		}
	}
}

// watch delivers every key from now on, until the returned func is called. It
// does not take keys out of the buffer.
func (d *digitBuffer) watch() (<-chan Keypress, func()) {
	w := make(chan Keypress, 16)
	d.mu.Lock()
	d.watchers[w] = struct{}{}
	d.mu.Unlock()
	return w, func() {
		d.mu.Lock()
		delete(d.watchers, w)
		d.mu.Unlock()
	}
}

// clear forgets what was typed.
func (d *digitBuffer) clear() {
	d.mu.Lock()
	d.keys = d.keys[:0]
	d.mu.Unlock()
}
