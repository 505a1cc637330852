// Package media carries the audio of calls: RTP ports with jitter buffers and
// codecs, the clock that moves their frames, and what plays into and listens to
// them. It knows nothing of SIP.
//
// All that moves frames belongs to one of the Engine's shards, a goroutine each.
// Methods of Engine, Port, Playback and Group may be called from any goroutine:
// they post to the shard and return without waiting for it, in order for each
// Port and Group.
package media

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ErrClosed tells that the port or engine was closed.
var ErrClosed = errors.New("media: closed")

// The defaults of Config.
const (
	DefaultMinPort    = 20000
	DefaultMaxPort    = 29999
	DefaultQuiet      = 5 * time.Second
	DefaultRTPTimeout = 60 * time.Second
)

// Source gives audio, one frame of 20 ms at a time.
type Source interface {
	// Rate is the sample rate in Hz, 8000 to 48000; it does not change.
	Rate() int
	// ReadFrame fills dst, exactly 20 ms. It returns io.EOF when there is no
	// more; a last frame that is not full is padded with silence. It is called
	// on a shard: it must neither block nor allocate.
	ReadFrame(dst []int16) error
}

// Sink takes the audio of a port or bridge.
type Sink interface {
	// WriteFrame takes what the party said and what was sent to it in the same
	// 20 ms. It is called on a shard once a tick: it must neither block nor
	// keep the slices. One more call may come shortly after detaching.
	WriteFrame(said, heard []int16)
}

// Config configures an Engine. The zero value of each field stands for its
// default.
type Config struct {
	MinPort, MaxPort int           // UDP ports, both included; 20000 to 29999
	BindIP           netip.Addr    // 0.0.0.0
	Shards           int           // the number of processors
	Wire             Wire          // epoll on Linux, else net.UDPConn
	Quiet            time.Duration // a closed port's rest before it is used again; 5 s
	RTPTimeout       time.Duration // see Port.OnTimeout; 60 s
	Logger           *slog.Logger  // slog.Default()
}

func (c Config) withDefaults() (Config, error) {
	if c.MinPort == 0 && c.MaxPort == 0 {
		c.MinPort, c.MaxPort = DefaultMinPort, DefaultMaxPort
	}
	if c.MinPort < 1 || c.MaxPort > 65535 || c.MinPort+c.MinPort%2+1 > c.MaxPort {
		return c, fmt.Errorf("media: ports %d-%d hold no even port and its neighbour", c.MinPort, c.MaxPort)
	}
	if !c.BindIP.IsValid() {
		c.BindIP = netip.IPv4Unspecified()
	}
	if c.Shards <= 0 {
		c.Shards = runtime.NumCPU() // GOMAXPROCS counts what other engines have reserved
	}
	if c.Wire == nil {
		c.Wire = defaultWire()
	}
	if c.Quiet <= 0 {
		c.Quiet = DefaultQuiet
	}
	if c.RTPTimeout <= 0 {
		c.RTPTimeout = DefaultRTPTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, nil
}

// Engine owns the shards and the RTP ports.
type Engine struct {
	config Config
	pool   *pool
	epoch  time.Time // instants of the engine count from here
	shards []*shard
	ids    atomic.Uint64

	mu     sync.Mutex
	ports  map[*Port]struct{}
	groups map[*Group]struct{}
	closed bool
}

// New starts an Engine; Close ends it.
func New(c Config) (*Engine, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	e := &Engine{config: c, pool: newPool(c), epoch: time.Now(), ports: make(map[*Port]struct{}), groups: make(map[*Group]struct{})}
	for i := range c.Shards {
		set, err := c.Wire.NewSet()
		if err != nil {
			for _, s := range e.shards {
				err = errors.Join(err, s.set.Close())
			}
			return nil, err
		}
		e.shards = append(e.shards, newShard(e, i, set))
	}
	for _, s := range e.shards {
		go s.run()
	}
	return e, nil
}

// Close ends all groups, ports and shards, and waits for them.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	ports := make([]*Port, 0, len(e.ports))
	for p := range e.ports {
		ports = append(ports, p)
	}
	groups := make([]*Group, 0, len(e.groups))
	for g := range e.groups {
		groups = append(groups, g)
	}
	e.mu.Unlock()
	for _, g := range groups {
		g.Close()
	}
	for _, p := range ports {
		p.Close()
	}
	for _, p := range ports {
		<-p.gone
	}
	var errs []error
	for _, s := range e.shards {
		s.stop()
		errs = append(errs, s.set.Close())
	}
	return errors.Join(errs...)
}

// Ports is the number of open ports.
func (e *Engine) Ports() int { return e.pool.open() }

// PortOptions are the options of Engine.Open.
type PortOptions struct {
	Name string // shown in logs and descriptions
}

// Open binds an even UDP port and its RTCP neighbour. The port is silent and
// deaf until Configure. It fails with ErrNoPorts when the range is used up.
func (e *Engine) Open(o PortOptions) (*Port, error) {
	rtp, rtcp, err := e.pool.take()
	if err != nil {
		return nil, err
	}
	p := newPort(e, o.Name, rtp, rtcp)
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, errors.Join(ErrClosed, e.pool.give(rtp, rtcp))
	}
	e.ports[p] = struct{}{}
	e.mu.Unlock()
	s := e.quietest()
	s.load.Add(1)
	p.inbox.owner.Store(s)
	s.post(func() { p.arrive(s, s.quietestSlot()) })
	return p, nil
}

// forget takes a closed port out of the engine, on its shard.
func (e *Engine) forget(p *Port) {
	e.mu.Lock()
	delete(e.ports, p)
	e.mu.Unlock()
	if err := e.pool.give(p.rtp, p.rtcp); err != nil {
		e.config.Logger.Error("closing RTP port", "port", p.name, "error", err)
	}
	close(p.gone)
}

// block is how many ports a shard takes before the next shard gets some: a shard
// that is awake anyway serves more of them for little, and a core carries
// thousands.
const block = 512

// quietest is the shard for the next port: the first of those with the fewest
// blocks of ports.
func (e *Engine) quietest() *shard {
	best := e.shards[0]
	for _, s := range e.shards[1:] {
		if s.load.Load()/block < best.load.Load()/block {
			best = s
		}
	}
	return best
}

// now is the time since the engine's start, in nanoseconds.
func (e *Engine) now() instant { return instant(time.Since(e.epoch)) }

// instant is a point in time as nanoseconds since the engine's start.
type instant int64
