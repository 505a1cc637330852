package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// provisionOrder puts what is referred to before what refers to it; within a
// collection the order of a file does not matter either.
var provisionOrder = []string{"tags", "extensions", "trunks", "providers", "routes", "flows", "numbers", "agents", "queues",
	"conferences", "outplans", "outdials", "campaigns", "donotcalls", "ais"}

// Applied is what became of one object of a provisioning file.
type Applied struct {
	Collection string `json:"collection" doc:"Such as flows"`
	ID         string `json:"id" doc:"Of the object"`
	Action     string `json:"action" doc:"created, updated or unchanged" enum:"created,updated,unchanged"`
}

// provisioned is the answer of POST /provision.
type provisioned struct {
	Result []Applied `json:"result" doc:"One entry for each object, in the order applied"`
}

// registerProvision mounts the endpoint behind offhook apply.
func (s *Server) registerProvision() {
	s.mount(endpoint{
		method: http.MethodPost, path: "/provision", name: "provision", tag: "provision", maxBody: maxImport,
		doc:  "Create or update many objects: a map from collection to bodies as of their POST, each with an id. Applied again it changes nothing",
		body: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: &huma.Schema{Type: huma.TypeArray, Items: objectSchema}}, answer: schemaFor[provisioned](s),
		serve: func(r *request) (any, error) {
			given, err := parseObject(r.raw)
			if err != nil {
				return nil, err
			}
			delete(given, "customer_id")
			body := map[string][]json.RawMessage{}
			for name, raw := range given {
				var list []json.RawMessage
				if err := json.Unmarshal(raw, &list); err != nil {
					return nil, invalid([]Detail{{Path: name, Reason: "WRONG_TYPE", Message: "must be a list of bodies"}})
				}
				body[name] = list
			}
			result, err := s.provision(r.Context(), r.who, body)
			if err != nil {
				return nil, err
			}
			return provisioned{result}, nil
		},
	})
}

// Provision applies a provisioning file to the administrator's customer, by
// the same rules as POST and PUT. All objects without faults are applied; the
// error is an *Error that lists every fault of the others.
func (s *Server) Provision(ctx context.Context, body map[string][]json.RawMessage) ([]Applied, error) {
	return s.provision(ctx, principal{CustomerID: AdminCustomerID, Admin: true}, body)
}

func (s *Server) provision(ctx context.Context, who principal, body map[string][]json.RawMessage) ([]Applied, error) {
	var faults []Detail
	result := []Applied{}
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if !slices.Contains(provisionOrder, name) {
			faults = append(faults, Detail{Path: name, Reason: "UNKNOWN_FIELD",
				Message: fmt.Sprintf("unknown collection %q%s", name, didYouMean(name, provisionOrder))})
		}
	}
	var waiting []provisioning
	for _, name := range provisionOrder {
		for i, raw := range body[name] {
			waiting = append(waiting, provisioning{name, fmt.Sprintf("%s[%d]", name, i), raw})
		}
	}
	for {
		done, left, refused, err := s.provisionPass(ctx, who, waiting)
		result = append(result, done...)
		if err != nil {
			return result, err
		}
		if len(done) == 0 || len(left) == 0 {
			faults = append(faults, refused...)
			break
		}
		waiting = left // what they refer to may be there now
	}
	if len(faults) > 0 {
		return result, invalid(faults)
	}
	return result, nil
}

// provisioning is one object of a file.
type provisioning struct {
	collection, place string
	raw               json.RawMessage
}

// provisionPass applies what can be applied. What is left comes with its faults.
func (s *Server) provisionPass(ctx context.Context, who principal, list []provisioning) (done []Applied, left []provisioning, faults []Detail, err error) {
	for _, p := range list {
		outcome, err := s.provisioners[p.collection](ctx, who, p.raw)
		if err == nil {
			done = append(done, Applied{Collection: p.collection, ID: idOf(p.raw), Action: outcome})
			continue
		}
		more, err := provisionFaults(p.place, err)
		if err != nil {
			return done, nil, nil, err
		}
		left, faults = append(left, p), append(faults, more...)
	}
	return done, left, faults, nil
}

// provisionFaults places the faults of one object in the file.
func provisionFaults(place string, err error) ([]Detail, error) {
	var e *Error
	switch {
	case !errors.As(err, &e):
		return nil, fmt.Errorf("%s: %w", place, err)
	case len(e.Details) == 0:
		return []Detail{{Path: place, Reason: e.Reason, Message: e.Message}}, nil
	}
	faults := make([]Detail, len(e.Details))
	for i, d := range e.Details {
		d.Path = strings.TrimSuffix(place+"."+d.Path, ".")
		faults[i] = d
	}
	return faults, nil
}

func idOf(raw json.RawMessage) string {
	var named struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &named) != nil {
		return "" // it was applied, so it has one
	}
	return named.ID
}
