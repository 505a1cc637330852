package call

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"offhook/resource"
	"offhook/sip"
	"offhook/sip/carrier"
	"offhook/sip/digest"
	"offhook/sip/guard"
	"offhook/sip/registrar"
	"offhook/store/rows"
)

// door knows who may come in: users with passwords, trunks by address, and
// who has to wait because it guesses.
type door struct {
	x         *Exchange
	token     string // proves that a call comes from this process
	guard     *guard.Guard
	asked     *asked
	auth      *digest.Server
	registrar *registrar.Registrar
	phones    phones
	trunks    atomic.Pointer[[]trunkBlock]

	mu       sync.Mutex
	open     bool                // the sockets are: carriers can be reached
	carriers map[string]*watched // by customer and provider
}

// watched is a provider that is being looked after.
type watched struct {
	*carrier.Carrier
	stop func() // unregisters; returns when that is done
}

// trunkBlock is a block of addresses that belongs to a trunk.
type trunkBlock struct {
	prefix netip.Prefix
	trunk  *resource.Trunk
}

func newDoor(x *Exchange) (*door, error) {
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, err
	}
	d := &door{x: x, token: hex.EncodeToString(secret), carriers: map[string]*watched{}}
	d.trunks.Store(&[]trunkBlock{})
	d.auth = digest.NewServer(digest.ServerOptions{Realm: x.cfg.Domain})
	d.guard = guard.New(guard.Options{Trust: d.trusted, Logger: x.cfg.Logger})
	d.asked = newAsked(func(src netip.AddrPort) { d.guard.Fault(src, guard.Refused) })
	d.registrar = registrar.New(registrar.Options{
		Auth: d.auth, Lookup: d.account, Store: contactStore{x}, Logger: x.cfg.Logger, OnChange: d.contactsChanged,
		OnFault: func(req *sipmsg.Request, _ string, _ bool) { d.faulted(req) },
	})
	return d, nil
}

func (d *door) start(ctx context.Context) error {
	if err := d.reloadTrunks(ctx); err != nil {
		return err
	}
	if err := d.registrar.Restore(ctx); err != nil {
		return err
	}
	saved, err := contactStore{d.x}.Load(ctx)
	if err != nil {
		return err
	}
	for _, c := range saved {
		d.phones.set(c.AOR, d.registrar.Contacts(c.AOR))
	}
	go d.registrar.Run(ctx)
	return nil
}

// trusted reports whether a source is a trunk's or a registered phone's: the
// guard never punishes those.
func (d *door) trusted(src netip.Addr) bool {
	if _, ok := d.trunkAt(src); ok {
		return true
	}
	return d.registrar != nil && d.registrar.Knows(src)
}

// trunkAt returns the trunk that an address belongs to; the narrowest block wins.
func (d *door) trunkAt(a netip.Addr) (*resource.Trunk, bool) {
	var best *trunkBlock
	a = a.Unmap()
	for i, b := range *d.trunks.Load() {
		if b.prefix.Contains(a) && (best == nil || b.prefix.Bits() > best.prefix.Bits()) {
			best = &(*d.trunks.Load())[i]
		}
	}
	if best == nil {
		return nil, false
	}
	return best.trunk, true
}

// reloadTrunks reads the trunks of every customer.
func (d *door) reloadTrunks(ctx context.Context) error {
	trunks, err := rows.Trunks.Everything(ctx, d.x.cfg.DB)
	if err != nil {
		return err
	}
	blocks := []trunkBlock{}
	for _, t := range trunks {
		if !accepts(t, "ip") {
			continue
		}
		for _, s := range t.AllowedIPs {
			if p, ok := parseBlock(s); ok {
				blocks = append(blocks, trunkBlock{p, t})
			}
		}
	}
	d.trunks.Store(&blocks)
	return nil
}

// accepts reports whether a trunk lets callers in by a way; a trunk that names
// no way goes by its addresses.
func accepts(t *resource.Trunk, by string) bool {
	if len(t.AuthTypes) == 0 {
		return by == "ip"
	}
	for _, a := range t.AuthTypes {
		if a == by {
			return true
		}
	}
	return false
}

func parseBlock(s string) (netip.Prefix, bool) {
	if p, err := netip.ParsePrefix(s); err == nil {
		return p.Masked(), true
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen()), true
	}
	return netip.Prefix{}, false
}

// aorOf is the address-of-record of an extension: unique over customers.
func aorOf(e *resource.Extension) string { return e.CustomerID + "/" + e.ID }

// customerAt is the customer that a SIP domain belongs to: a domain that is or
// begins with a customer's id, else the administrator's.
func (d *door) customerAt(domain string) string {
	label := domain
	for i := range domain {
		if domain[i] == '.' {
			label = domain[:i]
			break
		}
	}
	for _, id := range []string{domain, label} {
		if _, err := d.x.directory.customers.Load(context.Background(), id, id); err == nil {
			return id
		}
	}
	return d.x.cfg.AdminCustomerID
}

