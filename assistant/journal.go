package assistant

import (
	"context"
	"slices"
	"sync"

	"offhook/assistant/llm"
	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// maxTurns bounds the turns that a row shows; the oldest go.
const maxTurns = 200

// conversation is an aicall that goes on: its row and its journal. It
// implements book.
type conversation struct {
	s        *Service
	cancel   context.CancelCauseFunc
	injected chan llm.Message
	over     chan struct{} // closed when it has ended and all is stored
	emit     func(resource.Event)
	saying   sync.Mutex // held by Say

	mu  sync.Mutex
	row resource.Aicall
}

// snapshot is the row as it is now.
func (n *conversation) snapshot() resource.Aicall {
	n.mu.Lock()
	defer n.mu.Unlock()
	row := n.row
	row.Turns = slices.Clone(row.Turns)
	return row
}

// become changes the row and tells it by an event.
func (n *conversation) become(status, name string, change ...func(*resource.Aicall)) {
	n.mu.Lock()
	n.row.Status, n.row.TMUpdate = status, resource.Now()
	for _, f := range change {
		f(&n.row)
	}
	n.mu.Unlock()
	row := n.snapshot()
	n.save(row)
	n.emit(event.OfAicall(name, row))
}

// save stores the row behind the caller's back, in order.
func (n *conversation) save(row resource.Aicall) {
	n.s.cfg.DB.Enqueue(func(tx *store.Tx) error { return rows.Aicalls.Put(tx, &row) })
}

// create stores the row for the first time and tells it.
func (n *conversation) create() {
	row := n.snapshot()
	n.s.cfg.DB.Enqueue(func(tx *store.Tx) error { copied := row; return rows.Aicalls.Insert(tx, &copied) })
	n.emit(event.OfAicall(event.AicallInitializing, row))
}

// finish stores the end and tells it.
func (n *conversation) finish(e *ending) {
	end := func(a *resource.Aicall) {
		a.EndReason, a.EndMessage, a.TMEnd = e.result, e.message, resource.Now()
	}
	if e.result == "engine_failed" || e.result == "engine_not_configured" || e.result == "ai_not_found" {
		n.become("terminating", event.AicallFailed, end)
	}
	n.become("terminated", event.AicallTerminated, end)
}

// describe makes a message's row.
func (n *conversation) describe(m llm.Message, interrupted bool) resource.Aimessage {
	row := n.snapshot()
	out := resource.Aimessage{
		Identity: resource.Identity{ID: resource.NewID(), CustomerID: row.CustomerID, TMCreate: resource.Now()},
		AicallID: row.ID, ActiveflowID: row.ActiveflowID, Role: m.Role, Content: m.Content, Direction: "outgoing",
		ToolCalls: []resource.AIToolCall{}, ToolCallID: m.ToolCallID, Interrupted: interrupted,
	}
	if m.Role == "user" {
		out.Direction = "incoming"
	}
	for _, c := range m.ToolCalls {
		out.ToolCalls = append(out.ToolCalls, resource.AIToolCall{
			ID: c.ID, Type: "function",
			Function: resource.AIToolFunction{Name: c.Function.Name, Arguments: c.Function.Arguments},
		})
	}
	return out
}

// message implements book.
func (n *conversation) message(m llm.Message, interrupted bool) { n.keep(m, interrupted) }

// keep stores a message and tells it.
func (n *conversation) keep(m llm.Message, interrupted bool) resource.Aimessage {
	row := n.describe(m, interrupted)
	n.s.cfg.DB.Enqueue(func(tx *store.Tx) error { copied := row; return rows.Aimessages.Insert(tx, &copied) })
	n.emit(event.OfAimessage(event.AimessageCreated, row, n.snapshot()))
	return row
}

// partial implements book: a sentence is about to be spoken.
func (n *conversation) partial(text string, sequence int) {
	row := n.snapshot()
	e := event.With(event.AimessageInProgress, row.CustomerID, row.ID, orderOf(row), map[string]any{
		"customer_id": row.CustomerID, "aicall_id": row.ID, "activeflow_id": row.ActiveflowID,
		"role": "assistant", "content": text, "sequence": sequence,
	})
	e.Resource = "aicall"
	n.emit(e)
}

// turn implements book.
func (n *conversation) turn(t resource.AITurn) {
	n.mu.Lock()
	n.row.Turns = append(n.row.Turns, t)
	if over := len(n.row.Turns) - maxTurns; over > 0 {
		n.row.Turns = slices.Delete(n.row.Turns, 0, over)
	}
	n.mu.Unlock()
	row := n.snapshot()
	n.save(row)
	if n.s.cfg.Observe != nil {
		n.s.cfg.Observe(t)
	}
	n.emit(event.With(event.AicallTurn, row.CustomerID, row.ID, orderOf(row), struct {
		AicallID     string `json:"aicall_id"`
		CustomerID   string `json:"customer_id"`
		ActiveflowID string `json:"activeflow_id"`
		ReferenceID  string `json:"reference_id"`
		resource.AITurn
	}{row.ID, row.CustomerID, row.ActiveflowID, row.ReferenceID, t}))
}

// orderOf keeps a conversation's events in order with its call's.
func orderOf(a resource.Aicall) string {
	if a.ReferenceType == "call" && a.ReferenceID != "" {
		return a.ReferenceID
	}
	return a.ID
}

// emitNow publishes an event that belongs to no call.
func (s *Service) emitNow(e resource.Event) {
	s.cfg.DB.Enqueue(func(tx *store.Tx) error { return tx.Emit(e) })
}

// Recover closes conversations that the last process took with it.
func (s *Service) Recover(ctx context.Context) error {
	open, err := rows.Aicalls.Find(ctx, s.cfg.DB, rows.KeyLive, "1")
	if err != nil {
		return err
	}
	return s.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		for _, a := range open {
			a.Status, a.EndReason, a.TMEnd = "terminated", "restart", resource.Now()
			if err := rows.Aicalls.Put(tx, a); err != nil {
				return err
			}
			if err := tx.Emit(event.OfAicall(event.AicallTerminated, *a)); err != nil {
				return err
			}
		}
		return nil
	})
}
