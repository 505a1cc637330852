package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// newWebhookSecret makes a secret as Standard Webhooks writes it.
func newWebhookSecret() string {
	var b [32]byte
	rand.Read(b[:])
	return "whsec_" + base64.StdEncoding.EncodeToString(b[:])
}

// ensureAdmin creates the administrator's customer once.
func (s *Server) ensureAdmin(ctx context.Context) error {
	_, err := rows.Customers.Load(ctx, s.db, AdminCustomerID, AdminCustomerID)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	now := resource.Now()
	admin := &resource.Customer{
		Identity: resource.Identity{ID: AdminCustomerID, CustomerID: AdminCustomerID, TMCreate: now, TMUpdate: now},
		Name:     "administrator", Status: "active", WebhookMethod: http.MethodPost, WebhookSecret: newWebhookSecret(), AllowSIPTargets: true,
	}
	return s.db.Write(ctx, func(tx *store.Tx) error { return rows.Customers.Insert(tx, admin) })
}

// Customer returns a customer, with its secret. A customer belongs to itself.
// The error is store.ErrNotFound for one that does not exist.
func (s *Server) Customer(ctx context.Context, id string) (*resource.Customer, error) {
	return rows.Customers.Load(ctx, s.db, id, id)
}

func (s *Server) registerAccounts() {
	serve(s, collection[resource.Tag, *resource.Tag]{
		path: "tags", name: "tag", rows: rows.Tags, verbs: plain, writable: "name detail", required: "name",
		emits: "created updated deleted",
	})
	s.registerAccesskeys()
	s.registerCustomers()
}

func (s *Server) registerAccesskeys() {
	keys := serve(s, collection[resource.Accesskey, *resource.Accesskey]{
		path: "accesskeys", name: "accesskey", rows: rows.Accesskeys, verbs: readOnly | canUpdate | canDelete, writable: "name detail expire",
		check: func(c *check, k *resource.Accesskey) { c.atLeast("expire", k.Expire, 0) },
		prepare: func(_, k *resource.Accesskey) {
			k.TMExpire = nil
			if k.Expire > 0 {
				until := k.TMCreate.Add(time.Duration(k.Expire) * time.Second)
				k.TMExpire = &until
			}
		},
		show: func(_ context.Context, k *resource.Accesskey) { k.TokenHash = "" },
	})
	s.mount(endpoint{
		method: http.MethodPost, path: "/accesskeys", name: "createAccesskey", tag: "accesskeys",
		doc: "Create an access key; the answer alone shows its token", body: keys.schema, answer: keys.schema,
		serve: func(r *request) (any, error) {
			token := newToken()
			row, err := keys.create(r.Context(), r.who, r.raw, func(k *resource.Accesskey) { seal(k, token); k.Admin = r.who.Admin }, nil)
			if err != nil {
				return nil, err
			}
			shown := keys.reveal(r.Context(), row)
			shown.Token = token
			return shown, nil
		},
	})
}

// seal stores what is needed to know a key again.
func seal(k *resource.Accesskey, token string) {
	k.TokenHash, k.TokenPrefix = digest(token), token[:8]
}

// customerCreated is a new customer and the key that lets it in.
type customerCreated struct {
	*resource.Customer
	Accesskey string `json:"accesskey" doc:"The customer's own access key; shown once"`
}

func (s *Server) registerCustomers() {
	customers := serve(s, collection[resource.Customer, *resource.Customer]{
		path: "customers", name: "customer", rows: rows.Customers, verbs: canRead | canUpdate | canDelete, admin: true,
		owner:    func(_ principal, id string) string { return id },
		writable: "name detail email phone_number address status webhook_uri webhook_method webhook_secret allow_sip_targets",
		fresh: func(c *resource.Customer) {
			c.Status, c.WebhookMethod = orElse(c.Status, "active"), orElse(c.WebhookMethod, http.MethodPost)
			c.WebhookSecret = orElse(c.WebhookSecret, newWebhookSecret())
		},
		check:  checkCustomer,
		remove: s.releaseCustomer,
	})
	s.mount(endpoint{
		method: http.MethodPost, path: "/customers", name: "createCustomer", tag: "customers", admin: true,
		doc: "Create a customer; the answer alone shows its access key", body: customers.schema, answer: schemaFor[customerCreated](s),
		serve: func(r *request) (any, error) {
			token := newToken()
			row, err := customers.create(r.Context(), r.who, r.raw, nil, func(tx *store.Tx, c *resource.Customer) error {
				k := &resource.Accesskey{Identity: resource.Identity{ID: resource.NewID(), CustomerID: c.ID, TMCreate: c.TMCreate, TMUpdate: c.TMCreate}, Name: "first"}
				seal(k, token)
				return rows.Accesskeys.Insert(tx, k)
			})
			if err != nil {
				return nil, err
			}
			return customerCreated{customers.reveal(r.Context(), row), token}, nil
		},
	})
	s.mount(endpoint{
		method: http.MethodGet, path: "/customers", name: "listCustomers", tag: "customers", admin: true, doc: "List customers, newest first",
		query: pageParameters, answer: schemaFor[page[resource.Customer]](s),
		serve: func(r *request) (any, error) { return s.listCustomers(r, customers) },
	})
	s.registerOwnCustomer(customers)
}

