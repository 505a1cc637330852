package assistant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"offhook/assistant/llm"
	"offhook/resource"
)

// chatIdle is how long a conversation in writing waits for the next message.
const chatIdle = time.Hour

// Chat begins a conversation in writing: messages come by Say, answers are
// messages and events. It ends by Terminate or after an idle hour.
func (s *Service) Chat(ctx context.Context, customerID string, r Request) (resource.Aicall, error) {
	spec, err := s.spec(ctx, customerID, r)
	if err != nil {
		return resource.Aicall{}, err
	}
	if message := s.missing(&spec, false); message != "" {
		return resource.Aicall{}, fmt.Errorf("%w: %s", ErrNotConfigured, message)
	}
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	n := s.open(conversing{id: r.ID, spec: spec}, resource.Call{Identity: resource.Identity{CustomerID: customerID}}, cancel, s.emitNow)
	n.become("progressing", "aicall_status_progressing")
	row := n.snapshot()
	s.work.Go(func() {
		defer close(n.over)
		defer s.forget(n)
		defer cancel(nil)
		n.finish(endingOf(s.write(ctx, n, &spec)))
	})
	return row, nil
}

// write answers messages until the conversation is over. Its error is an
// *ending.
func (s *Service) write(ctx context.Context, n *conversation, spec *Spec) error {
	w := s.newWriter(n, spec, scope{customerID: n.row.CustomerID, aicallID: n.row.ID})
	for {
		select {
		case m := <-n.injected:
			w.history = append(w.history, m)
			if _, err := w.answer(ctx); err != nil {
				return err
			}
		case <-time.After(chatIdle):
			return &ending{result: "idle"}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// writer is a model that answers in writing.
type writer struct {
	model   *llm.Client
	name    string // of the model
	tools   *toolbox
	book    book
	history []llm.Message
}

func (s *Service) newWriter(b book, spec *Spec, sc scope) *writer {
	w := &writer{
		model: s.modelOf(spec), name: spec.Model, book: b,
		tools: newToolbox(spec, s.cfg.Web, sc, s.cfg.Times.Tool),
	}
	if spec.Live { // it speaks; another one writes
		w.name = ""
	}
	if prompt := spec.written(); prompt != "" {
		w.history = []llm.Message{{Role: "system", Content: prompt}}
	}
	return w
}

// answer lets the model use tools and write until it has answered.
func (w *writer) answer(ctx context.Context) (string, error) {
	for range maxRounds {
		text, calls, err := w.complete(ctx)
		if err != nil {
			return "", failed(err)
		}
		w.remember(llm.Message{Role: "assistant", Content: text, ToolCalls: calls})
		if len(calls) == 0 {
			return text, nil
		}
		for _, c := range calls {
			result, end := w.tools.use(ctx, c)
			w.remember(llm.Message{Role: "tool", Content: result, ToolCallID: c.ID})
			if end != nil {
				return text, end
			}
		}
	}
	return "", &ending{result: "engine_failed", message: fmt.Sprintf("the model used tools %d times without an answer", maxRounds)}
}

func (w *writer) remember(m llm.Message) {
	w.history = append(w.history, m)
	w.book.message(m, false)
}

// complete asks the model for one whole message.
func (w *writer) complete(ctx context.Context) (string, []llm.ToolCall, error) {
	answer, err := w.model.Stream(ctx, llm.Request{Model: w.name, Messages: w.history, Tools: w.tools.definitions()})
	if err != nil {
		return "", nil, err
	}
	defer answer.Close()
	var text strings.Builder
	for {
		part, err := answer.Next()
		if errors.Is(err, io.EOF) {
			return strings.TrimSpace(text.String()), answer.ToolCalls(), nil
		}
		if err != nil {
			return "", nil, err
		}
		text.WriteString(part)
	}
}
