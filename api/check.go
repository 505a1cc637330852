package api

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"offhook/resource"
	"offhook/store"
)

// idPattern is what a client may choose as an id.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// check gathers the faults of one object. Its methods name what they ask for;
// they add a fault when it is not so.
type check struct {
	ctx    context.Context
	s      *Server
	who    principal
	faults []Detail
}

func (c *check) fault(path, reason, format string, args ...any) {
	c.faults = append(c.faults, Detail{Path: path, Reason: reason, Message: fmt.Sprintf(format, args...)})
}

// oneOf asks for one of the words of a vocabulary.
func (c *check) oneOf(path, value string, words ...string) {
	if !slices.Contains(words, value) {
		c.fault(path, "INVALID_VALUE", "must be one of %s, not %q", strings.Join(words, ", "), value)
	}
}

// atLeast asks for a number that is not smaller.
func (c *check) atLeast(path string, value, least int) {
	if value < least {
		c.fault(path, "INVALID_VALUE", "must be %d or more, not %d", least, value)
	}
}

// id asks for a well-formed identifier.
func (c *check) id(path, id string) {
	if !idPattern.MatchString(id) {
		c.fault(path, "INVALID_ID", "must be 1 to 64 of letters, digits, - _ . and not %q", id)
	}
}

// webURL asks for an http or https URL; empty is fine.
func (c *check) webURL(path, value string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		c.fault(path, "INVALID_VALUE", "must be an http:// or https:// URL, not %q", value)
	}
}

// address asks for somebody who can be called.
func (c *check) address(path string, a resource.Address) {
	switch {
	case a.Type == "":
		c.fault(path+".type", "MISSING_FIELD", "say which kind of address it is: tel, sip, extension, agent, conference or queue")
	case a.Target == "" && a.TargetName == "":
		c.fault(path+".target", "MISSING_FIELD", "say which %s is meant", a.Type)
	}
}

// addresses asks for at least one address.
func (c *check) addresses(path string, list []resource.Address) {
	if len(list) == 0 {
		c.fault(path, "MISSING_FIELD", "give at least one address")
	}
	for i, a := range list {
		c.address(fmt.Sprintf("%s[%d]", path, i), a)
	}
}

// refers asks for an object of the same customer, which may come in the same
// provisioning file; an empty id refers to nothing.
func refers[T any, P store.RowOf[T]](c *check, path string, rows *store.Collection[T, P], name, id string) {
	if id == "" {
		return
	}
	_, err := rows.Load(c.ctx, c.s.db, c.who.CustomerID, id)
	switch {
	case errors.Is(err, store.ErrNotFound) && planned(c.ctx, name, id):
	case errors.Is(err, store.ErrNotFound):
		c.fault(path, reasonOf(name)+"_NOT_FOUND", "there is no %s %q", name, id)
	case err != nil:
		c.fault(path, "INTERNAL", "%s %q can't be read now, try again", name, id)
	}
}

// check starts the rules of a request's body.
func (s *Server) check(r *request) *check {
	return &check{ctx: r.Context(), s: s, who: r.who}
}

// err is all faults as one error, nil when there are none.
func (c *check) err() error {
	if len(c.faults) == 0 {
		return nil
	}
	return invalid(c.faults)
}

// chosenID asks for a well-formed id where the client gave one.
func (c *check) chosenID(id string) {
	if id != "" {
		c.id("id", id)
	}
}

// claim takes an id that a client chose for what is live at once and stored a
// moment later. Nobody else gets it before release; what was stored by then
// holds it. An id that is in use is an *Error; an empty one is no claim.
func claim[T any, P store.RowOf[T]](ctx context.Context, s *Server, rows *store.Collection[T, P], who principal, name, id string) (release func(), err error) {
	if id == "" {
		return func() {}, nil
	}
	key := name + "\x00" + who.CustomerID + "\x00" + id
	if _, held := s.claims.LoadOrStore(key, true); held {
		return nil, taken(name, id)
	}
	release = func() { s.claims.Delete(key) }
	if err = s.db.Flush(ctx); err == nil {
		_, err = rows.Load(ctx, s.db, who.CustomerID, id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return release, nil
	}
	release()
	if err == nil {
		err = taken(name, id)
	}
	return nil, err
}

func taken(name, id string) *Error {
	return newError("ALREADY_EXISTS", "ALREADY_EXISTS", "the id %q is taken by another %s; choose one that is free, or leave id out", id, name)
}

// numbered gives ids to the actions that have none. They follow from the
// object and the place, so that the same file applied again changes nothing.
// The engine's rules were held when the body was decoded.
func numbered(objectID string, actions []resource.Action) []resource.Action {
	list := slices.Clone(actions)
	for i := range list {
		if list[i].ID == "" {
			list[i].ID = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s %d", objectID, i)).String()
		}
	}
	return list
}
