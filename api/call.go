package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"offhook/flow"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func (s *Server) registerCalls() {
	serve(s, collection[resource.Call, *resource.Call]{
		path: "calls", name: "call", rows: rows.Calls, verbs: canList | canDelete,
		emits: "deleted", show: s.showCall, remove: s.endCall,
		match: map[string]func(*resource.Call, string) bool{
			"status":    func(c *resource.Call, status string) bool { return c.Status == status },
			"direction": func(c *resource.Call, direction string) bool { return c.Direction == direction },
		},
	})
	query(s, endpoint{method: http.MethodGet, path: "/calls/{id}", name: "readCall", tag: "calls", doc: "Read one call; a live one with its media"},
		func(r *request) (*resource.Call, error) { return s.readCall(r.Context(), r.who, r.id()) })
	command(s, endpoint{method: http.MethodPost, path: "/calls", name: "createCall", tag: "calls", doc: "Place calls that run a flow or inline actions when answered"}, s.dial)
	s.registerCallControl()
	s.registerGroupcalls()
}

// showCall puts what is live over what was stored.
func (s *Server) showCall(_ context.Context, c *resource.Call) {
	if c.Status == resource.StatusHangup || s.cfg.Live == nil {
		return
	}
	if host, ok := s.cfg.Live.Host(c.CustomerID, c.ID); ok {
		deleted := c.TMDelete
		*c = host.Call.Snapshot()
		c.TMDelete = deleted
		c.Media = s.cfg.Live.Media(c.CustomerID, c.ID)
	}
}

// readCall finds a call that is live or was stored. A call that was just
// placed may be live before it is stored.
func (s *Server) readCall(ctx context.Context, who principal, id string) (*resource.Call, error) {
	if s.cfg.Live != nil {
		if host, ok := s.cfg.Live.Host(who.CustomerID, id); ok {
			c := host.Call.Snapshot()
			c.Media = s.cfg.Live.Media(who.CustomerID, id)
			return listsOf(&c), nil
		}
	}
	c, err := rows.Calls.Load(ctx, s.db, who.CustomerID, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, notFound("call", id)
	}
	if err != nil {
		return nil, err
	}
	return listsOf(c), nil
}

// endCall hangs up before a call is deleted, and waits until it has ended.
func (s *Server) endCall(ctx context.Context, c *resource.Call) error {
	if s.cfg.Live == nil {
		return nil
	}
	host, ok := s.cfg.Live.Host(c.CustomerID, c.ID)
	if !ok {
		return nil
	}
	host.Call.Hangup("normal")
	err := s.await(ctx, func() (bool, error) {
		_, live := s.cfg.Live.Host(c.CustomerID, c.ID)
		return !live, nil
	})
	if err != nil {
		return err
	}
	last, err := rows.Calls.Load(ctx, s.db, c.CustomerID, c.ID)
	if err == nil {
		*c = *last
	}
	return s.orNotFound("call", c.ID, err)
}

// await waits until something that was told to end has ended and has been
// stored, so that its row can be deleted without coming back.
func (s *Server) await(ctx context.Context, ended func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, liveTimeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		over, err := ended()
		if err != nil {
			return err
		}
		if over {
			return s.db.Flush(ctx)
		}
		select {
		case <-ctx.Done():
			return newError("UNAVAILABLE", "STATE_INVALID", "it is still ending; try again")
		case <-tick.C:
		}
	}
}

// callBody is the body of POST /calls.
type callBody struct {
	ID             string             `json:"id" doc:"The call's id, where there is one destination; made by the server when omitted"`
	FlowID         string             `json:"flow_id" doc:"The flow that runs when the call is answered"`
	Actions        []resource.Action  `json:"actions" doc:"Instead of flow_id"`
	Source         *resource.Address  `json:"source" doc:"Who calls"`
	Destinations   []resource.Address `json:"destinations" doc:"Who is called, each on its own"`
	EarlyExecution bool               `json:"early_execution" doc:"Run the flow as soon as it rings"`
	Anonymous      string             `json:"anonymous" doc:"Hide the source: yes, no or auto" enum:"yes,no,auto,"`
	Variables      map[string]string  `json:"variables" doc:"Of the flow"`
}

