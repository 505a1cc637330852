package api

import (
	"context"
	"net/http"

	"offhook/flow"
	"offhook/resource"
	"offhook/store/rows"
)

// groupcallBody is the body of POST /groupcalls.
type groupcallBody struct {
	ID           string             `json:"id" doc:"1 to 64 of letters, digits, - _ .; made by the server when omitted"`
	Source       *resource.Address  `json:"source" doc:"Who calls"`
	Destinations []resource.Address `json:"destinations" doc:"Who is called; one of them shall answer"`
	FlowID       string             `json:"flow_id" doc:"The flow that the answering call runs"`
	Actions      []resource.Action  `json:"actions" doc:"Instead of flow_id"`
	RingMethod   string             `json:"ring_method" doc:"ring_all: all at once, linear: one after the other" enum:"ring_all,linear,"`
	AnswerMethod string             `json:"answer_method" doc:"hangup_others: the first answer ends the rest" enum:"hangup_others,"`
	Variables    map[string]string  `json:"variables" doc:"Of the flow"`
}

func (s *Server) registerGroupcalls() {
	groups := serve(s, collection[resource.Groupcall, *resource.Groupcall]{
		path: "groupcalls", name: "groupcall", rows: rows.Groupcalls, verbs: readOnly | canDelete, emits: "deleted",
		remove: s.endGroup,
	})
	command(s, endpoint{method: http.MethodPost, path: "/groupcalls", name: "createGroupcall", tag: "groupcalls", doc: "Call several, one of whom shall answer"}, s.dialGroup)
	query(s, endpoint{method: http.MethodPost, path: "/groupcalls/{id}/hangup", name: "hangupGroupcall", tag: "groupcalls", doc: "Hang up all calls of a group"},
		func(r *request) (*resource.Groupcall, error) {
			g, err := groups.load(r.Context(), r.who, r.id())
			if err != nil {
				return nil, err
			}
			if err := s.hangupGroup(g); err != nil {
				return nil, err
			}
			g, err = groups.load(r.Context(), r.who, r.id())
			return g, err
		})
}

// endGroup hangs up before a group is deleted.
func (s *Server) endGroup(ctx context.Context, g *resource.Groupcall) error {
	if s.cfg.Live == nil || g.Status == resource.StatusHangup {
		return nil
	}
	if err := s.hangupGroup(g); err != nil {
		return err
	}
	return s.await(ctx, func() (bool, error) {
		row, err := rows.Groupcalls.Load(ctx, s.db, g.CustomerID, g.ID)
		if err != nil {
			return false, s.orNotFound("groupcall", g.ID, err)
		}
		*g = *row
		return row.Status == resource.StatusHangup, nil
	})
}

func (s *Server) hangupGroup(g *resource.Groupcall) error {
	if s.cfg.Live == nil || g.Status == resource.StatusHangup {
		return nil
	}
	return s.cfg.Live.HangupGroup(g.CustomerID, g.ID)
}

func (s *Server) dialGroup(r *request, b *groupcallBody) (*resource.Groupcall, error) {
	c := s.check(r)
	c.chosenID(b.ID)
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
	release, err := claim(r.Context(), s, rows.Groupcalls, r.who, "groupcall", b.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	request := GroupRequest{
		ID: b.ID, RingMethod: orElse(b.RingMethod, "ring_all"), AnswerMethod: orElse(b.AnswerMethod, "hangup_others"),
		DialRequest: flow.DialRequest{
			CustomerID: r.who.CustomerID, Destinations: b.Destinations, FlowID: b.FlowID, Actions: b.Actions, Variables: b.Variables,
		},
	}
	if b.Source != nil {
		request.Source = *b.Source
	}
	g, err := s.cfg.Live.DialGroup(r.Context(), request)
	if err != nil {
		return nil, err
	}
	return listsOf(&g), nil
}
