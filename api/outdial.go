package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func (s *Server) registerOutdials() {
	outdials := serve(s, collection[resource.Outdial, *resource.Outdial]{
		path: "outdials", name: "outdial", rows: rows.Outdials, verbs: plain, writable: "campaign_id name detail data",
		emits: "created updated deleted",
		check: func(c *check, o *resource.Outdial) {
			refers(c, "campaign_id", rows.Campaigns, "campaign", o.CampaignID)
		},
		changed: s.outdialChanged, show: s.showImport,
	})
	outdials.part("campaign_id", "campaign_id")
	outdials.part("data", "data")
	targets := describeCollection(s, collection[resource.OutdialTarget, *resource.OutdialTarget]{
		path: "outdials", name: "outdialtarget", rows: rows.OutdialTargets,
		writable: "name detail data destination_0 destination_1 destination_2 destination_3 destination_4",
		fresh:    func(t *resource.OutdialTarget) { t.Status = orElse(t.Status, "idle") },
		check:    checkTarget,
	})
	s.mount(endpoint{
		method: http.MethodPost, path: "/outdials/{id}/targets", name: "createOutdialTargets", tag: "outdials", maxBody: maxImport,
		doc: "Add one target, or many: a list, CSV (text/csv, with a header line) or NDJSON (application/x-ndjson). " +
			"With faults nothing is added, unless skip_bad=true. " + importDoc,
		query: importQuery, bodyTypes: importTypes, lines: true,
		body:   &huma.Schema{AnyOf: []*huma.Schema{targets.schema, {Type: huma.TypeArray, Items: targets.schema}}},
		answer: &huma.Schema{AnyOf: []*huma.Schema{targets.schema, schemaFor[imported[resource.OutdialTarget]](s)}},
		serve: func(r *request) (any, error) {
			if _, err := outdials.load(r.Context(), r.who, r.id()); err != nil {
				return nil, err
			}
			m := importer[resource.OutdialTarget, *resource.OutdialTarget]{
				rows: targets, noun: "target",
				setup: func(t *resource.OutdialTarget) { t.OutdialID = r.id() }, same: func(t *resource.OutdialTarget) string { return t.ID },
				event: resource.Event{Type: event.OutdialImport, Resource: outdials.name, ResourceID: r.id()},
				show:  func(i resource.Import) { s.noteImport(r.who.CustomerID, r.id(), i) },
			}
			return m.add(r)
		},
	})
	children(s, outdials, targets, "targets", "listOutdialTargets")
	s.registerTarget(outdials, targets)
}

// registerTarget mounts what is done with one target.
func (s *Server) registerTarget(outdials *served[resource.Outdial, *resource.Outdial], targets *served[resource.OutdialTarget, *resource.OutdialTarget]) {
	find := func(r *request) (*resource.OutdialTarget, error) {
		if _, err := outdials.load(r.Context(), r.who, r.id()); err != nil {
			return nil, err
		}
		id := r.PathValue("target_id")
		t, err := targets.load(r.Context(), r.who, id)
		if err == nil && t.OutdialID != r.id() {
			return nil, notFound("outdialtarget", id)
		}
		return t, err
	}
	at := func(method, name, doc string) endpoint {
		return endpoint{method: method, path: "/outdials/{id}/targets/{target_id}", name: name, tag: "outdials", doc: doc}
	}
	query(s, at(http.MethodGet, "readOutdialTarget", "Read one target"), find)
	query(s, at(http.MethodDelete, "deleteOutdialTarget", "Delete a target; it is not dialled any more"), func(r *request) (*resource.OutdialTarget, error) {
		t, err := find(r)
		if err != nil {
			return nil, err
		}
		t.TMDelete = resource.Now()
		err = s.db.Write(r.Context(), func(tx *store.Tx) error { return rows.OutdialTargets.Delete(tx, t.CustomerID, t.ID) })
		if err != nil {
			return nil, targets.storeError(r.Context(), r.who, t.ID, err)
		}
		s.changed("outdialtarget", "deleted", t)
		return t, nil
	})
}

// outdialChanged follows from a change of an outdial.
func (s *Server) outdialChanged(ctx context.Context, tx *store.Tx, action string, o *resource.Outdial) error {
	if action == "deleted" {
		s.imports.Delete(importKey{o.CustomerID, o.ID})
	}
	return attachCampaign(ctx, tx, action, o)
}

// attachCampaign notes in the campaign which outdial it dials.
func attachCampaign(_ context.Context, tx *store.Tx, action string, o *resource.Outdial) error {
	if o.CampaignID == "" {
		return nil
	}
	campaign, err := rows.Campaigns.Read(tx, o.CustomerID, o.CampaignID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	want := o.ID
	if action == "deleted" {
		want = ""
	}
	if campaign.OutdialID == want {
		return nil
	}
	campaign.OutdialID = want
	return rows.Campaigns.Put(tx, campaign)
}

func checkTarget(c *check, t *resource.OutdialTarget) {
	any := false
	for i, a := range []*resource.Address{t.Destination0, t.Destination1, t.Destination2, t.Destination3, t.Destination4} {
		if a != nil {
			any = true
			c.address(fmt.Sprintf("destination_%d", i), *a)
		}
	}
	if !any {
		c.fault("destination_0", "MISSING_FIELD", "give at least one destination")
	}
}
