package call

import (
	"context"
	"errors"
	"net/netip"
	"sync"

	"offhook/resource"
	"offhook/sip/registrar"
	"offhook/store"
	"offhook/store/rows"
)

// phones knows where registered phones send from. The zero value is ready.
type phones struct {
	mu    sync.RWMutex
	byAOR map[string][]netip.AddrPort
	count map[netip.AddrPort]int
}

// set replaces what is known of an address of record.
func (p *phones) set(aor string, contacts []registrar.Contact) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.byAOR == nil {
		p.byAOR, p.count = map[string][]netip.AddrPort{}, map[netip.AddrPort]int{}
	}
	for _, old := range p.byAOR[aor] {
		if p.count[old]--; p.count[old] == 0 {
			delete(p.count, old)
		}
	}
	delete(p.byAOR, aor)
	for _, c := range contacts {
		p.byAOR[aor] = append(p.byAOR[aor], c.Source)
		p.count[c.Source]++
	}
}

// at reports whether a registered phone sends from an address and port.
func (p *phones) at(src netip.AddrPort) bool {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.count[src] > 0
}

// contactStore keeps registrations over a restart.
type contactStore struct{ x *Exchange }

// registration is the stored form of an address of record's contacts.
type registration struct {
	resource.Identity
	Contacts []registrar.Contact `json:"contacts"`
}

var registrations = store.NewCollection[registration]("registration", nil)

// Save implements registrar.ContactStore. It does not wait for the disk: a
// phone registers again soon.
func (s contactStore) Save(_ context.Context, aor string, contacts []registrar.Contact) error {
	s.x.cfg.DB.Enqueue(func(tx *store.Tx) error {
		row := registration{Identity: resource.Identity{ID: aor, CustomerID: "registrar"}, Contacts: contacts}
		err := registrations.Put(tx, &row)
		if errors.Is(err, store.ErrNotFound) {
			return registrations.Insert(tx, &row)
		}
		return err
	})
	return nil
}

// Load implements registrar.ContactStore.
func (s contactStore) Load(ctx context.Context) ([]registrar.Contact, error) {
	list, err := rows.All(ctx, s.x.cfg.DB, registrations, "registrar")
	if err != nil {
		return nil, err
	}
	var contacts []registrar.Contact
	for _, r := range list {
		contacts = append(contacts, r.Contacts...)
	}
	return contacts, nil
}
