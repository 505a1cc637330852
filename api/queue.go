package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"offhook/resource"
	"offhook/store/rows"
)

func (s *Server) registerQueues() {
	queues := serve(s, collection[resource.Queue, *resource.Queue]{
		path: "queues", name: "queue", rows: rows.Queues, verbs: plain,
		writable: "name detail routing_method tag_ids wait_flow_id wait_timeout service_timeout wrap_up ring_timeout max_waiting priority " +
			"overflow_queue_id exit_key callback_key callback_tries callback_interval callback_ring_timeout callback_expiry whisper record service_level",
		emits: "created updated deleted",
		fresh: func(q *resource.Queue) { q.RoutingMethod = orElse(q.RoutingMethod, "random") },
		check: checkQueue,
	})
	queues.part("tag_ids", "tag_ids")
	queues.part("routing_method", "routing_method")
	query(s, endpoint{method: http.MethodGet, path: "/queues/{id}/stats", name: "readQueueStats", tag: "queues", doc: "How the queue does now", answer: objectSchema},
		func(r *request) (any, error) {
			if _, err := queues.load(r.Context(), r.who, r.id()); err != nil {
				return nil, err
			}
			if s.cfg.Queues == nil {
				return nil, notConfigured("queues")
			}
			return s.cfg.Queues.Stats(r.Context(), r.who.CustomerID, r.id())
		})
	s.registerQueuecalls()
	s.registerAgents()
}

func checkQueue(c *check, q *resource.Queue) {
	if !slices.Contains(routingMethods, q.RoutingMethod) {
		c.fault("routing_method", "INVALID_ROUTING_METHOD", "must be one of %s, not %q", strings.Join(routingMethods, ", "), q.RoutingMethod)
	}
	c.tags(q.TagIDs)
	refersToFlow(c, "wait_flow_id", q.WaitFlowID)
	if q.OverflowQueueID == q.ID && q.ID != "" {
		c.fault("overflow_queue_id", "INVALID_VALUE", "a queue can't overflow into itself")
	} else {
		refers(c, "overflow_queue_id", rows.Queues, "queue", q.OverflowQueueID)
	}
	for path, value := range map[string]int{
		"wait_timeout": q.WaitTimeout, "service_timeout": q.ServiceTimeout, "wrap_up": q.WrapUp,
		"ring_timeout": q.RingTimeout, "max_waiting": q.MaxWaiting, "service_level": q.ServiceLevel, "callback_tries": q.CallbackTries,
		"callback_interval": q.CallbackInterval, "callback_ring_timeout": q.CallbackRing, "callback_expiry": q.CallbackExpiry,
	} {
		c.atLeast(path, value, 0)
	}
	c.key("exit_key", q.ExitKey)
	c.key("callback_key", q.CallbackKey)
	if q.ExitKey != "" && q.ExitKey == q.CallbackKey {
		c.fault("callback_key", "INVALID_VALUE", "is the exit_key already")
	}
	c.oneOf("record", q.Record, "", "wav", "mp3")
}

var routingMethods = []string{"random", "longest_idle", "round_robin", "fewest_calls", "ring_all", "skills"}

// key asks for one digit of a keypad, or none.
func (c *check) key(path, value string) {
	if value != "" && (len(value) != 1 || !strings.Contains("0123456789*#ABCD", value)) {
		c.fault(path, "INVALID_VALUE", "must be one of 0 to 9, *, #, A to D, not %q", value)
	}
}

// tags asks for tags of the customer's.
func (c *check) tags(ids []string) {
	for i, id := range ids {
		refers(c, fmt.Sprintf("tag_ids[%d]", i), rows.Tags, "tag", id)
	}
}

// Placer is implemented by Queues that know places in line.
type Placer interface {
	// Place is the place in line of a queuecall, from 1; 0 when it is not in line.
	Place(customerID, queuecallID string) int
}

// showPlace shows the place that a waiting caller has now: in a long line each
// step changes all of them, so rows do not keep it.
func (s *Server) showPlace(_ context.Context, q *resource.Queuecall) {
	if live, ok := s.cfg.Queues.(Placer); ok && (q.Status == "waiting" || q.Status == "connecting") {
		q.Position = live.Place(q.CustomerID, q.ID)
	}
}

func (s *Server) registerQueuecalls() {
	calls := serve(s, collection[resource.Queuecall, *resource.Queuecall]{
		path: "queuecalls", name: "queuecall", rows: rows.Queuecalls, verbs: readOnly, filters: map[string]string{"queue_id": rows.KeyParent},
		show: s.showPlace,
	})
	s.registerSupervision(calls)
	kick := func(r *request, id string) (*resource.Queuecall, error) {
		row, err := calls.load(r.Context(), r.who, id)
		if err != nil || row.Status == "done" || row.Status == "abandoned" {
			return row, err
		}
		if s.cfg.Queues == nil {
			return nil, notConfigured("queues")
		}
		if err := s.cfg.Queues.Kick(r.Context(), r.who.CustomerID, id); err != nil {
			return nil, err
		}
		return calls.load(r.Context(), r.who, id)
	}
	byID := func(r *request) (*resource.Queuecall, error) { return kick(r, r.id()) }
	query(s, endpoint{method: http.MethodPost, path: "/queuecalls/{id}/kick", name: "kickQueuecall", tag: "queuecalls", doc: "Take a caller out of its queue; its flow goes on"}, byID)
	query(s, endpoint{method: http.MethodDelete, path: "/queuecalls/{id}", name: "deleteQueuecall", tag: "queuecalls", doc: "Take a caller out of its queue; its flow goes on"}, byID)
	query(s, endpoint{method: http.MethodPost, path: "/queuecalls/reference_id/{id}/kick", name: "kickQueuecallOfCall", tag: "queuecalls", doc: "The same by the caller's call"},
		func(r *request) (*resource.Queuecall, error) {
			all, err := rows.All(r.Context(), s.db, rows.Queuecalls, r.who.CustomerID)
			if err != nil {
				return nil, err
			}
			i := slices.IndexFunc(all, func(q *resource.Queuecall) bool { return q.ReferenceID == r.id() }) // newest first
			if i < 0 {
				return nil, notFound("queuecall", r.id())
			}
			return kick(r, all[i].ID)
		})
}