// extensionAt finds the extension that logs in as user at a domain. A user
// that only one customer has needs no domain.
func (d *door) extensionAt(user, domain string) *resource.Extension {
	list, err := d.x.directory.extensions.Find(context.Background(), rows.KeyExtension, user)
	if err != nil || len(list) == 0 {
		return nil
	}
	home := d.customerAt(domain)
	for _, e := range list {
		if e.CustomerID == home {
			return e
		}
	}
	if len(list) == 1 {
		return list[0]
	}
	return nil
}

// account serves the registrar.
func (d *door) account(user, domain string) (registrar.Account, bool) {
	e := d.extensionAt(user, domain)
	if e == nil {
		return registrar.Account{}, false
	}
	return registrar.Account{
		CustomerID: e.CustomerID, ExtensionID: e.ID, AOR: aorOf(e),
		Secret: digest.Secret{Password: e.Password},
	}, true
}

// faulted notes credentials that the registrar refused. Whether the user exists
// must make no difference: how soon a source is slowed would tell it.
func (d *door) faulted(req *sipmsg.Request) {
	if src, err := netip.ParseAddrPort(req.Source()); err == nil {
		d.guard.Fault(src, guard.BadDigest)
	}
}

// look notes a request of a tool that says that it scans.
func (d *door) look(req *sipmsg.Request) {
	if !guard.IsScanner(req) {
		return
	}
	if src, err := netip.ParseAddrPort(req.Source()); err == nil {
		d.guard.Fault(src, guard.Scanner)
	}
}

// pause lets a source that guesses wait for its refusal, longer with each
// guess, until over is closed.
func (d *door) pause(src netip.AddrPort, over <-chan struct{}) {
	wait := d.guard.Delay(src)
	if wait == 0 {
		return
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
	case <-over:
	}
}

// hesitant answers as its transaction does, but pauses before refusals.
type hesitant struct {
	sipmsg.ServerTransaction
	door *door
	src  string
}

// Respond implements registrar.Responder.
func (h hesitant) Respond(res *sipmsg.Response) error {
	if src, err := netip.ParseAddrPort(h.src); err == nil && res.StatusCode >= 300 {
		h.door.pause(src, h.Done())
	}
	return h.ServerTransaction.Respond(res)
}

// challenge asks for a password.
func (x *Exchange) challenge(d *sip.Dialog) {
	x.refuse(d, 407, "Proxy Authentication Required", x.door.auth.ChallengeFor(d.Invite(), 407, false)...)
	x.door.asked.challenge(d.CallID(), d.Source())
}

// register answers a REGISTER.
func (d *door) register(req *sipmsg.Request, tx sipmsg.ServerTransaction) {
	callID, answers := req.CallID().Value(), req.GetHeader("Authorization") != nil
	if answers {
		d.asked.answer(callID)
	}
	d.registrar.Handle(req, hesitant{tx, d, req.Source()})
	if src, err := netip.ParseAddrPort(req.Source()); err == nil && !answers {
		d.asked.challenge(callID, src)
	}
}

// authenticate checks the password of an INVITE, of an extension or of a trunk
// that logs in.
func (x *Exchange) authenticate(d *sip.Dialog) (caller, bool) {
	req := d.Invite()
	x.door.asked.answer(d.CallID())
	domain := req.From().Address.Host
	var ext *resource.Extension
	var trunk *resource.Trunk
	_, result := x.door.auth.Check(req, func(user string) (digest.Secret, bool) {
		if ext = x.door.extensionAt(user, domain); ext != nil {
			return digest.Secret{Password: ext.Password}, true
		}
		if trunk = x.trunkNamed(user); trunk != nil {
			return digest.Secret{Password: trunk.Password}, true
		}
		return digest.Secret{}, false
	})
	switch {
	case result == digest.Accepted && ext != nil:
		x.door.guard.Good(d.Source())
		source := resource.Address{Type: resource.TypeExtension, Target: ext.Extension, Name: ext.Name}
		return caller{customerID: ext.CustomerID, extension: ext, source: source}, true
	case result == digest.Accepted && trunk != nil:
		x.door.guard.Good(d.Source())
		return caller{customerID: trunk.CustomerID, trunk: trunk, source: sourceOf(req)}, true
	case result == digest.Stale || result == digest.Missing:
		x.refuse(d, 407, "Proxy Authentication Required", x.door.auth.ChallengeFor(req, 407, result == digest.Stale)...)
	default:
		x.door.guard.Fault(d.Source(), guard.BadDigest)
		x.refuse(d, 403, "Forbidden")
	}
	return caller{}, false
}

// trunkNamed finds the trunk that logs in with a user name.
func (x *Exchange) trunkNamed(user string) *resource.Trunk {
	trunks, err := rows.Trunks.Everything(context.Background(), x.cfg.DB)
	if err != nil || user == "" {
		return nil
	}
	for _, t := range trunks {
		if t.Username == user && accepts(t, "basic") {
			return t
		}
	}
	return nil
}

