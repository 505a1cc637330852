package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"offhook/event"
	"offhook/resource"
	"offhook/store/rows"
)

// registerDoNotCalls mounts the list of numbers that campaigns must not call.
func (s *Server) registerDoNotCalls() {
	list := serve(s, collection[resource.DoNotCall, *resource.DoNotCall]{
		path: "donotcalls", name: "donotcall", rows: rows.DoNotCalls, verbs: plain &^ canCreate,
		writable: "number detail", required: "number", unique: "number", emits: "created deleted",
		filters: map[string]string{"number": rows.KeyNumber},
		check: func(c *check, d *resource.DoNotCall) {
			d.Number = resource.PlainNumber(d.Number)
			if d.Number == "" {
				c.fault("number", "MISSING_FIELD", "give the number as it is dialled")
			}
		},
	})
	s.provisioners[list.path] = provisioner{list.name, list.plan}
	m := importer[resource.DoNotCall, *resource.DoNotCall]{
		rows: list, noun: "number", event: resource.Event{Type: event.DoNotCallImport, Resource: list.name},
		same: func(d *resource.DoNotCall) string { return d.Number },
		known: func(ctx context.Context, d *resource.DoNotCall) (bool, error) {
			found, err := rows.DoNotCalls.Find(ctx, s.db, rows.KeyNumber, d.Number)
			return slices.ContainsFunc(found, func(o *resource.DoNotCall) bool { return o.CustomerID == d.CustomerID }), err
		},
	}
	s.mount(endpoint{
		method: http.MethodPost, path: "/donotcalls", name: "createDonotcall", tag: "donotcalls", maxBody: maxImport,
		doc: "Add one number, or many: a list, CSV (text/csv, with a header line) or NDJSON (application/x-ndjson). " +
			"Numbers that are listed already stay as they are. With faults nothing is added, unless skip_bad=true. " + importDoc,
		query: importQuery, bodyTypes: importTypes, lines: true,
		body:   &huma.Schema{AnyOf: []*huma.Schema{list.createSchema(), {Type: huma.TypeArray, Items: list.schema}}},
		answer: &huma.Schema{AnyOf: []*huma.Schema{list.schema, schemaFor[imported[resource.DoNotCall]](s)}},
		serve:  m.add,
	})
}

// hours asks for a time of day.
func (c *check) hours(h *resource.Hours) {
	if h == nil {
		return
	}
	for path, value := range map[string]string{"calling_hours.start_time": h.StartTime, "calling_hours.end_time": h.EndTime} {
		if !clock.MatchString(value) {
			c.fault(path, "INVALID_VALUE", "must be HH:MM, 00:00 to 23:59, not %q", value)
		}
	}
	if h.StartTime == h.EndTime {
		c.fault("calling_hours.end_time", "INVALID_VALUE", "is the same as start_time, so nobody may be called")
	}
}

// callResults are the results of calls that an outplan may have rules for.
var callResults = []string{"busy", "noanswer", "dialout", "cancel", "failed", "timeout", "amd", "machine", "fax", "sit"}

// resultRules asks for known results.
func (c *check) resultRules(rules map[string]resource.ResultRule) {
	for result, rule := range rules {
		path := "result_rules." + result
		if !slices.Contains(callResults, result) {
			c.fault(path, "INVALID_VALUE", "there is no such result; there are %s", strings.Join(callResults, ", "))
		}
		c.atLeast(path+".interval", rule.Interval, 0)
	}
}
