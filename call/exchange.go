package call

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/media"
	"offhook/media/audio"
	"offhook/resource"
	"offhook/sip"
	"offhook/sip/guard"
	"offhook/speech"
	"offhook/store"
)

// Config is what an Exchange is made of. All fields without a default are needed.
type Config struct {
	SIP                sip.Config // Handler and Filter are set by the exchange
	Media              *media.Engine
	DB                 *store.DB
	Speech             speech.Synthesizer
	Audio              *audio.Library
	RecordingDir       string
	Codecs             []string // our preference
	Domain             string   // realm and host of From; empty: "offhook" and the address in use
	ExternalIP         string
	AdminCustomerID    string
	MaxCalls           int // 0: no limit
	RequireOwnedSource bool
	Logger             *slog.Logger
	// Run runs a script on a call and returns when it is over; the call is
	// then hung up. ctx ends with the call.
	Run func(ctx context.Context, c *Call, s Script)
	// Recorded is told of every finished recording, for flows that follow it.
	// May be nil.
	Recorded func(resource.Recording)
	// RecordingURL is where the file of a finished recording can be downloaded,
	// for its event; nil: the event names no place.
	RecordingURL func(resource.Recording) string
	// Music gives the music of a class at a rate; nil: the built-in piece for
	// every class.
	Music func(class string, rate int) (media.Source, error)
	// LastAlive is when the process before this one was last known to run, for
	// the end of calls that it took with it; zero: unknown, then they end with
	// the last change of their row.
	LastAlive time.Time
}

// Exchange holds every live call of this machine. It implements sip.Handler.
type Exchange struct {
	cfg   Config
	stack *sip.Stack
	door  *door // who may come in

	directory directory

	hooks hooks

	mu       sync.RWMutex
	calls    map[string]*Call // by customer and id
	draining atomic.Bool

	conversations atomic.Int64
	transfers     transfers
	presses       chan press
	work          sync.WaitGroup // scripts and dialling
	started       atomic.Uint64
}

// press is a key on its way from a clock shard to the call.
type press struct {
	leg *Leg
	by  string
	key Keypress
}

// New makes an exchange; Start lets it take calls.
func New(cfg Config) (*Exchange, error) {
	x := &Exchange{cfg: cfg, calls: map[string]*Call{}, presses: make(chan press, 4096), directory: newDirectory(cfg.DB)}
	x.transfers.live = map[string]*Handover{}
	door, err := newDoor(x)
	if err != nil {
		return nil, err
	}
	x.door = door
	cfg.SIP.Handler, cfg.SIP.Filter, cfg.SIP.ConnectionLost = x, door.guard.Allow, door.connectionLost
	cfg.SIP.Domain, cfg.SIP.ExternalIP, cfg.SIP.Stray = cfg.Domain, cfg.ExternalIP, x.stray
	stack, err := sip.New(cfg.SIP)
	if err != nil {
		return nil, err
	}
	x.stack = stack
	return x, nil
}

// Start closes what a crash left open, then opens the sockets.
func (x *Exchange) Start(ctx context.Context) error {
	if err := x.recover(ctx); err != nil {
		return fmt.Errorf("close calls of the last run: %w", err)
	}
	if err := x.door.start(ctx); err != nil {
		return err
	}
	go x.hearKeys(ctx)
	if err := x.stack.Start(ctx); err != nil {
		return err
	}
	return x.door.startCarriers(ctx)
}

// Drain refuses new calls, waits for the live ones until ctx ends, then ends
// them too and waits for their last event.
func (x *Exchange) Drain(ctx context.Context) {
	x.draining.Store(true)
	for _, c := range x.Calls() {
		select {
		case <-c.Done():
		case <-ctx.Done():
			c.Hangup(CauseOf(ReasonNormal))
		}
	}
	for _, c := range x.Calls() {
		c.Hangup(CauseOf(ReasonNormal))
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	for _, c := range x.Calls() {
		select {
		case <-c.Done():
		case <-grace.Done():
			return
		}
	}
}

// Close unregisters from carriers and closes the sockets. Calls must be over.
// A peer that does not answer its BYE or CANCEL within two seconds is no error:
// nothing of ours is lost with it.
func (x *Exchange) Close(ctx context.Context) error {
	x.door.close()
	err := x.stack.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		x.cfg.Logger.Warn("closed before every peer had answered", "error", err)
		return nil
	}
	return err
}

