package api

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// objectSchema is any JSON object.
var objectSchema = &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}

func (s *Server) registerCampaigns() {
	campaigns := serve(s, collection[resource.Campaign, *resource.Campaign]{
		path: "campaigns", name: "campaign", rows: rows.Campaigns, verbs: plain,
		writable: "name detail type service_level end_handle flow_id actions outplan_id outdial_id queue_id next_campaign_id " +
			"dial_timeout max_concurrent_calls calls_per_second max_abandon_rate schedule calling_hours max_attempts_per_day",
		emits: "created updated deleted",
		fresh: func(c *resource.Campaign) {
			c.Type, c.Status, c.EndHandle = orElse(c.Type, "call"), orElse(c.Status, "stop"), orElse(c.EndHandle, "stop")
			if c.ServiceLevel == 0 {
				c.ServiceLevel = 100
			}
		},
		check: checkCampaign, changed: attachOutdial,
		remove: func(_ context.Context, c *resource.Campaign) error {
			if c.Status != "stop" {
				return precondition("STATE_INVALID", "the campaign is at %s; stop it first: PUT /campaigns/%s/status", c.Status, c.ID)
			}
			return nil
		},
	})
	campaigns.part("actions", "actions")
	campaigns.part("service_level", "service_level")
	campaigns.part("resource_info", "outplan_id", "outdial_id", "queue_id", "next_campaign_id")
	campaigns.part("next_campaign_id", "next_campaign_id")
	command(s, endpoint{method: http.MethodPut, path: "/campaigns/{id}/status", name: "updateCampaignStatus", tag: "campaigns", doc: "Run or stop a campaign"},
		func(r *request, b *campaignStatusBody) (*resource.Campaign, error) {
			return s.setCampaignStatus(r, campaigns, b.Status)
		})
	s.registerCampaignViews(campaigns)
	s.registerDoNotCalls()
	s.registerOutplans()
	s.registerOutdials()
}

// campaignStatusBody is the body of PUT /campaigns/{id}/status.
type campaignStatusBody struct {
	Status string `json:"status" doc:"run or stop"`
}

func (s *Server) setCampaignStatus(r *request, campaigns *served[resource.Campaign, *resource.Campaign], status string) (*resource.Campaign, error) {
	row, err := campaigns.load(r.Context(), r.who, r.id())
	if err != nil {
		return nil, err
	}
	c := s.check(r)
	c.oneOf("status", status, "run", "stop")
	if err := c.err(); err != nil {
		return nil, err
	}
	if s.cfg.Campaigns == nil {
		return nil, notConfigured("campaigns")
	}
	if status == "run" {
		if err := runnable(row); err != nil {
			return nil, err
		}
	}
	changed, err := s.cfg.Campaigns.SetStatus(r.Context(), r.who.CustomerID, row.ID, status)
	if err != nil {
		return nil, err
	}
	return campaigns.reveal(r.Context(), &changed), nil
}

// runnable asks for what a campaign needs before it can dial.
func runnable(c *resource.Campaign) error {
	switch {
	case c.OutplanID == "":
		return precondition("STATE_INVALID", "the campaign has no outplan; set outplan_id by PUT /campaigns/%s/resource_info", c.ID)
	case c.OutdialID == "":
		return precondition("STATE_INVALID", "the campaign has no outdial; set outdial_id by PUT /campaigns/%s/resource_info, or campaign_id of an outdial", c.ID)
	}
	return nil
}

// registerCampaignViews mounts what tells how a campaign does.
func (s *Server) registerCampaignViews(campaigns *served[resource.Campaign, *resource.Campaign]) {
	view := func(name, id, doc string, read func(*request) (any, error)) {
		query(s, endpoint{method: http.MethodGet, path: "/campaigns/{id}/" + name, name: id, tag: "campaigns", doc: doc, answer: objectSchema},
			func(r *request) (any, error) {
				if _, err := campaigns.load(r.Context(), r.who, r.id()); err != nil {
					return nil, err
				}
				if s.cfg.Campaigns == nil {
					return nil, notConfigured("campaigns")
				}
				return read(r)
			})
	}
	view("stats", "readCampaignStats", "How the campaign does now", func(r *request) (any, error) {
		return s.cfg.Campaigns.Stats(r.Context(), r.who.CustomerID, r.id())
	})
	view("dry_run", "dryRunCampaign", "How many would be dialled now, how many not, and why", func(r *request) (any, error) {
		return s.cfg.Campaigns.DryRun(r.Context(), r.who.CustomerID, r.id())
	})
	calls := serve(s, collection[resource.Campaigncall, *resource.Campaigncall]{
		path: "campaigncalls", name: "campaigncall", rows: rows.Campaigncalls, verbs: readOnly | canDelete, emits: "deleted",
		filters: map[string]string{"campaign_id": rows.KeyParent},
		remove: func(_ context.Context, c *resource.Campaigncall) error {
			if c.Status != "done" {
				return precondition("STATE_INVALID", "the call is still at %s; hang it up first: POST /calls/%s/hangup", c.Status, c.ReferenceID)
			}
			return nil
		},
	})
	children(s, campaigns, calls, "campaigncalls", "listCampaigncallsOfCampaign")
}

// children registers GET /{path}/{id}/{sub}: the rows that belong to one.
func children[T, U any, P store.RowOf[T], Q store.RowOf[U]](s *Server, parents *served[T, P], rowsOf *served[U, Q], sub, name string) {
	s.mount(endpoint{
		method: http.MethodGet, path: "/" + parents.path + "/{id}/" + sub, name: name, tag: parents.path,
		doc: "List " + sub + " of one " + parents.name + ", newest first", query: pageParameters, answer: schemaFor[page[U]](s),
		serve: func(r *request) (any, error) {
			if _, err := parents.load(r.Context(), r.who, r.id()); err != nil {
				return nil, err
			}
			return rowsOf.listBy(r, store.Filter{Key: rows.KeyParent, Value: r.id()})
		},
	})
}

