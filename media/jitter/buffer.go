// Package jitter holds the packets of one RTP stream until their time to be
// played: long enough that late ones still come in time, and no longer.
package jitter

import "time"

// The bounds of the delay and of its changes.
const (
	MinDelay = 10 * time.Millisecond
	MaxDelay = 240 * time.Millisecond

	frame    = 20 * time.Millisecond
	slack    = 25 * time.Millisecond  // above the target before the delay shrinks: over a frame, so that it does not swing
	settle   = 400 * time.Millisecond // between two changes
	starve   = 200 * time.Millisecond // without a packet until the stream counts as paused
	jump     = time.Second            // a timestamp this far off begins a new timeline
	capacity = 64
)

// Verdict is what became of a packet.
type Verdict int

// The verdicts of Put.
const (
	Accepted  Verdict = iota
	Late              // its time has passed
	Duplicate         // it is here already
	Overflow          // too many wait
)

// Step is what Next asks the player to do.
type Step int

// The steps of Next.
const (
	Idle    Step = iota // the stream has not begun or pauses: play silence
	Play                // play the payload and tell Advance its length
	Conceal             // the packet is missing: conceal units of time
	Stretch             // nothing is missing, but the delay has to grow: conceal units of time
	Squeeze             // as Play, but the delay has to shrink: join this payload with the next into the time of one
)

// Buffer is the jitter buffer of one stream, on one goroutine. Times are since
// any fixed start. After some packets have passed it does not allocate.
type Buffer struct {
	clock   int64 // units a second
	entries []entry
	spare   [][]byte
	out     []byte // lent by the last Next

	extended int64 // the newest timestamp, unwrapped
	begun    bool
	playing  bool
	next     int64         // timestamp to be played next
	changed  time.Duration // when the delay changed last
	dry      time.Duration // how long there has been nothing to play
	delay    time.Duration // of the last packet played, above the quickest packet

	arrivals arrivals
	late     uint64
}

// entry is a waiting packet; entries are in the order of their timestamps.
type entry struct {
	ts      int64
	seq     uint16
	payload []byte
}

// New makes a buffer for timestamps of clockRate units a second.
func New(clockRate int) *Buffer {
	return &Buffer{clock: int64(max(clockRate, 1)), entries: make([]entry, 0, capacity)}
}

// Reset forgets the packets and the stream's timeline.
func (b *Buffer) Reset() {
	for i := range b.entries {
		b.release(b.entries[i].payload)
	}
	b.entries = b.entries[:0]
	b.begun, b.playing, b.dry = false, false, 0
	b.arrivals.restart()
}

// Put takes a packet that arrived at the time given. The payload is copied.
func (b *Buffer) Put(seq uint16, ts uint32, payload []byte, at time.Duration) Verdict {
	t := b.learn(ts, at)
	if b.playing && t < b.next {
		b.late++
		return Late
	}
	i := len(b.entries)
	for i > 0 && b.entries[i-1].ts >= t {
		if b.entries[i-1].ts == t {
			return Duplicate
		}
		i--
	}
	if len(b.entries) == capacity {
		return Overflow
	}
	b.entries = append(b.entries, entry{})
	copy(b.entries[i+1:], b.entries[i:])
	b.entries[i] = entry{ts: t, seq: seq, payload: append(b.buffer(), payload...)}
	return Accepted
}

// learn places a timestamp on the timeline and measures its delay.
func (b *Buffer) learn(ts uint32, at time.Duration) int64 {
	if b.begun {
		t := b.extended + int64(int32(ts-uint32(b.extended)))
		transit := at - b.time(t)
		if off := transit - b.arrivals.quickest(transit); off < jump && off > -jump {
			b.extended = max(b.extended, t)
			b.arrivals.add(transit, at)
			return t
		}
		b.Reset()
	}
	b.begun, b.extended = true, int64(ts)
	b.arrivals.add(at-b.time(b.extended), at)
	return b.extended
}

