// Package rows names the collections of the store: one for each kind of
// resource, with the keys by which rows are found besides their ids.
package rows

import (
	"context"
	"strings"

	"offhook/resource"
	"offhook/store"
)

// Names of secondary keys.
const (
	KeyLive      = "live"      // "1" for what has not ended: after a crash these rows are closed
	KeyExtension = "extension" // an extension's number
	KeyNumber    = "number"    // a number as written
	KeyRange     = "range"     // "1" for a number that stands for all that begin so: "+49301*"
	KeyToken     = "token"     // SHA-256 of an access key
	KeyParent    = "parent"    // what the row belongs to: outdial, campaign, conference, queue, call …
	KeyStatus    = "status"
)

// live gives the key of a row that has not ended.
func live(yes bool) []store.Key {
	if yes {
		return []store.Key{{Name: KeyLive, Value: "1"}}
	}
	return nil
}

// The collections.
var (
	Customers  = store.NewCollection[resource.Customer]("customer", nil)
	Accesskeys = store.NewCollection("accesskey", func(a *resource.Accesskey) []store.Key {
		return []store.Key{{Name: KeyToken, Value: a.TokenHash}}
	})
	Tags    = store.NewCollection[resource.Tag]("tag", nil)
	Numbers = store.NewCollection("number", func(n *resource.Number) []store.Key {
		keys := []store.Key{{Name: KeyNumber, Value: n.Number, Unique: true}}
		if strings.HasSuffix(n.Number, "*") {
			keys = append(keys, store.Key{Name: KeyRange, Value: "1"})
		}
		return keys
	})
	Extensions = store.NewCollection("extension", func(e *resource.Extension) []store.Key {
		return []store.Key{{Name: KeyExtension, Value: e.Extension, Unique: true}}
	})
	Trunks    = store.NewCollection[resource.Trunk]("trunk", nil)
	Providers = store.NewCollection[resource.Provider]("provider", nil)
	Routes    = store.NewCollection[resource.Route]("route", nil)
	Flows     = store.NewCollection[resource.Flow]("flow", nil)
	Calls     = store.NewCollection("call", func(c *resource.Call) []store.Key {
		return live(c.Status != resource.StatusHangup)
	})
	Groupcalls = store.NewCollection("groupcall", func(g *resource.Groupcall) []store.Key {
		return live(g.Status != resource.StatusHangup)
	})
	Activeflows = store.NewCollection("activeflow", func(a *resource.Activeflow) []store.Key {
		return live(a.Status != "ended")
	})
	Recordings = store.NewCollection("recording", func(r *resource.Recording) []store.Key {
		return append(live(r.Status != "ended"), store.Key{Name: KeyParent, Value: r.ReferenceID})
	})
	Transfers   = store.NewCollection[resource.Transfer]("transfer", nil)
	Conferences = store.NewCollection[resource.Conference]("conference", nil)
	Agents      = store.NewCollection[resource.Agent]("agent", nil)
	Queues      = store.NewCollection[resource.Queue]("queue", nil)
	Campaigns   = store.NewCollection[resource.Campaign]("campaign", nil)
	Outplans    = store.NewCollection[resource.Outplan]("outplan", nil)
	Outdials    = store.NewCollection[resource.Outdial]("outdial", nil)

	Conferencecalls = store.NewCollection("conferencecall", func(c *resource.Conferencecall) []store.Key {
		return append(live(c.Status != "leaved"), store.Key{Name: KeyParent, Value: c.ConferenceID})
	})
	Queuecalls = store.NewCollection("queuecall", func(q *resource.Queuecall) []store.Key {
		return append(live(q.Status != "done" && q.Status != "abandoned"), store.Key{Name: KeyParent, Value: q.QueueID})
	})
	OutdialTargets = store.NewCollection("outdialtarget", func(t *resource.OutdialTarget) []store.Key {
		return []store.Key{{Name: KeyParent, Value: t.OutdialID}, {Name: KeyStatus, Value: t.Status}}
	})
	Campaigncalls = store.NewCollection("campaigncall", func(c *resource.Campaigncall) []store.Key {
		return append(live(c.Status != "done"), store.Key{Name: KeyParent, Value: c.CampaignID}, store.Key{Name: KeyNumber, Value: c.Destination.Target})
	})
	DoNotCalls = store.NewCollection("donotcall", func(d *resource.DoNotCall) []store.Key {
		return []store.Key{{Name: KeyNumber, Value: d.Number, Unique: true}}
	})
)

// All returns every row of a customer, newest first.
func All[T any, P store.RowOf[T]](ctx context.Context, db *store.DB, c *store.Collection[T, P], customerID string) ([]*T, error) {
	var all []*T
	page := store.Page{Size: 100}
	for {
		rows, next, err := c.List(ctx, db, customerID, page)
		if err != nil {
			return nil, err
		}
		all = append(all, rows...)
		if next == "" || len(rows) == 0 {
			return all, nil
		}
		page.Token = next
	}
}
