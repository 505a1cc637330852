package api

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func (s *Server) registerQueues() {
	queues := serve(s, collection[resource.Queue, *resource.Queue]{
		path: "queues", name: "queue", rows: rows.Queues, verbs: plain,
		writable: "name detail routing_method tag_ids wait_flow_id wait_timeout service_timeout wrap_up ring_timeout max_waiting priority " +
			"overflow_queue_id exit_key callback_key whisper record service_level",
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
	for path, value := range map[string]int{"wait_timeout": q.WaitTimeout, "service_timeout": q.ServiceTimeout, "wrap_up": q.WrapUp,
		"ring_timeout": q.RingTimeout, "max_waiting": q.MaxWaiting, "service_level": q.ServiceLevel} {
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

func (s *Server) registerQueuecalls() {
	calls := serve(s, collection[resource.Queuecall, *resource.Queuecall]{
		path: "queuecalls", name: "queuecall", rows: rows.Queuecalls, verbs: readOnly, filters: map[string]string{"queue_id": rows.KeyParent},
	})
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

func (s *Server) registerAgents() {
	agents := serve(s, collection[resource.Agent, *resource.Agent]{
		path: "agents", name: "agent", rows: rows.Agents, verbs: plain,
		writable: "username password name detail ring_method permission tag_ids skills addresses", secret: "password",
		emits: "created updated deleted",
		match: map[string]func(*resource.Agent, string) bool{
			"status":  func(a *resource.Agent, status string) bool { return a.Status == status },
			"tag_ids": func(a *resource.Agent, tag string) bool { return slices.Contains(a.TagIDs, tag) },
		},
		fresh: func(a *resource.Agent) {
			a.RingMethod, a.Status = orElse(a.RingMethod, "ringall"), orElse(a.Status, "offline")
			if a.TMStatus == nil {
				a.TMStatus = resource.Now()
			}
		},
		check:   checkAgent,
		prepare: func(a *resource.Agent) { a.Password = sealPassword(a.Password) },
		remove: func(_ context.Context, a *resource.Agent) error {
			if a.Status == "busy" || a.Status == "ringing" {
				return precondition("STATE_INVALID", "the agent is %s; delete it after the call", a.Status)
			}
			return nil
		},
	})
	agents.part("addresses", "addresses")
	agents.part("tag_ids", "tag_ids")
	agents.part("permission", "permission")
	agents.part("password", "password")
	command(s, endpoint{method: http.MethodPut, path: "/agents/{id}/status", name: "updateAgentStatus", tag: "agents", doc: "Say whether an agent takes calls"},
		func(r *request, b *agentStatusBody) (*resource.Agent, error) {
			row, err := agents.load(r.Context(), r.who, r.id())
			if err != nil {
				return nil, err
			}
			c := s.check(r)
			c.oneOf("status", b.Status, "available", "away", "busy", "offline")
			if err := c.err(); err != nil {
				return nil, err
			}
			if row.Status == b.Status {
				return agents.reveal(r.Context(), row), nil
			}
			if s.cfg.Queues != nil {
				changed, err := s.cfg.Queues.SetAgentStatus(r.Context(), r.who.CustomerID, row.ID, b.Status)
				if err != nil {
					return nil, err
				}
				return agents.reveal(r.Context(), &changed), nil
			}
			return s.storeAgentStatus(r, agents, b.Status)
		})
}

// agentStatusBody is the body of PUT /agents/{id}/status.
type agentStatusBody struct {
	Status string `json:"status" doc:"available, away, busy or offline"`
}

// storeAgentStatus changes a status that no queue acts on.
func (s *Server) storeAgentStatus(r *request, agents *served[resource.Agent, *resource.Agent], status string) (*resource.Agent, error) {
	var row *resource.Agent
	err := s.db.Write(r.Context(), func(tx *store.Tx) (err error) {
		row, err = rows.Agents.Update(tx, r.who.CustomerID, r.id(), func(a *resource.Agent) error {
			a.Status, a.TMStatus = status, resource.Now()
			return nil
		})
		if err != nil {
			return err
		}
		e, err := agents.tell(r.Context(), row, "agent_status_updated")
		if err != nil {
			return err
		}
		return tx.Emit(e)
	})
	if err != nil {
		return nil, agents.storeError(r.Context(), r.who, r.id(), err)
	}
	s.changed("agent", "updated", row)
	return agents.reveal(r.Context(), row), nil
}

func checkAgent(c *check, a *resource.Agent) {
	c.tags(a.TagIDs)
	for i, address := range a.Addresses {
		path := fmt.Sprintf("addresses[%d]", i)
		c.address(path, address)
		if address.Type == resource.TypeAgent || address.Type == resource.TypeQueue || address.Type == resource.TypeConference {
			c.fault(path+".type", "INVALID_VALUE", "an agent is reached at tel, sip or extension, not at %s", address.Type)
		}
	}
	for tag, weight := range a.Skills {
		refers(c, "skills."+tag, rows.Tags, "tag", tag)
		if weight < 1 || weight > 100 {
			c.fault("skills."+tag, "INVALID_VALUE", "must be 1 to 100, not %d", weight)
		}
	}
}

// Passwords of agents are stored as PBKDF2 with this many rounds of SHA-256.
const passwordRounds = 210_000

const sealedPrefix = "pbkdf2-sha256$"

// sealPassword makes what is stored of a password; what is sealed stays.
func sealPassword(password string) string {
	if password == "" || strings.HasPrefix(password, sealedPrefix) {
		return password
	}
	var salt [16]byte
	rand.Read(salt[:])
	key, err := pbkdf2.Key(sha256.New, password, salt[:], passwordRounds, 32)
	if err != nil {
		return "" // only for key lengths that SHA-256 can't give; nobody gets in
	}
	return fmt.Sprintf("%s%d$%s$%s", sealedPrefix, passwordRounds, base64.RawStdEncoding.EncodeToString(salt[:]), base64.RawStdEncoding.EncodeToString(key))
}
