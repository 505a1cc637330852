package api

import (
	"context"
	"net/http"

	"offhook/resource"
)

// Supervisor is implemented by Queues that let somebody listen to a
// conversation.
type Supervisor interface {
	// Supervise calls destination and returns its call, which rings. When it has
	// answered, it listens to the conversation of a queuecall, whispers to the
	// agent, or joins. The call ends with the conversation.
	Supervise(ctx context.Context, customerID, queuecallID, mode string, destination resource.Address) (resource.Call, error)
}

// superviseBody is the body of supervise.
type superviseBody struct {
	Mode        string           `json:"mode" doc:"listen: hears both and is heard by nobody; whisper: the agent alone hears the supervisor; join: everybody hears everybody" enum:"listen,whisper,join,"`
	Destination resource.Address `json:"destination" doc:"The supervisor, who is called"`
}

func (s *Server) registerSupervision(calls *served[resource.Queuecall, *resource.Queuecall]) {
	command(s, endpoint{
		method: http.MethodPost, path: "/queuecalls/{id}/supervise", name: "superviseQueuecall", tag: "queuecalls",
		doc: "Call a supervisor who listens to the conversation, whispers to the agent, or joins; answers with the supervisor's call, which rings and whose events tell the rest",
	},
		func(r *request, b *superviseBody) (*resource.Call, error) {
			row, err := calls.load(r.Context(), r.who, r.id())
			if err != nil {
				return nil, err
			}
			c := s.check(r)
			c.address("destination", b.Destination)
			if err := c.err(); err != nil {
				return nil, err
			}
			if row.Status != "service" {
				return nil, precondition("QUEUECALL_STATE_INVALID", "the queuecall is %s; only a conversation can be supervised", row.Status)
			}
			live, ok := s.cfg.Queues.(Supervisor)
			if !ok {
				return nil, notConfigured("supervision")
			}
			placed, err := live.Supervise(r.Context(), r.who.CustomerID, row.ID, orElse(b.Mode, "listen"), b.Destination)
			return &placed, err
		})
}
