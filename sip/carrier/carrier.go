// Package carrier keeps one provider usable: it registers with it (RFC 3261
// section 10.2) and asks by OPTIONS whether it is there (section 11).
package carrier

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"offhook/sip/digest"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Stack is what a carrier needs of the SIP stack.
type Stack interface {
	// Do sends a request outside a dialog and waits for its final response.
	Do(ctx context.Context, req *sipmsg.Request, nextHop string) (*sipmsg.Response, error)
	// ContactFor returns our Contact towards a next hop.
	ContactFor(ctx context.Context, user, nextHop string) (*sipmsg.ContactHeader, error)
}

// Provider is a carrier's place and our account with it. Zero durations take
// the defaults given.
type Provider struct {
	ID       string
	Hostname string // host, host:port, host:port;transport=tcp
	Domain   string // of the account's address; empty: Hostname's host
	Username string
	Password string
	Register bool          // keep a registration
	Expires  time.Duration // wished for a registration: 1 h
	Probe    time.Duration // between OPTIONS while all is well: 30 s; negative: never ask
}

// Options configures a Carrier.
type Options struct {
	// OnChange is told of each new registration status and health, in order
	// and one at a time. It must not block for long.
	OnChange func(Provider, State)
	Logger   *slog.Logger   // nil: slog.Default()
	Random   func() float64 // 0 to 1, for jitter; nil: math/rand
}

// Registration is where our registration stands.
type Registration string

// The registration states.
const (
	Off        Registration = "off"        // not wanted, or ended
	Trying     Registration = "trying"     // never registered yet, or lost
	Registered Registration = "registered" // good until State.Expires
	Refused    Registration = "refused"    // the carrier does not accept the account; tried again seldom
)

// Health is whether the carrier answers.
type Health string

// The health states.
const (
	Unknown   Health = "unknown"
	Healthy   Health = "healthy"
	Unhealthy Health = "unhealthy"
)

// State is what is known of a carrier.
type State struct {
	Registration Registration
	Expires      time.Time // end of the registration
	Health       Health
	RoundTrip    time.Duration // of the last OPTIONS that was answered
	Err          string        // why the last attempt of either kind failed; empty after success
}

// Usable tells whether to send calls to the carrier: it is not known to be dead,
// and registered if it has to be.
func (s State) Usable() bool {
	return s.Health != Unhealthy && (s.Registration == Registered || s.Registration == Off)
}

// Carrier looks after one provider. It is safe for concurrent use.
type Carrier struct {
	provider Provider
	options  Options
	stack    Stack
	auth     *digest.Client
	target   sipmsg.Uri // what requests are for
	stream   bool       // reached over a connection
	lost     chan struct{}
	broken   chan struct{} // the connection that carries the registration ended

	telling sync.Mutex // keeps OnChange in order
	mu      sync.Mutex
	state   State
	over    connection // what the last REGISTER was answered on
	ended   connection // the last that ended since the attempt began
}

// connection is the far end of a stream connection.
type connection struct {
	transport string
	remote    netip.AddrPort
}

// New returns a carrier that does nothing before Run.
func New(stack Stack, p Provider, o Options) *Carrier {
	if p.Expires <= 0 {
		p.Expires = time.Hour
	}
	if p.Probe == 0 {
		p.Probe = 30 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Random == nil {
		o.Random = rand.Float64
	}
	if o.OnChange == nil {
		o.OnChange = func(Provider, State) {}
	}
	var uri sipmsg.Uri
	if err := sipmsg.ParseUri("sip:"+p.Hostname, &uri); err != nil {
		// Then the first request fails too, with an error that reaches State.
		uri = sipmsg.Uri{Host: p.Hostname}
	}
	target := sipmsg.Uri{Scheme: "sip", Host: uri.Host, Port: uri.Port}
	if p.Domain != "" {
		target.Host, target.Port = p.Domain, 0
	}
	transport := uri.UriParams.GetOr("transport", "udp")
	c := &Carrier{
		provider: p, options: o, stack: stack, auth: digest.NewClient(p.Username, p.Password),
		target: target, stream: !strings.EqualFold(transport, "udp"), lost: make(chan struct{}, 1), broken: make(chan struct{}, 1), state: State{Registration: Off, Health: Unknown},
	}
	if p.Register {
		c.state.Registration = Trying
	}
	return c
}

// State returns what is known now.
func (c *Carrier) State() State {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.state
	if s.Registration == Registered && !time.Now().Before(s.Expires) {
		s.Registration = Trying // ran out while a refresh is under way
	}
	return s
}

// Lost says that the transport to the carrier broke or that a call could not be
// delivered: the registration is made anew at once.
func (c *Carrier) Lost() { signal(c.lost) }

// ConnectionLost says that a stream connection ended. When the registration was
// made on it, it is made anew at once: the carrier sends calls along the
// connection (RFC 5626 section 4.2.2). It does not block.
func (c *Carrier) ConnectionLost(transport string, remote netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = connection{transport, remote}
	if c.stream && c.over == c.ended {
		signal(c.broken)
	}
}

// heard notes the connection that a response came on. It may have ended before
// we come to read the response.
func (c *Carrier) heard(res *sipmsg.Response) {
	remote, err := netip.ParseAddrPort(res.Source())
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = connection{res.Transport(), remote}
	if c.stream && c.over == c.ended {
		signal(c.broken)
	}
}

// signal leaves a token in a channel of one, where none is yet.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// forget takes the token out.
func forget(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

// unregisterTimeout bounds the good-bye at the end of Run; a stop of the whole
// server waits for it.
const unregisterTimeout = 2 * time.Second

// Run registers, refreshes and probes until ctx is done, then unregisters. It
// returns within two seconds after ctx is done. It may be called once.
func (c *Carrier) Run(ctx context.Context) {
	var wg sync.WaitGroup
	if c.provider.Register {
		wg.Go(func() { c.keepRegistered(ctx) })
	}
	if c.provider.Probe > 0 {
		wg.Go(func() { c.keepProbing(ctx) })
	}
	wg.Wait()
}

// change edits the state and tells of it when registration or health differ.
func (c *Carrier) change(edit func(*State)) {
	c.telling.Lock()
	defer c.telling.Unlock()
	c.mu.Lock()
	before := c.state
	edit(&c.state)
	after := c.state
	c.mu.Unlock()
	if before.Registration == after.Registration && before.Health == after.Health {
		return
	}
	c.options.Logger.Info("carrier changed", "provider", c.provider.ID,
		"registration", string(after.Registration), "health", string(after.Health), "error", after.Err)
	c.options.OnChange(c.provider, after)
}

// sleep waits; it returns false when ctx is done, and early when the transport
// is lost. woken tells that broken ended it.
func (c *Carrier) sleep(ctx context.Context, d time.Duration, broken <-chan struct{}) (woken, ok bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, false
	case <-broken:
		return true, true
	case <-c.lost:
	case <-timer.C:
	}
	return false, true
}

// request starts a request to the carrier's domain on our account's behalf.
func (c *Carrier) request(method sipmsg.RequestMethod) *sipmsg.Request {
	user := sipmsg.Uri{Scheme: "sip", User: c.provider.Username, Host: c.target.Host}
	req := sipmsg.NewRequest(method, c.target)
	to := c.target
	if method == sipmsg.REGISTER {
		to = user
	}
	req.AppendHeader(&sipmsg.FromHeader{Address: user, Params: sipmsg.NewParams()})
	req.AppendHeader(&sipmsg.ToHeader{Address: to, Params: sipmsg.NewParams()})
	return req
}