var clock = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

func checkCampaign(c *check, row *resource.Campaign) {
	c.oneOf("type", row.Type, "call", "flow")
	c.oneOf("end_handle", row.EndHandle, "stop", "continue")
	refersToFlow(c, "flow_id", row.FlowID)
	row.Actions = numbered(row.ID, row.Actions)
	refers(c, "outplan_id", rows.Outplans, "outplan", row.OutplanID)
	refers(c, "queue_id", rows.Queues, "queue", row.QueueID)
	if row.NextCampaignID == row.ID && row.ID != "" {
		c.fault("next_campaign_id", "INVALID_VALUE", "a campaign can't follow itself")
	} else {
		refers(c, "next_campaign_id", rows.Campaigns, "campaign", row.NextCampaignID)
	}
	c.atLeast("service_level", row.ServiceLevel, 0)
	c.atLeast("dial_timeout", row.DialTimeout, 0)
	c.atLeast("max_concurrent_calls", row.MaxConcurrentCalls, 0)
	if row.CallsPerSecond < 0 || row.CallsPerSecond > 1000 {
		c.fault("calls_per_second", "INVALID_VALUE", "must be 0 to 1000")
	}
	if row.MaxAbandonRate < 0 || row.MaxAbandonRate > 1 {
		c.fault("max_abandon_rate", "INVALID_VALUE", "must be 0 to 1, where 0.03 is 3 percent")
	}
	c.schedule(row.Schedule)
	c.atLeast("max_attempts_per_day", row.MaxAttemptsPerDay, 0)
	c.hours(row.CallingHours)
	if row.OutdialID != "" {
		outdial, err := rows.Outdials.Load(c.ctx, c.s.db, c.who.CustomerID, row.OutdialID)
		if err != nil {
			refers(c, "outdial_id", rows.Outdials, "outdial", row.OutdialID)
		} else if outdial.CampaignID != "" && outdial.CampaignID != row.ID {
			c.fault("outdial_id", "STATE_INVALID", "outdial %q belongs to campaign %q", row.OutdialID, outdial.CampaignID)
		}
	}
}

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// schedule asks for a window of local time.
func (c *check) schedule(w *resource.Schedule) {
	if w == nil {
		return
	}
	if _, err := time.LoadLocation(w.Timezone); err != nil || w.Timezone == "" {
		c.fault("schedule.timezone", "INVALID_VALUE", "must be an IANA name such as America/New_York, not %q", w.Timezone)
	}
	for path, value := range map[string]string{"schedule.start_time": w.StartTime, "schedule.end_time": w.EndTime} {
		if !clock.MatchString(value) {
			c.fault(path, "INVALID_VALUE", "must be HH:MM, 00:00 to 23:59, not %q", value)
		}
	}
	if w.StartTime == w.EndTime {
		c.fault("schedule.end_time", "INVALID_VALUE", "is the same as start_time, so there is no time to dial in")
	}
	for i, day := range w.Days {
		if !slices.Contains(weekdays, day) {
			c.fault(fmt.Sprintf("schedule.days[%d]", i), "INVALID_VALUE", "must be one of mon, tue, wed, thu, fri, sat, sun, not %q", day)
		}
	}
}

// attachOutdial notes in the outdial which campaign dials it.
func attachOutdial(_ context.Context, tx *store.Tx, action string, c *resource.Campaign) error {
	if c.OutdialID == "" {
		return nil
	}
	outdial, err := rows.Outdials.Read(tx, c.CustomerID, c.OutdialID)
	if err != nil {
		return err
	}
	owner := c.ID
	if action == "deleted" {
		owner = ""
	}
	if outdial.CampaignID == owner {
		return nil
	}
	outdial.CampaignID = owner
	return rows.Outdials.Put(tx, outdial)
}

func (s *Server) registerOutplans() {
	plans := serve(s, collection[resource.Outplan, *resource.Outplan]{
		path: "outplans", name: "outplan", rows: rows.Outplans, verbs: plain,
		writable: "name detail source dial_timeout try_interval max_try_count_0 max_try_count_1 max_try_count_2 max_try_count_3 max_try_count_4 " +
			"try_interval_0 try_interval_1 try_interval_2 try_interval_3 try_interval_4 result_rules",
		check: func(c *check, p *resource.Outplan) {
			if p.Source != (resource.Address{}) {
				c.source(&p.Source)
			}
			for path, value := range map[string]int{
				"dial_timeout": p.DialTimeout, "try_interval": p.TryInterval, "max_try_count_0": p.MaxTryCount0,
				"max_try_count_1": p.MaxTryCount1, "max_try_count_2": p.MaxTryCount2, "max_try_count_3": p.MaxTryCount3, "max_try_count_4": p.MaxTryCount4,
				"try_interval_0": p.TryInterval0, "try_interval_1": p.TryInterval1, "try_interval_2": p.TryInterval2, "try_interval_3": p.TryInterval3, "try_interval_4": p.TryInterval4,
			} {
				c.atLeast(path, value, 0)
			}
			c.resultRules(p.ResultRules)
		},
	})
	plans.part("dial_info", "source", "dial_timeout", "try_interval", "max_try_count_0", "max_try_count_1", "max_try_count_2", "max_try_count_3", "max_try_count_4",
		"try_interval_0", "try_interval_1", "try_interval_2", "try_interval_3", "try_interval_4")
}
