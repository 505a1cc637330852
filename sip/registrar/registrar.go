// Package registrar keeps where users can be reached: RFC 3261 section 10.3,
// with Path (RFC 3327), contacts behind NAT (RFC 3581), and instance ids of RFC
// 5626 as the identity of a device.
package registrar

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"offhook/sip/digest"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Account is what a user's credentials open.
type Account struct {
	CustomerID  string
	ExtensionID string
	AOR         string // the address of record, in the caller's own words; the key of Contacts
	Secret      digest.Secret
}

// ContactStore keeps bindings over a restart.
type ContactStore interface {
	// Save replaces all contacts of an address of record at once; none means
	// that it has no binding any more.
	Save(ctx context.Context, aor string, contacts []Contact) error
	// Load returns every contact saved.
	Load(ctx context.Context) ([]Contact, error)
}

// Responder answers one request; sipmsg.ServerTransaction is one.
type Responder interface {
	Respond(res *sipmsg.Response) error
}

// Options configures a Registrar.
type Options struct {
	Auth *digest.Server
	// Lookup finds the account of a user name, as written in credentials or
	// in the To header, with the To header's host.
	Lookup func(user, domain string) (Account, bool)
	Store  ContactStore // nil: bindings do not outlive the process

	MinExpires     time.Duration // shorter wishes get 423; zero: 60 s
	MaxExpires     time.Duration // longer wishes are cut; zero: 1 h
	DefaultExpires time.Duration // when none is wished; zero: MaxExpires
	MaxContacts    int           // for each address of record; zero: 10

	// OnChange is told after an address of record gained, lost or moved a
	// contact, not of mere refreshes, in order for each address of record.
	// It may call Contacts, but not what changes bindings.
	OnChange func(aor string, contacts []Contact)
	// OnFault is told of refused credentials, so that scanners can be slowed.
	// known says whether the user exists.
	OnFault func(req *sipmsg.Request, user string, known bool)
	Logger  *slog.Logger // nil: slog.Default()
}

// Registrar answers REGISTER requests. It is safe for concurrent use.
type Registrar struct {
	options Options
	log     *slog.Logger
	seed    maphash.Seed
	aors    [64]sync.Mutex // serialise changes of one address of record

	mu       sync.RWMutex
	bindings map[string][]Contact // by AOR, never changed in place
	sources  map[netip.Addr]int   // bindings for each source address
	next     time.Time            // when Run will look next; zero: not before it is woken
	wake     chan struct{}        // the next expiry may be nearer now
}

// New returns a registrar without bindings; see Restore.
func New(options Options) *Registrar {
	if options.MinExpires <= 0 {
		options.MinExpires = time.Minute
	}
	if options.MaxExpires <= 0 {
		options.MaxExpires = time.Hour
	}
	if options.DefaultExpires <= 0 {
		options.DefaultExpires = options.MaxExpires
	}
	if options.MaxContacts <= 0 {
		options.MaxContacts = 10
	}
	if options.Logger == nil {
		options.Logger = slog.Default()
	}
	return &Registrar{
		options: options, log: options.Logger, seed: maphash.MakeSeed(),
		bindings: map[string][]Contact{}, sources: map[netip.Addr]int{}, wake: make(chan struct{}, 1),
	}
}

// Restore loads the bindings of an earlier process. Those that have ended
// meanwhile are left to Run.
func (r *Registrar) Restore(ctx context.Context) error {
	if r.options.Store == nil {
		return nil
	}
	contacts, err := r.options.Store.Load(ctx)
	if err != nil {
		return fmt.Errorf("registrar: restore: %w", err)
	}
	byAOR := map[string][]Contact{}
	for _, c := range contacts {
		byAOR[c.AOR] = append(byAOR[c.AOR], c)
	}
	for aor, list := range byAOR {
		byPreference(list)
		r.put(aor, list)
	}
	return nil
}

// Contacts returns where an address of record can be reached now, best first.
func (r *Registrar) Contacts(aor string) []Contact {
	r.mu.RLock()
	list := r.bindings[aor]
	r.mu.RUnlock()
	return alive(list, time.Now())
}

// Knows tells whether anybody is registered from an address: such a source is
// a customer, however often it mistypes.
func (r *Registrar) Knows(addr netip.Addr) bool {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.sources[addr.Unmap()] > 0
}

