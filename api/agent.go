package api

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

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
		check: checkAgent,
		prepare: func(old, a *resource.Agent) {
			if old != nil && isPassword(old.Password, a.Password) {
				a.Password = old.Password
				return
			}
			a.Password = sealPassword(a.Password)
		},
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

const sealedPrefix = "pbkdf2-sha256"

// sealPassword makes what is stored of a password: name, rounds, salt and key.
func sealPassword(password string) string {
	if password == "" {
		return ""
	}
	var salt [16]byte
	rand.Read(salt[:])
	return fmt.Sprintf("%s$%d$%x$%x", sealedPrefix, passwordRounds, salt, stretch(password, salt[:], passwordRounds))
}

// isPassword reports whether given is what was stored, or the password that it
// was made of.
func isPassword(stored, given string) bool {
	if stored == given {
		return true
	}
	parts := strings.Split(stored, "$")
	if len(parts) != 4 || given == "" {
		return false
	}
	rounds, err := strconv.Atoi(parts[1])
	salt, errSalt := hex.DecodeString(parts[2])
	key, errKey := hex.DecodeString(parts[3])
	if err != nil || errSalt != nil || errKey != nil {
		return false
	}
	return subtle.ConstantTimeCompare(key, stretch(given, salt, rounds)) == 1
}

// stretch derives a key; nil, which equals no key, for lengths that SHA-256
// can't give.
func stretch(password string, salt []byte, rounds int) []byte {
	key, err := pbkdf2.Key(sha256.New, password, salt, rounds, sha256.Size)
	if err != nil {
		return nil
	}
	return key
}