// Next tells what to play at the time given; units says how much time, in RTP
// units, a Conceal or Stretch takes. The payload is valid until the next call.
func (b *Buffer) Next(at time.Duration) (step Step, payload []byte, units int) {
	if b.out != nil {
		b.release(b.out)
		b.out = nil
	}
	if !b.playing && !b.start(at) {
		return Idle, nil, 0
	}
	b.dropOld()
	if len(b.entries) == 0 {
		return b.starving()
	}
	b.dry = 0
	first := &b.entries[0]
	if gap := first.ts - b.next; gap > 0 {
		units = int(min(gap, b.units(frame)))
		b.next += int64(units)
		return Conceal, nil, units
	}
	b.delay = at - b.time(b.next) - b.arrivals.quickest(0)
	target := b.Target()
	if at-b.changed > settle {
		switch {
		case b.delay < target:
			b.changed = at
			return Stretch, nil, int(b.units(frame))
		case b.delay > target+slack && len(b.entries) > 1:
			b.changed = at
			return Squeeze, b.pop(), 0
		}
	}
	return Play, b.pop(), 0
}

// start begins to play when the oldest packet has waited for the target delay.
func (b *Buffer) start(at time.Duration) bool {
	if len(b.entries) == 0 {
		return false
	}
	first := b.entries[0].ts
	if at < b.time(first)+b.arrivals.quickest(0)+b.Target() {
		return false
	}
	b.playing, b.next, b.dry, b.changed = true, first, 0, at
	return true
}

// starving asks to conceal for a while and then declares a pause, so that the
// next packet starts with the delay that is right by then.
func (b *Buffer) starving() (Step, []byte, int) {
	if b.dry += frame; b.dry > starve {
		b.playing = false
		return Idle, nil, 0
	}
	b.next += b.units(frame)
	return Conceal, nil, int(b.units(frame))
}

// dropOld removes packets whose time has passed wholly or in part: they overlap
// what was concealed for them.
func (b *Buffer) dropOld() {
	for len(b.entries) > 0 && b.entries[0].ts < b.next {
		b.late++
		b.release(b.shift())
	}
}

// Advance tells how many RTP units the payload of the last Play or Squeeze held.
func (b *Buffer) Advance(units int) { b.next += int64(units) }

func (b *Buffer) pop() []byte {
	b.next = b.entries[0].ts
	b.out = b.shift()
	return b.out
}

func (b *Buffer) shift() []byte {
	p := b.entries[0].payload
	copy(b.entries, b.entries[1:])
	b.entries[len(b.entries)-1] = entry{}
	b.entries = b.entries[:len(b.entries)-1]
	return p
}

// Take gives the packets that wait, in order, and ends playing; for switching to
// relaying packets.
func (b *Buffer) Take(each func(seq uint16, ts uint32, payload []byte)) {
	for len(b.entries) > 0 {
		e := b.entries[0]
		each(e.seq, uint32(e.ts), e.payload)
		b.release(b.shift())
	}
	b.playing = false
}

// buffer is an empty slice for a payload.
func (b *Buffer) buffer() []byte {
	if n := len(b.spare); n > 0 {
		p := b.spare[n-1]
		b.spare = b.spare[:n-1]
		return p
	}
	return make([]byte, 0, 160)
}

func (b *Buffer) release(p []byte) { b.spare = append(b.spare, p[:0]) }

// Target is the delay aimed at.
func (b *Buffer) Target() time.Duration {
	return max(MinDelay, min(MaxDelay, b.arrivals.spread()))
}

// Delay is the delay that the last packet played had, above the quickest.
func (b *Buffer) Delay() time.Duration { return b.delay }

// Waiting is the number of packets that wait.
func (b *Buffer) Waiting() int { return len(b.entries) }

// Late is the number of packets that came after their time.
func (b *Buffer) Late() uint64 { return b.late }

func (b *Buffer) time(ts int64) time.Duration {
	// Seconds and rest apart, so that years of units do not overflow.
	return time.Duration(ts/b.clock)*time.Second + time.Duration(ts%b.clock)*time.Second/time.Duration(b.clock)
}

func (b *Buffer) units(d time.Duration) int64 { return int64(d) * b.clock / int64(time.Second) }