// Len returns the number of bindings, for metrics.
func (r *Registrar) Len() int {
	r.mu.RLock()
	defer r.mu.RUnlock()
	n := 0
	for _, list := range r.bindings {
		n += len(list)
	}
	return n
}

// Remove ends all bindings of an address of record, for a user that has been
// deleted.
func (r *Registrar) Remove(ctx context.Context, aor string) error {
	lock := r.lock(aor)
	defer lock.Unlock()
	return r.commit(ctx, aor, nil, true)
}

// Run ends bindings within a second after their time is over, until ctx is done.
// It may be called once.
func (r *Registrar) Run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-timer.C:
		}
		next, any := r.sweep(ctx, time.Now())
		timer.Stop()
		if any {
			// Ends that lie close together are found in one sweep.
			timer.Reset(max(time.Until(next), time.Second))
		}
	}
}

// retrySweep is how long a binding that could not be removed from the store
// stays; Contacts leaves it out meanwhile.
const retrySweep = 10 * time.Second

// sweep removes what has ended and returns when the next binding ends.
func (r *Registrar) sweep(ctx context.Context, now time.Time) (next time.Time, any bool) {
	defer func() {
		r.mu.Lock()
		r.next = next
		r.mu.Unlock()
	}()
	earliest := func(t time.Time) {
		if !any || t.Before(next) {
			next, any = t, true
		}
	}
	for aor, end := range r.ends() {
		if end.After(now) {
			earliest(end)
			continue
		}
		if err := r.expire(ctx, aor, now); err != nil {
			r.log.Error("ended registration not removed", "aor", aor, "error", err)
			earliest(now.Add(retrySweep))
			continue
		}
		for _, c := range r.Contacts(aor) {
			earliest(c.Expires)
		}
	}
	return next, any
}

// ends returns the earliest end of each address of record. Whatever is put from
// now on wakes Run again.
func (r *Registrar) ends() map[string]time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = time.Time{}
	out := make(map[string]time.Time, len(r.bindings))
	for aor, list := range r.bindings {
		out[aor] = slices.MinFunc(list, func(a, b Contact) int { return a.Expires.Compare(b.Expires) }).Expires
	}
	return out
}

func (r *Registrar) expire(ctx context.Context, aor string, now time.Time) error {
	lock := r.lock(aor)
	defer lock.Unlock()
	old := r.all(aor)
	list := alive(old, now)
	if len(list) == len(old) {
		return nil // refreshed meanwhile
	}
	r.log.Info("registration expired", "aor", aor, "left", len(list))
	return r.commit(ctx, aor, list, true)
}

// lock serialises changes of one address of record; the caller unlocks.
func (r *Registrar) lock(aor string) *sync.Mutex {
	m := &r.aors[maphash.String(r.seed, aor)%uint64(len(r.aors))]
	m.Lock()
	return m
}

// all returns an address of record's contacts with those that have ended.
func (r *Registrar) all(aor string) []Contact {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.bindings[aor]
}

var errStore = errors.New("registrar: contacts not saved")

// commit saves and shows a new list. The address of record must be locked.
func (r *Registrar) commit(ctx context.Context, aor string, list []Contact, changed bool) error {
	if r.options.Store != nil {
		if err := r.options.Store.Save(ctx, aor, slices.Clone(list)); err != nil {
			return fmt.Errorf("%w: %w", errStore, err)
		}
	}
	r.put(aor, list)
	if changed && r.options.OnChange != nil {
		r.options.OnChange(aor, slices.Clone(list))
	}
	return nil
}

// put shows a list and wakes Run when it has to look earlier than it would.
func (r *Registrar) put(aor string, list []Contact) {
	r.mu.Lock()
	for _, c := range r.bindings[aor] {
		if ip := c.Source.Addr(); r.sources[ip] > 1 {
			r.sources[ip]--
		} else {
			delete(r.sources, ip)
		}
	}
	for _, c := range list {
		r.sources[c.Source.Addr()]++
	}
	if len(list) == 0 {
		delete(r.bindings, aor)
	} else {
		r.bindings[aor] = list
	}
	sooner := false
	for _, c := range list {
		sooner = sooner || r.next.IsZero() || c.Expires.Before(r.next)
	}
	r.mu.Unlock()
	if !sooner {
		return
	}
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// alive returns those of list that have not ended, in a slice of its own.
func alive(list []Contact, now time.Time) []Contact {
	var out []Contact
	for _, c := range list {
		if c.Expires.After(now) {
			out = append(out, c)
		}
	}
	return out
}