// Addrs are the bound SIP addresses.
func (x *Exchange) Addrs() []string { return x.stack.Addrs() }

func callKey(customerID, id string) string { return customerID + "\x00" + id }

func (x *Exchange) add(c *Call) {
	x.started.Add(1)
	x.mu.Lock()
	x.calls[callKey(c.row.CustomerID, c.row.ID)] = c
	x.mu.Unlock()
}

func (x *Exchange) remove(c *Call) {
	x.mu.Lock()
	delete(x.calls, callKey(c.row.CustomerID, c.row.ID))
	x.mu.Unlock()
}

// Find returns a customer's live call.
func (x *Exchange) Find(customerID, id string) (*Call, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c, ok := x.calls[callKey(customerID, id)]
	return c, ok
}

// Calls returns every live call.
func (x *Exchange) Calls() []*Call {
	x.mu.RLock()
	defer x.mu.RUnlock()
	list := make([]*Call, 0, len(x.calls))
	for _, c := range x.calls {
		list = append(list, c)
	}
	return list
}

// Live returns how many calls are up, and Started how many there have been.
func (x *Exchange) Live() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.calls)
}

// Started returns how many calls there have been since the start.
func (x *Exchange) Started() uint64 { return x.started.Load() }

// full reports whether a new call must be refused, RFC 3261 21.5.4.
func (x *Exchange) full() bool {
	return x.draining.Load() || (x.cfg.MaxCalls > 0 && x.Live() >= x.cfg.MaxCalls)
}

// advertise is the address that peer reaches us at.
func (x *Exchange) advertise(peer netip.Addr) netip.Addr {
	if a, err := netip.ParseAddr(x.cfg.ExternalIP); err == nil {
		return a
	}
	return x.stack.LocalIPFor(peer)
}

// domainFor is the host of our users' addresses as peer is to see them.
func (x *Exchange) domainFor(peer netip.Addr) string {
	if x.cfg.Domain != "" {
		return x.cfg.Domain
	}
	switch a := x.advertise(peer); {
	case !a.IsValid():
		return "anonymous.invalid" // RFC 3323 4.1.1.2
	case a.Is6():
		return "[" + a.String() + "]"
	default:
		return a.String()
	}
}

// pressed takes a key off a clock shard or a dialog's queue; it never blocks.
func (x *Exchange) pressed(l *Leg, by string, k Keypress) {
	select {
	case x.presses <- press{l, by, k}:
	default: // thousands of keys behind: this one is lost, the sound is not
	}
}

// hearKeys brings keys to their calls, in order.
func (x *Exchange) hearKeys(ctx context.Context) {
	for {
		select {
		case p := <-x.presses:
			if p.leg.hearsInput(p.by) {
				p.leg.call.hear(p.key, p.by)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Request implements sip.Handler: REGISTER, OPTIONS and what nobody expects.
func (x *Exchange) Request(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	x.door.look(req)
	switch req.Method {
	case sipmsg.REGISTER:
		x.door.register(req, tx)
	case sipmsg.OPTIONS:
		x.answerOptions(req, tx)
	default:
		x.respond(tx, x.stack.Response(req, 405, ""))
	}
}

func (x *Exchange) answerOptions(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	status := 200
	if x.full() {
		status = 503
	}
	x.respond(tx, x.stack.Response(req, status, ""))
}

func (x *Exchange) respond(tx sipmsg.ServerTransaction, res *sipmsg.Response) {
	if err := tx.Respond(res); err != nil {
		x.cfg.Logger.Debug("respond", "status", res.StatusCode, "error", err)
	}
}

// telOrSIP is the type of an address with a user part.
func telOrSIP(user string) string {
	if isNumber(user) {
		return resource.TypeTel
	}
	return resource.TypeSIP
}

// RecordingDir returns the folder that recordings are written to.
func (x *Exchange) RecordingDir() string { return x.cfg.RecordingDir }

// Media returns the engine that calls take their ports from, for bridges of
// packages that build on calls.
func (x *Exchange) Media() *media.Engine { return x.cfg.Media }

// Dialogs returns how many SIP dialogs there are.
func (x *Exchange) Dialogs() int { return x.stack.Dialogs() }

// Guarded returns who is slowed and ignored because they scan or guess, and
// what was dropped.
func (x *Exchange) Guarded() guard.Snapshot { return x.door.guard.Snapshot() }