// phoneOnTrunk reports whether an INVITE from a trunk's address comes from a
// phone beside it: its From is one of the customer's extensions.
func (x *Exchange) phoneOnTrunk(d *sip.Dialog, who caller) bool {
	return x.extensionByNumber(context.Background(), who.customerID, d.Invite().From().Address.User) != nil
}

// strayed notes that a caller dialled what does not exist.
func (d *door) strayed(dlg *sip.Dialog, who caller) {
	if who.trunk == nil && who.extension == nil {
		d.guard.Fault(dlg.Source(), guard.UnknownUser)
	}
}

// startCarriers registers to every carrier that wants it and watches them all.
func (d *door) startCarriers(ctx context.Context) error {
	providers, err := rows.Providers.Everything(ctx, d.x.cfg.DB)
	if err != nil {
		return err
	}
	d.mu.Lock()
	d.open = true
	d.mu.Unlock()
	for _, p := range providers {
		d.setCarrier(p)
	}
	return nil
}

// setCarrier begins to watch a provider, in place of what was known of it.
// Before the sockets are open it does nothing: startCarriers comes to it.
func (d *door) setCarrier(p *resource.Provider) {
	ctx, cancel := context.WithCancel(context.Background())
	c := carrier.New(d.x.stack, carrier.Provider{
		ID: p.ID, Hostname: p.Hostname, Username: p.Username, Password: p.Password, Register: p.Register,
	}, carrier.Options{Logger: d.x.cfg.Logger})
	over := make(chan struct{})
	w := &watched{Carrier: c, stop: func() { cancel(); <-over }}
	key := callKey(p.CustomerID, p.ID)
	d.mu.Lock()
	if !d.open {
		d.mu.Unlock()
		cancel()
		return
	}
	old := d.carriers[key]
	d.carriers[key] = w
	d.mu.Unlock()
	go func() {
		defer close(over)
		if old != nil {
			old.stop()
		}
		c.Run(ctx)
	}()
}

func (d *door) dropCarrier(customerID, id string) {
	key := callKey(customerID, id)
	d.mu.Lock()
	c := d.carriers[key]
	delete(d.carriers, key)
	d.mu.Unlock()
	if c != nil {
		go c.stop()
	}
}

// connectionLost lets the carriers know whose registration may be gone with it.
func (d *door) connectionLost(transport string, remote netip.AddrPort) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.carriers {
		c.ConnectionLost(transport, remote)
	}
}

// healthy reports whether a provider may be tried first.
func (d *door) healthy(customerID, id string) bool {
	c := d.carrier(customerID, id)
	return c == nil || c.State().Health != carrier.Unhealthy
}

func (d *door) carrier(customerID, id string) *watched {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.carriers[callKey(customerID, id)]
}

// close unregisters everywhere.
func (d *door) close() {
	d.asked.close()
	d.mu.Lock()
	list := make([]*watched, 0, len(d.carriers))
	for _, c := range d.carriers {
		list = append(list, c)
	}
	d.mu.Unlock()
	var all sync.WaitGroup
	for _, c := range list {
		all.Go(c.stop)
	}
	all.Wait()
}

// Registered returns the phones that are registered for an extension now.
func (x *Exchange) Registered(e *resource.Extension) []resource.Contact {
	list := []resource.Contact{}
	for _, c := range x.door.registrar.Contacts(aorOf(e)) {
		expires := c.Expires.UTC().Truncate(time.Second)
		list = append(list, resource.Contact{
			URI: c.URI, Source: c.Source.String(),
			Transport: c.Transport, UserAgent: c.UserAgent, TMExpire: &expires,
		})
	}
	return list
}

// CarrierState returns a provider's health and registration as the API shows them.
func (x *Exchange) CarrierState(customerID, id string) (health, registration string) {
	if c := x.door.carrier(customerID, id); c != nil {
		s := c.State()
		return string(s.Health), string(s.Registration)
	}
	return string(carrier.Unknown), ""
}

// Changed tells the exchange that a row was written or deleted, so that
// trunks, providers and extensions count at once.
func (x *Exchange) Changed(ctx context.Context, row any, deleted bool) {
	switch r := row.(type) {
	case *resource.Trunk:
		if err := x.door.reloadTrunks(ctx); err != nil {
			x.cfg.Logger.Error("reload trunks", "error", err)
		}
	case *resource.Provider:
		if deleted {
			x.door.dropCarrier(r.CustomerID, r.ID)
		} else {
			x.door.setCarrier(r)
		}
	case *resource.Extension:
		if deleted {
			if err := x.door.registrar.Remove(ctx, aorOf(r)); err != nil {
				x.cfg.Logger.Error("unregister a deleted extension", "error", err)
			}
		}
	}
}

var _ sip.Handler = (*Exchange)(nil)
