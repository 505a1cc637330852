package realtime

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"offhook/assistant/llm"
)

// event is what the server tells; a field that a type lacks is empty. Names
// are those of the released protocol; its preview said audio for output_audio.
type event struct {
	Type       string `json:"type"`
	ItemID     string `json:"item_id"`
	ResponseID string `json:"response_id"`
	Delta      string `json:"delta"`
	Transcript string `json:"transcript"`
	Response   struct {
		ID            string `json:"id"`
		Status        string `json:"status"`
		StatusDetails struct {
			Error fault `json:"error"`
		} `json:"status_details"`
		Output []struct {
			Type      string `json:"type"`
			CallID    string `json:"call_id"`
			Name      string `json:"name"`
			Arguments string `json:"arguments"`
		} `json:"output"`
	} `json:"response"`
	Error fault `json:"error"`
}

// fault is an error that the server tells.
type fault struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
	EventID string `json:"event_id"` // of the event that it is about
}

// receive takes events until the connection ends.
func (s *Session) receive() {
	defer close(s.over)
	for {
		_, raw, err := s.conn.Read(s.ctx)
		if err != nil {
			s.end(fmt.Errorf("the connection broke: %v", err)) // not wrapped: it may be io.EOF, which would look like a regular end
			return
		}
		var e event
		if err := json.Unmarshal(raw, &e); err != nil {
			s.end(fmt.Errorf("not understood: %w", err))
			return
		}
		s.take(&e)
	}
}

// end fails everything that waits.
func (s *Session) end(err error) {
	s.cancel(err)
	s.mu.Lock()
	waiting := s.commits
	for _, u := range s.spoken {
		waiting = append(waiting, u)
	}
	s.commits, s.spoken = nil, map[string]*utterance{}
	r := s.response
	s.response = nil
	s.mu.Unlock()
	for _, u := range waiting {
		u.end(s.cause())
	}
	if r != nil {
		r.end(s.cause())
		close(r.gone)
	}
}

// take deals with one event.
func (s *Session) take(e *event) {
	switch kind := strings.Replace(e.Type, "response.audio", "response.output_audio", 1); kind {
	case "session.updated":
		s.tellReady(nil)
	case "error":
		s.fault(e.Error)
	case "input_audio_buffer.committed":
		s.committed(e.ItemID)
	case "conversation.item.input_audio_transcription.delta":
		s.mu.Lock()
		u := s.spoken[e.ItemID]
		s.mu.Unlock()
		if u != nil {
			u.partly(e.Delta)
		}
	case "conversation.item.input_audio_transcription.completed":
		s.transcribed(e.ItemID, e.Transcript, nil)
	case "conversation.item.input_audio_transcription.failed":
		s.transcribed(e.ItemID, "", fmt.Errorf("%w: not transcribed: %s", llm.ErrUnavailable, e.Error.Message))
	case "response.created":
		s.mu.Lock()
		if s.response != nil && s.response.id == "" {
			s.response.id = e.Response.ID
		}
		s.mu.Unlock()
	case "response.output_audio.delta", "response.output_audio.done", "response.output_audio_transcript.delta", "response.output_audio_transcript.done":
		if r := s.responding(e.ResponseID); r != nil {
			r.take(kind, e)
		}
	case "response.done":
		s.done(e)
	}
}

func (s *Session) tellReady(err error) {
	select {
	case s.ready <- err:
	default:
	}
}

// fault deals with an error of the server. Most concern one event of ours.
func (s *Session) fault(f fault) {
	err := fmt.Errorf("%w: %s", llm.ErrRefused, s.hide(f.Message))
	if f.Type == "server_error" {
		err = fmt.Errorf("%w: %s", llm.ErrUnavailable, s.hide(f.Message))
	}
	s.opt.Logger.Info("realtime server", "error", err, "code", f.Code)
	s.tellReady(err) // nothing when the session is set up
	s.mu.Lock()
	r := s.response
	if r != nil && (r.event != f.EventID || r.id != "") {
		r = nil
	}
	if r != nil {
		s.response = nil
	}
	var silent *utterance
	for i, u := range s.commits {
		if u.event == f.EventID {
			silent, s.commits = u, append(s.commits[:i:i], s.commits[i+1:]...)
			break
		}
	}
	s.mu.Unlock()
	if r != nil {
		r.end(err)
		close(r.gone)
	}
	if silent != nil {
		silent.final("")
	}
}

// hide takes the key out of what a server says.
func (s *Session) hide(text string) string {
	if s.opt.APIKey != "" {
		text = strings.ReplaceAll(text, s.opt.APIKey, "…")
	}
	return text
}

// responding is the response that goes on, when it has that id.
func (s *Session) responding(id string) *Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.response == nil || id != "" && s.response.id != id {
		return nil
	}
	return s.response
}

var errNotWhole = errors.New("the answer is not whole")

// done ends a response.
func (s *Session) done(e *event) {
	r := s.responding(e.Response.ID)
	if r == nil {
		return
	}
	s.mu.Lock()
	if s.response != r {
		s.mu.Unlock()
		return
	}
	s.response = nil
	s.mu.Unlock()
	defer close(r.gone)
	for _, o := range e.Response.Output {
		if o.Type == "function_call" {
			r.calls = append(r.calls, llm.ToolCall{ID: o.CallID, Type: "function", Function: llm.Function{Name: o.Name, Arguments: o.Arguments}})
		}
	}
	switch e.Response.Status {
	case "failed":
		f := e.Response.StatusDetails.Error
		kind := llm.ErrUnavailable
		if strings.Contains(f.Type+f.Code, "rate_limit") {
			kind = llm.ErrRateLimited
		}
		r.end(fmt.Errorf("%w: %s", kind, s.hide(f.Message)))
	case "cancelled", "incomplete":
		r.end(fmt.Errorf("%w: %w", llm.ErrUnavailable, errNotWhole))
	default:
		r.end(nil)
	}
}
