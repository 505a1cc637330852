package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"offhook/resource"
	"offhook/store/rows"
)

func (s *Server) registerAssistants() {
	serve(s, collection[resource.AI, *resource.AI]{
		path: "ais", name: "ai", rows: rows.AIs, verbs: plain,
		writable: "name detail type engine_model engine_url engine_key parameter init_prompt greeting filler tts_type tts_voice_id stt_type stt_language " +
			"vad_config smart_turn_enabled tool_names tools end_call_phrases rag_id",
		secret: "engine_key", emits: "created updated deleted",
		fresh: func(a *resource.AI) { a.Type = orElse(a.Type, "normal") },
		check: checkAI,
	})
	aicalls := serve(s, collection[resource.Aicall, *resource.Aicall]{
		path: "aicalls", name: "aicall", rows: rows.Aicalls, verbs: readOnly | canDelete, filters: map[string]string{"reference_id": rows.KeyParent},
		remove: func(ctx context.Context, a *resource.Aicall) error {
			if a.Status == "terminated" || s.cfg.Assistants == nil {
				return nil
			}
			_, err := s.cfg.Assistants.Terminate(ctx, a.CustomerID, a.ID)
			return err
		},
	})
	command(s, endpoint{method: http.MethodPost, path: "/aicalls", name: "createAicall", tag: "aicalls", doc: "Begin a conversation with an assistant"}, s.startAicall)
	query(s, endpoint{method: http.MethodPost, path: "/aicalls/{id}/terminate", name: "terminateAicall", tag: "aicalls", doc: "End a conversation; nothing when it has ended"},
		func(r *request) (*resource.Aicall, error) {
			row, err := aicalls.load(r.Context(), r.who, r.id())
			if err != nil || row.Status == "terminated" {
				return row, err
			}
			if s.cfg.Assistants == nil {
				return nil, notConfigured("assistants (llm)")
			}
			a, err := s.cfg.Assistants.Terminate(r.Context(), r.who.CustomerID, row.ID)
			return listsOf(&a), err
		})
	serve(s, collection[resource.Aimessage, *resource.Aimessage]{
		path: "aimessages", name: "aimessage", rows: rows.Aimessages, verbs: readOnly | canDelete, filters: map[string]string{"aicall_id": rows.KeyParent},
	})
	command(s, endpoint{method: http.MethodPost, path: "/aimessages", name: "createAimessage", tag: "aimessages", doc: "Put a message into a running conversation"}, s.say)
}

func checkAI(c *check, a *resource.AI) {
	c.webURL("engine_url", a.EngineURL)
	for i, t := range a.Tools {
		path := fmt.Sprintf("tools[%d]", i)
		if t.Name == "" {
			c.fault(path+".name", "MISSING_FIELD", "name the tool")
		}
		c.webURL(path+".webhook_url", t.WebhookURL)
		if (t.WebhookURL == "") == (t.Action == "") {
			c.fault(path, "INVALID_VALUE", "give either webhook_url or action")
		}
		kind, target, _ := strings.Cut(t.Destination, ":")
		if t.Action == "transfer" && target == "" {
			c.fault(path+".destination", "INVALID_VALUE", "must be such as queue:ID or tel:+15551234567, not %q", t.Destination)
		} else if t.Action == "transfer" {
			c.oneOf(path+".destination", kind, "queue", "tel", "sip", "extension", "agent", "conference", "flow")
		}
	}
}

// aicallBody is the body of POST /aicalls.
type aicallBody struct {
	ID             string         `json:"id" doc:"1 to 64 of letters, digits, - _ .; made by the server when omitted"`
	AssistanceType string         `json:"assistance_type" doc:"ai" enum:"ai,"`
	AssistanceID   string         `json:"assistance_id" doc:"The assistant"`
	AIID           string         `json:"ai_id" doc:"The same"`
	ReferenceType  string         `json:"reference_type" doc:"call, or empty for text alone" enum:"call,"`
	ReferenceID    string         `json:"reference_id" doc:"The call"`
	Parameter      map[string]any `json:"parameter" doc:"Told to the model as context"`
}

func (s *Server) startAicall(r *request, b *aicallBody) (*resource.Aicall, error) {
	c := s.check(r)
	c.chosenID(b.ID)
	ai := orElse(b.AssistanceID, b.AIID)
	if ai == "" {
		c.fault("assistance_id", "MISSING_FIELD", "say which assistant: an id of GET /ais")
	}
	refers(c, "assistance_id", rows.AIs, "ai", ai)
	if b.ReferenceType == "call" && b.ReferenceID == "" {
		c.fault("reference_id", "MISSING_FIELD", "say which call")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	if b.ReferenceType == "call" {
		call, err := s.readCall(r.Context(), r.who, b.ReferenceID)
		if err != nil {
			return nil, err
		}
		if call.Status == resource.StatusHangup {
			return nil, alreadyHangup(call)
		}
	}
	if s.cfg.Assistants == nil {
		return nil, notConfigured("assistants (llm)")
	}
	release, err := claim(r.Context(), s, rows.Aicalls, r.who, "aicall", b.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	a, err := s.cfg.Assistants.Start(r.Context(), r.who.CustomerID, AicallRequest{
		ID: b.ID, AIID: ai, ReferenceType: b.ReferenceType, ReferenceID: b.ReferenceID, Parameter: b.Parameter,
	})
	return listsOf(&a), err
}

// aimessageBody is the body of POST /aimessages.
type aimessageBody struct {
	AicallID string `json:"aicall_id" doc:"The conversation"`
	Role     string `json:"role" doc:"user: as if the party said it, system: an instruction" enum:"user,system,"`
	Content  string `json:"content" doc:"The words"`
}

func (s *Server) say(r *request, b *aimessageBody) (*resource.Aimessage, error) {
	c := s.check(r)
	if b.Content == "" {
		c.fault("content", "MISSING_FIELD", "say what to tell the assistant")
	}
	if b.AicallID == "" {
		c.fault("aicall_id", "MISSING_FIELD", "say which conversation")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	aicall, err := rows.Aicalls.Load(r.Context(), s.db, r.who.CustomerID, b.AicallID)
	if err != nil {
		return nil, s.orNotFound("aicall", b.AicallID, err)
	}
	if aicall.Status == "terminated" {
		return nil, precondition("STATE_INVALID", "the conversation has ended")
	}
	if s.cfg.Assistants == nil {
		return nil, notConfigured("assistants (llm)")
	}
	m, err := s.cfg.Assistants.Say(r.Context(), r.who.CustomerID, aicall.ID, orElse(b.Role, "user"), b.Content)
	return listsOf(&m), err
}