// listCustomers pages through all customers; a token is the last one's id.
func (s *Server) listCustomers(r *request, customers *served[resource.Customer, *resource.Customer]) (any, error) {
	size, token, err := r.page()
	if err != nil {
		return nil, err
	}
	all, err := rows.Customers.Everything(r.Context(), s.db)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b *resource.Customer) int {
		return cmp.Or(b.TMCreate.Compare(*a.TMCreate), strings.Compare(b.ID, a.ID))
	})
	if token != "" {
		i := slices.IndexFunc(all, func(c *resource.Customer) bool { return c.ID == token })
		if i < 0 {
			return nil, badToken(store.ErrToken)
		}
		all = all[i+1:]
	}
	answer := page[resource.Customer]{Result: []*resource.Customer{}}
	for _, c := range all[:min(size, len(all))] {
		answer.Result = append(answer.Result, customers.reveal(r.Context(), c))
	}
	if len(all) > size {
		answer.NextPageToken = all[size-1].ID
	}
	return answer, nil
}

// releaseCustomer takes away what lets a customer in and what routes calls to
// it, before it is deleted. What it did stays in the store.
func (s *Server) releaseCustomer(ctx context.Context, c *resource.Customer) error {
	if c.ID == AdminCustomerID {
		return precondition("STATE_INVALID", "the administrator's own customer stays")
	}
	return errors.Join(
		purge(ctx, s, rows.Accesskeys, c.ID), purge(ctx, s, rows.Numbers, c.ID), purge(ctx, s, rows.Extensions, c.ID),
		purge(ctx, s, rows.Trunks, c.ID), purge(ctx, s, rows.Providers, c.ID), purge(ctx, s, rows.Routes, c.ID))
}

// purge deletes all rows of a kind that a customer has.
func purge[T any, P store.RowOf[T]](ctx context.Context, s *Server, c *store.Collection[T, P], customerID string) error {
	all, err := rows.All(ctx, s.db, c, customerID)
	if err != nil || len(all) == 0 {
		return err
	}
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		for _, row := range all {
			if err := c.Delete(tx, customerID, P(row).Identify().ID); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, row := range all {
		s.changed(c.Kind(), "deleted", row)
	}
	return nil
}

func checkCustomer(c *check, row *resource.Customer) {
	c.oneOf("status", row.Status, "active", "frozen")
	c.oneOf("webhook_method", row.WebhookMethod, http.MethodPost, http.MethodPut)
	c.webURL("webhook_uri", row.WebhookURI)
}

// ownCustomer is the body of PUT /customer. Absent fields stay.
type ownCustomer struct {
	Name                *string `json:"name" doc:"For people"`
	Detail              *string `json:"detail" doc:"For people"`
	Email               *string `json:"email" doc:"For people"`
	PhoneNumber         *string `json:"phone_number" doc:"For people"`
	Address             *string `json:"address" doc:"For people"`
	WebhookURI          *string `json:"webhook_uri" doc:"Receives every event"`
	WebhookMethod       *string `json:"webhook_method" doc:"POST or PUT"`
	RotateWebhookSecret bool    `json:"rotate_webhook_secret" doc:"Make a new webhook_secret"`
}

// registerOwnCustomer mounts what a customer sees and changes of itself.
func (s *Server) registerOwnCustomer(customers *served[resource.Customer, *resource.Customer]) {
	admin := principal{CustomerID: AdminCustomerID, Admin: true}
	query(s, endpoint{method: http.MethodGet, path: "/customer", name: "readOwnCustomer", tag: "customer", doc: "Read the caller's own customer"},
		func(r *request) (*resource.Customer, error) {
			row, err := customers.load(r.Context(), admin, r.who.CustomerID)
			if err != nil {
				return nil, err
			}
			return customers.reveal(r.Context(), row), nil
		})
	command(s, endpoint{method: http.MethodPut, path: "/customer", name: "updateOwnCustomer", tag: "customer", doc: "Change the given fields of the caller's own customer"},
		func(r *request, b *ownCustomer) (*resource.Customer, error) {
			row, _, err := customers.modify(r.Context(), admin, r.who.CustomerID, func(_ *check, c *resource.Customer) error {
				set(&c.Name, b.Name)
				set(&c.Detail, b.Detail)
				set(&c.Email, b.Email)
				set(&c.PhoneNumber, b.PhoneNumber)
				set(&c.Address, b.Address)
				set(&c.WebhookURI, b.WebhookURI)
				set(&c.WebhookMethod, b.WebhookMethod)
				if b.RotateWebhookSecret {
					c.WebhookSecret = newWebhookSecret()
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			return customers.reveal(r.Context(), row), nil
		})
}

// set changes a field when a body gives it.
func set(field, given *string) {
	if given != nil {
		*field = *given
	}
}

// orElse is a default for what was left empty.
func orElse(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}
