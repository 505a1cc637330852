package dtmf

import "time"

// The times of a press.
const (
	held    = 40 * time.Millisecond  // a press this long is told of at once
	silence = 100 * time.Millisecond // without a packet: the press is over
	gap     = 60 * time.Millisecond  // the least pause between two presses that lack their ends
)

// Receiver makes presses out of events, each exactly once whatever was lost,
// repeated or reordered. It is for one stream and one goroutine; times are since
// any fixed start.
type Receiver struct {
	clock   int // RTP units a second
	active  bool
	told    bool
	ended   bool
	event   Event
	start   uint32 // timestamp of the press, or of its present segment
	before  uint32 // duration of earlier segments, in units
	seq     uint16
	arrived time.Duration
}

// NewReceiver makes a receiver for timestamps of clockRate units a second.
func NewReceiver(clockRate int) *Receiver { return &Receiver{clock: max(clockRate, 1)} }

// Reset forgets the stream.
func (r *Receiver) Reset() { *r = Receiver{clock: r.clock} }

// Push takes an event packet and tells whether it completes a press: at its end,
// or as soon as it has lasted 40 ms. An unfinished press that a new one follows
// is told of first, so there may be two.
func (r *Receiver) Push(seq uint16, ts uint32, marker bool, e Event, at time.Duration) (presses [2]Press, n int) {
	if _, ok := Key(e.Code); !ok {
		return presses, 0
	}
	if r.active && r.old(seq, ts) {
		return presses, 0
	}
	if !r.active || r.isNew(seq, ts, marker, e) {
		if p, ok := r.finish(); ok {
			presses[n], n = p, n+1
		}
		r.active, r.told, r.ended = true, false, false
		r.start, r.before = ts, 0
	} else if ts != r.start {
		// A long press goes on in a new segment (RFC 4733 section 2.5.1.3).
		r.before += uint32(r.event.Duration)
		r.start = ts
	}
	if r.start == ts && r.seqBefore(seq) && e.Duration < r.event.Duration && !e.End {
		return presses, n // overtaken by a later packet of the press
	}
	r.event, r.seq, r.arrived = e, seq, at
	r.ended = r.ended || e.End
	if !r.told && (r.ended || r.duration() >= held) {
		r.told = true
		presses[n], n = r.press(), n+1
	}
	return presses, n
}

// Expire tells of a press that got neither long enough nor its end, once no
// packet has come for 100 ms.
func (r *Receiver) Expire(at time.Duration) (Press, bool) {
	if !r.active || r.told || at-r.arrived < silence {
		return Press{}, false
	}
	r.ended = true
	return r.finish()
}

// Pending tells whether a press waits to be told of by Push or Expire.
func (r *Receiver) Pending() bool { return r.active && !r.told }

// Down tells whether a key is held at the time given.
func (r *Receiver) Down(at time.Duration) bool {
	return r.active && !r.ended && at-r.arrived < silence
}

// old tells whether a packet belongs to a press before the present one.
func (r *Receiver) old(seq uint16, ts uint32) bool {
	return int32(ts-r.start) < 0 && r.seqBefore(seq)
}

func (r *Receiver) seqBefore(seq uint16) bool { return int16(seq-r.seq) < 0 }

// isNew tells whether a packet starts another press than the present one.
func (r *Receiver) isNew(seq uint16, ts uint32, marker bool, e Event) bool {
	if ts == r.start {
		return e.Code != r.event.Code // a sender that does not move its timestamp
	}
	if e.Code != r.event.Code || marker {
		return true
	}
	if r.ended {
		// Senders exist whose repeated ends have moving timestamps.
		return !e.End || e.Duration != r.event.Duration || seq-r.seq > 2
	}
	if e.Duration > r.event.Duration && ts-r.start < uint32(r.clock)/5 {
		return false // moving timestamps again: the press still grows
	}
	end := r.start + uint32(r.event.Duration)
	return int32(ts-end) > int32(int64(gap)*int64(r.clock)/int64(time.Second))
}

// finish tells of the present press if that was not done yet.
func (r *Receiver) finish() (Press, bool) {
	if !r.active || r.told {
		return Press{}, false
	}
	r.told = true
	return r.press(), true
}

func (r *Receiver) press() Press {
	key, _ := Key(r.event.Code)
	return Press{Key: key, Duration: r.duration()}
}

func (r *Receiver) duration() time.Duration {
	units := int64(r.before) + int64(r.event.Duration)
	return time.Duration(units * int64(time.Second) / int64(r.clock))
}
