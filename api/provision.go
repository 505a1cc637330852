package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"offhook/store"
)

// provisionOrder is the order of writing: what is referred to before what refers
// to it, as far as there is no circle.
var provisionOrder = []string{
	"tags", "extensions", "trunks", "providers", "routes", "flows", "numbers", "agents", "queues",
	"conferences", "outplans", "outdials", "campaigns", "donotcalls", "ais",
}

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
		doc:  "Create or update many objects: a map from collection to bodies as of their POST, each with an id; all of them or, with a fault, none. They may refer to each other. Applied again it changes nothing",
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
// the same rules as POST and PUT. Objects may refer to each other in any order,
// also in a circle. Either all of them are stored, in one transaction, or none;
// then the error is an *Error that lists every fault.
func (s *Server) Provision(ctx context.Context, body map[string][]json.RawMessage) ([]Applied, error) {
	return s.provision(ctx, principal{CustomerID: AdminCustomerID, Admin: true}, body)
}

func (s *Server) provision(ctx context.Context, who principal, body map[string][]json.RawMessage) ([]Applied, error) {
	var faults []Detail
	for _, name := range slices.Sorted(maps.Keys(body)) {
		if !slices.Contains(provisionOrder, name) {
			faults = append(faults, Detail{
				Path: name, Reason: "UNKNOWN_FIELD",
				Message: fmt.Sprintf("unknown collection %q%s", name, didYouMean(name, provisionOrder)),
			})
		}
	}
	var list []*provisioning
	set := map[string]bool{}
	for _, name := range provisionOrder {
		for i, raw := range body[name] {
			list = append(list, &provisioning{collection: name, place: fmt.Sprintf("%s[%d]", name, i), raw: raw, id: idOf(raw)})
			set[s.provisioners[name].name+" "+idOf(raw)] = true
		}
	}
	ctx = context.WithValue(ctx, planKey{}, set)
	for {
		more, err := s.planAll(ctx, who, list)
		if faults = append(faults, more...); err != nil || len(faults) > 0 {
			return nil, cmp.Or(err, error(invalid(faults)))
		}
		failed, err := s.storeAll(ctx, list)
		switch {
		case errors.Is(err, errMoved):
			continue // somebody changed one of them meanwhile
		case err != nil && failed != nil:
			faults, err = provisionFaults(failed.place, failed.word(err))
			return nil, cmp.Or(err, error(invalid(faults)))
		case err != nil:
			return nil, err
		}
		return s.applied(list), nil
	}
}

// provisioning is one object of a file.
type provisioning struct {
	collection, place, id string
	raw                   json.RawMessage
	plan
}

// planAll holds the rules against all objects, each as if the others were there.
func (s *Server) planAll(ctx context.Context, who principal, list []*provisioning) (faults []Detail, err error) {
	for _, p := range list {
		if p.plan, err = s.provisioners[p.collection].plan(ctx, who, p.raw); err == nil {
			continue
		}
		more, err := provisionFaults(p.place, err)
		if err != nil {
			return nil, err
		}
		faults = append(faults, more...)
	}
	return faults, nil
}

// storeAll writes what was planned, in one transaction. failed is the object
// that the store refused.
func (s *Server) storeAll(ctx context.Context, list []*provisioning) (failed *provisioning, err error) {
	err = s.db.Write(ctx, func(tx *store.Tx) error {
		for _, p := range list {
			if p.settled == nil {
				continue
			}
			if err := p.settled(tx); err != nil {
				failed = p
				return err
			}
		}
		for _, p := range list {
			if p.write == nil {
				continue
			}
			if err := p.write(tx); err != nil {
				failed = p
				return err
			}
		}
		return nil
	})
	return failed, err
}

// applied tells of what is stored now.
func (s *Server) applied(list []*provisioning) []Applied {
	result := make([]Applied, len(list))
	for i, p := range list {
		if p.done != nil {
			p.done()
		}
		result[i] = Applied{Collection: p.collection, ID: p.id, Action: p.action}
	}
	return result
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

// idOf is an object's id, empty when it names none.
func idOf(raw json.RawMessage) string {
	var named struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(raw, &named) != nil {
		return ""
	}
	return named.ID
}
