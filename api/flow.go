package api

import (
	"context"
	"net/http"
	"strings"

	"offhook/resource"
	"offhook/store/rows"
)

func (s *Server) registerFlows() {
	serve(s, collection[resource.Flow, *resource.Flow]{
		path: "flows", name: "flow", rows: rows.Flows, verbs: plain,
		writable: "type name detail actions on_complete_flow_id webhook_uri webhook_method", emits: "created updated deleted",
		fresh: func(f *resource.Flow) { f.Type = orElse(f.Type, "flow") },
		check: checkFlow,
	})
	runs := serve(s, collection[resource.Activeflow, *resource.Activeflow]{
		path: "activeflows", name: "activeflow", rows: rows.Activeflows, verbs: readOnly | canDelete,
		remove: s.endActiveflow,
	})
	command(s, endpoint{method: http.MethodPost, path: "/activeflows", name: "createActiveflow", tag: "activeflows", doc: "Run a flow or inline actions without a call"}, s.startActiveflow)
	query(s, endpoint{method: http.MethodPost, path: "/activeflows/{id}/stop", name: "stopActiveflow", tag: "activeflows", doc: "Stop a run; its call is hung up"},
		func(r *request) (*resource.Activeflow, error) {
			row, err := runs.load(r.Context(), r.who, r.id())
			if err != nil {
				return nil, err
			}
			if s.cfg.Live != nil && s.cfg.Live.StopActiveflow(r.who.CustomerID, r.id()) {
				row, err = runs.load(r.Context(), r.who, r.id())
			}
			return row, err
		})
}

// endActiveflow stops a run before it is deleted.
func (s *Server) endActiveflow(ctx context.Context, a *resource.Activeflow) error {
	if s.cfg.Live == nil || a.Status == "ended" || !s.cfg.Live.StopActiveflow(a.CustomerID, a.ID) {
		return nil
	}
	return s.await(ctx, func() (bool, error) {
		row, err := rows.Activeflows.Load(ctx, s.db, a.CustomerID, a.ID)
		if err != nil {
			return false, s.orNotFound("activeflow", a.ID, err)
		}
		*a = *row
		return row.Status == "ended", nil
	})
}

func checkFlow(c *check, f *resource.Flow) {
	c.oneOf("type", f.Type, "flow", "conference", "queue", "campaign", "transfer")
	f.Actions = numbered(f.ID, f.Actions)
	c.webURL("webhook_uri", f.WebhookURI)
	if f.WebhookMethod != "" {
		c.oneOf("webhook_method", f.WebhookMethod, http.MethodPost, http.MethodGet, http.MethodPut)
	}
	if f.OnCompleteFlowID != f.ID {
		refersToFlow(c, "on_complete_flow_id", f.OnCompleteFlowID)
	}
}

// refersToFlow asks for a flow of the same customer; empty refers to nothing.
func refersToFlow(c *check, path, id string) { refers(c, path, rows.Flows, "flow", id) }

// Bounds of the variables that a request may set.
const (
	maxVariables     = 100
	maxVariableBytes = 32 << 10
	maxVariablesSum  = 64 << 10
)

// variables asks for a bounded set outside of the built-in names.
func (c *check) variables(vars map[string]string) {
	if len(vars) > maxVariables {
		c.fault("variables", "INVALID_VALUE", "at most %d variables, not %d", maxVariables, len(vars))
	}
	sum := 0
	for name, value := range vars {
		sum += len(name) + len(value)
		if strings.HasPrefix(strings.ToLower(strings.TrimSpace(name)), "voipbin.") {
			c.fault("variables."+name, "INVALID_VALUE", "names that begin with voipbin. are set by the server")
		}
		if len(value) > maxVariableBytes {
			c.fault("variables."+name, "INVALID_VALUE", "at most %d bytes, not %d", maxVariableBytes, len(value))
		}
	}
	if sum > maxVariablesSum {
		c.fault("variables", "INVALID_VALUE", "at most %d bytes together, not %d", maxVariablesSum, sum)
	}
}

// activeflowBody is the body of POST /activeflows.
type activeflowBody struct {
	ID            string            `json:"id" doc:"1 to 64 of letters, digits, - _ .; made by the server when omitted"`
	FlowID        string            `json:"flow_id" doc:"The flow to run"`
	Actions       []resource.Action `json:"actions" doc:"Instead of flow_id"`
	Variables     map[string]string `json:"variables" doc:"Set before the first action"`
	WebhookURI    string            `json:"webhook_uri" doc:"Gets this run's events besides the customer's webhook"`
	WebhookMethod string            `json:"webhook_method" doc:"POST by default"`
}

func (s *Server) startActiveflow(r *request, b *activeflowBody) (*resource.Activeflow, error) {
	c := s.check(r)
	c.chosenID(b.ID)
	refersToFlow(c, "flow_id", b.FlowID)
	if b.FlowID == "" && len(b.Actions) == 0 {
		c.fault("flow_id", "MISSING_FIELD", "give flow_id or actions")
	}
	c.variables(b.Variables)
	c.webURL("webhook_uri", b.WebhookURI)
	if err := c.err(); err != nil {
		return nil, err
	}
	if s.cfg.Live == nil {
		return nil, notConfigured("calls")
	}
	release, err := claim(r.Context(), s, rows.Activeflows, r.who, "activeflow", b.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	a, err := s.cfg.Live.StartActiveflow(r.Context(), ActiveflowRequest{
		ID: b.ID, CustomerID: r.who.CustomerID, FlowID: b.FlowID, Actions: b.Actions,
		Variables: b.Variables, WebhookURI: b.WebhookURI, WebhookMethod: b.WebhookMethod,
	})
	if err != nil {
		return nil, err
	}
	return &a, nil
}
