package media

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
)

// frameTime is the length of a frame.
const frameTime = 20 * time.Millisecond

// The clock's slots spread the ports over the 20 ms, so that they do not send
// all at once.
const (
	slots    = 20
	slotTime = frameTime / slots
)

// How long packets may lie in a busy shard's sockets: while some are relayed or
// listened to, and while they are but counted and looked through for digits.
const (
	shortLinger = time.Millisecond
	longLinger  = 4 * time.Millisecond
	awaitedFor  = 200 * time.Millisecond // after the last one that was
)

// maxBehind is how far the clock may fall behind and still catch up frame by
// frame; after a longer stop (a suspended machine) it skips.
const maxBehind = 500 * time.Millisecond

// ticker is driven by the clock each 20 ms: a Port by itself or a Group of them.
// at is the time by the schedule, whenever the shard really wakes.
type ticker interface{ tick(at instant) }

// shard is one part of the clock: a goroutine that owns ports, their sockets and
// all that moves their frames. Fields without a lock are its goroutine's.
type shard struct {
	engine *Engine
	index  int
	set    Set
	load   atomic.Int64 // ports here or on the way

	slots   [slots][]ticker
	next    instant // due time of slot at
	at      int
	ticking int // tickers in all slots

	awaited instant    // when a packet came last that is relayed or listened to
	read    instant    // when the packets being handled were read, or the tick began
	stale   bool       // read is of before the last wait
	header  rtp.Header // of the packet being read
	scratch scratch

	mu      sync.Mutex
	posted  []func()
	running []func()
	waiting atomic.Bool // something is posted
	ended   bool
	done    chan struct{}
	stopped bool
}

// scratch is working memory for one port's frame at a time.
type scratch struct {
	heard, over [maxFrame]int16
	packet      [maxPacket]byte
}

// maxFrame is the samples of 20 ms at 48 kHz.
const maxFrame = 960

func newShard(e *Engine, index int, set Set) *shard {
	s := &shard{engine: e, index: index, set: set, done: make(chan struct{})}
	return s
}

// post runs fn between ticks, in the order of posting; false when the shard has
// ended and fn will not run.
func (s *shard) post(fn func()) bool {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return false
	}
	s.posted = append(s.posted, fn)
	s.mu.Unlock()
	if !s.waiting.Swap(true) {
		s.set.Wake()
	}
	return true
}

// stop ends the goroutine after what was posted, and waits for it.
func (s *shard) stop() {
	s.post(func() { s.stopped = true })
	<-s.done
}

func (s *shard) run() {
	defer close(s.done)
	s.next = s.engine.now()
	for {
		if s.runPosted(); s.stopped {
			break
		}
		s.read, s.stale = s.engine.now(), false
		s.tick(s.read)
		wait := time.Hour
		if s.ticking > 0 {
			wait = time.Duration(s.nextDue() - s.engine.now())
		}
		if s.waiting.Load() {
			wait = 0
		}
		s.stale = true
		s.set.Poll(wait, s.linger())
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.runPosted()
}

// linger is how long packets may lie before the shard looks at them.
func (s *shard) linger() time.Duration {
	if time.Duration(s.read-s.awaited) < awaitedFor {
		return shortLinger
	}
	return longLinger
}

// now is the present instant, the same for all packets of one look at the sockets.
func (s *shard) now() instant {
	if s.stale {
		s.read, s.stale = s.engine.now(), false
	}
	return s.read
}

func (s *shard) runPosted() {
	for s.waiting.Swap(false) {
		s.mu.Lock()
		s.posted, s.running = s.running[:0], s.posted
		s.mu.Unlock()
		for i, fn := range s.running {
			s.running[i] = nil
			fn()
		}
	}
}

// tick runs the slots that are due.
func (s *shard) tick(now instant) {
	if behind := now - s.next; s.ticking == 0 || behind > instant(maxBehind) {
		// Whole rounds are skipped, so that slots keep their places.
		s.next += behind / instant(frameTime) * instant(frameTime)
	}
	for s.next <= now {
		for _, t := range s.slots[s.at] {
			t.tick(s.next)
		}
		s.at = (s.at + 1) % slots
		s.next += instant(slotTime)
	}
}

// nextDue is when the next slot that has tickers is due.
func (s *shard) nextDue() instant {
	due := s.next
	for i := range slots {
		if len(s.slots[(s.at+i)%slots]) > 0 {
			break
		}
		due += instant(slotTime)
	}
	return due
}

// enter puts t into a slot. A ticker that came from elsewhere starts with the
// slot's next turn.
func (s *shard) enter(t ticker, slot int) {
	s.slots[slot] = append(s.slots[slot], t)
	s.ticking++
}

func (s *shard) exit(t ticker, slot int) {
	list := s.slots[slot]
	for i, other := range list {
		if other != t {
			continue
		}
		// A new slice: the clock may be walking over the old one.
		s.slots[slot] = append(append(make([]ticker, 0, len(list)), list[:i]...), list[i+1:]...)
		s.ticking--
		return
	}
}

// fullSlot is how many tickers a slot takes before more slots are used: with few
// slots in use the shard wakes less often.
const fullSlot = 24

// quietestSlot is the slot for the next ticker: of every fourth as long as they
// are not full, then of every second, then of all.
func (s *shard) quietestSlot() int {
	best := 0
	for _, step := range []int{4, 2, 1} {
		best = 0
		for i := 0; i < slots; i += step {
			if len(s.slots[i]) < len(s.slots[best]) {
				best = i
			}
		}
		if len(s.slots[best]) < fullSlot {
			break
		}
	}
	return best
}

// inbox is the funcs posted to a Port or Group, in order, whichever shard owns it
// by the time.
type inbox struct {
	owner  atomic.Pointer[shard]
	mu     sync.Mutex
	queue  []func()
	moving bool // on the way between shards: the queue waits
	closed bool
}

// post runs fn on the owner's shard; false when the owner is closed.
func (b *inbox) post(fn func()) bool {
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return false
	}
	b.queue = append(b.queue, fn)
	b.mu.Unlock()
	return b.notify()
}

func (b *inbox) notify() bool {
	s := b.owner.Load()
	return s.post(func() { b.drain(s) })
}

// drain runs what waits, on shard s, if s still is the owner.
func (b *inbox) drain(s *shard) {
	for {
		b.mu.Lock()
		if b.moving || len(b.queue) == 0 {
			b.mu.Unlock()
			return
		}
		if b.owner.Load() != s {
			b.mu.Unlock()
			b.notify()
			return
		}
		fn := b.queue[0]
		b.queue = b.queue[1:]
		b.mu.Unlock()
		fn()
	}
}

// hold keeps the queue back while the owner moves.
func (b *inbox) hold() {
	b.mu.Lock()
	b.moving = true
	b.mu.Unlock()
}

// settle ends the move at shard s.
func (b *inbox) settle(s *shard) {
	b.mu.Lock()
	b.owner.Store(s)
	b.moving = false
	b.mu.Unlock()
	b.drain(s)
}

// close refuses further funcs and gives back those that had not run.
func (b *inbox) close() []func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	rest := b.queue
	b.queue = nil
	return rest
}