// callsPlaced is the answer of POST /calls.
type callsPlaced struct {
	Calls      []resource.Call      `json:"calls" doc:"One for each phone that is dialled"`
	Groupcalls []resource.Groupcall `json:"groupcalls" doc:"One for each extension and agent, who may have several phones"`
}

func (s *Server) dial(r *request, b *callBody) (*callsPlaced, error) {
	c := s.check(r)
	c.chosenID(b.ID)
	if b.ID != "" && len(b.Destinations) > 1 {
		c.fault("id", "INVALID_ID", "an id can be chosen for one destination, not for %d", len(b.Destinations))
	}
	c.source(b.Source)
	c.addresses("destinations", b.Destinations)
	c.sipTargets("destinations", b.Destinations)
	refersToFlow(c, "flow_id", b.FlowID)
	c.variables(b.Variables)
	if err := c.err(); err != nil {
		return nil, err
	}
	if s.cfg.Live == nil {
		return nil, notConfigured("calls")
	}
	release, err := claim(r.Context(), s, rows.Calls, r.who, "call", b.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	request := CallRequest{ID: b.ID, DialRequest: flow.DialRequest{
		CustomerID: r.who.CustomerID, Destinations: b.Destinations, FlowID: b.FlowID, Actions: b.Actions,
		EarlyExecution: b.EarlyExecution, Anonymous: b.Anonymous, Variables: b.Variables,
	}}
	if b.Source != nil {
		request.Source = *b.Source
	}
	calls, groups, err := s.cfg.Live.Dial(r.Context(), request)
	if err != nil {
		return nil, err
	}
	for i := range calls {
		listsOf(&calls[i])
	}
	for i := range groups {
		listsOf(&groups[i])
	}
	return listsOf(&callsPlaced{Calls: calls, Groupcalls: groups}), nil
}

// source asks for somebody who may be shown as the caller.
func (c *check) source(a *resource.Address) {
	if a == nil || a.Target == "" {
		return
	}
	c.address("source", *a)
	isNumber := a.Type == resource.TypeTel || strings.Trim(a.Target, "+0123456789") == "" // under any name
	if !isNumber || !c.s.cfg.RequireOwnedSource {
		return
	}
	owned, err := c.owns(a.Target)
	switch {
	case err != nil:
		c.fault("source.target", "INTERNAL", "numbers can't be read now, try again")
	case !owned:
		c.fault("source.target", "NUMBER_NOT_FOUND", "%q is not one of your numbers; GET /numbers lists them", a.Target)
	}
}

// owns reports whether a number, or a range around it, is the customer's.
func (c *check) owns(number string) (bool, error) {
	exact, err := rows.Numbers.Find(c.ctx, c.s.db, rows.KeyNumber, number)
	if err != nil {
		return false, err
	}
	if slices.ContainsFunc(exact, func(n *resource.Number) bool { return n.CustomerID == c.who.CustomerID }) {
		return true, nil
	}
	all, err := rows.All(c.ctx, c.s.db, rows.Numbers, c.who.CustomerID)
	return slices.ContainsFunc(all, func(n *resource.Number) bool {
		prefix, isRange := strings.CutSuffix(n.Number, "*")
		return isRange && strings.HasPrefix(number, prefix)
	}), err
}

// sipTargets asks that SIP URIs are dialled only by who may.
func (c *check) sipTargets(path string, list []resource.Address) {
	for i, a := range list {
		if a.Type != resource.TypeSIP {
			continue
		}
		customer, err := c.s.Customer(c.ctx, c.who.CustomerID)
		if err != nil || !customer.AllowSIPTargets {
			c.fault(fmt.Sprintf("%s[%d]", path, i), "SIP_TARGET_NOT_ALLOWED", "this customer may not dial SIP URIs; the administrator's allow_sip_targets lets it")
		}
	}
}
