package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

func (s *Server) registerTranscribes() {
	transcribes := serve(s, collection[resource.Transcribe, *resource.Transcribe]{
		path: "transcribes", name: "transcribe", rows: rows.Transcribes, verbs: readOnly | canDelete,
		filters: map[string]string{"reference_id": rows.KeyParent},
		remove: func(ctx context.Context, t *resource.Transcribe) error {
			if t.Status == "done" || s.cfg.Transcribes == nil {
				return nil
			}
			_, err := s.cfg.Transcribes.Stop(ctx, t.CustomerID, t.ID)
			return err
		},
	})
	command(s, endpoint{method: http.MethodPost, path: "/transcribes", name: "createTranscribe", tag: "transcribes", doc: "Turn the speech of a call, a conference or a recording into text"}, s.startTranscribe)
	query(s, endpoint{method: http.MethodPost, path: "/transcribes/{id}/stop", name: "stopTranscribe", tag: "transcribes", doc: "Stop a transcription; nothing when it has ended"},
		func(r *request) (*resource.Transcribe, error) {
			row, err := transcribes.load(r.Context(), r.who, r.id())
			if err != nil || row.Status == "done" {
				return row, err
			}
			if s.cfg.Transcribes == nil {
				return nil, notConfigured("transcription (speech.stt)")
			}
			t, err := s.cfg.Transcribes.Stop(r.Context(), r.who.CustomerID, row.ID)
			return &t, err
		})
	s.registerTranscripts()
}

// transcribeBody is the body of POST /transcribes.
type transcribeBody struct {
	ID            string `json:"id" doc:"1 to 64 of letters, digits, - _ .; made by the server when omitted"`
	ReferenceType string `json:"reference_type" doc:"call, conference or recording" enum:"call,conference,confbridge,recording"`
	ReferenceID   string `json:"reference_id" doc:"What to transcribe"`
	Language      string `json:"language" doc:"BCP 47; en-US by default"`
	Direction     string `json:"direction" doc:"in: what the party says, out: what it hears, both" enum:"in,out,both,"`
	Provider      string `json:"provider" doc:"The engine"`
	OnEndFlowID   string `json:"on_end_flow_id" doc:"Runs when the transcription has ended"`
}

func (s *Server) startTranscribe(r *request, b *transcribeBody) (*resource.Transcribe, error) {
	c := s.check(r)
	c.chosenID(b.ID)
	switch b.ReferenceType {
	case "":
		c.fault("reference_type", "MISSING_FIELD", "say what is transcribed: call, conference or recording")
	case "recording":
		refers(c, "reference_id", rows.Recordings, "recording", b.ReferenceID)
	case "conference", "confbridge":
		b.ReferenceType = "conference"
		refers(c, "reference_id", rows.Conferences, "conference", b.ReferenceID)
	}
	if b.ReferenceID == "" {
		c.fault("reference_id", "MISSING_FIELD", "say which %s", orElse(b.ReferenceType, "call"))
	}
	refersToFlow(c, "on_end_flow_id", b.OnEndFlowID)
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
	if s.cfg.Transcribes == nil {
		return nil, notConfigured("transcription (speech.stt)")
	}
	release, err := claim(r.Context(), s, rows.Transcribes, r.who, "transcribe", b.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	t, err := s.cfg.Transcribes.Start(r.Context(), r.who.CustomerID, TranscribeRequest{
		ID: b.ID, ReferenceType: b.ReferenceType, ReferenceID: b.ReferenceID, Language: orElse(b.Language, "en-US"),
		Direction: orElse(b.Direction, "both"), Provider: b.Provider, OnEndFlowID: b.OnEndFlowID,
	})
	return &t, err
}

func (s *Server) registerTranscripts() {
	transcripts := serve(s, collection[resource.Transcript, *resource.Transcript]{
		path: "transcripts", name: "transcript", rows: rows.Transcripts, verbs: canRead,
	})
	s.mount(endpoint{
		method: http.MethodGet, path: "/transcripts", name: "listTranscripts", tag: "transcripts",
		doc: "List transcripts, newest first; as text or WebVTT a whole transcription in the order spoken",
		query: append(slices.Clone(pageParameters),
			parameter{name: "transcribe_id", doc: "Only of this transcription"},
			parameter{name: "format", doc: "json by default", enum: []any{"json", "text", "vtt"}}),
		answer: schemaFor[page[resource.Transcript]](s), answerTypes: []string{"text/plain", "text/vtt"},
		serve: func(r *request) (any, error) {
			id, format := r.URL.Query().Get("transcribe_id"), orElse(r.URL.Query().Get("format"), "json")
			if !slices.Contains([]string{"json", "text", "vtt"}, format) {
				return nil, newError("INVALID_ARGUMENT", "INVALID_REQUEST_PARAMETER", "format must be json, text or vtt, not %q", format)
			}
			if id != "" {
				if _, err := rows.Transcribes.Load(r.Context(), s.db, r.who.CustomerID, id); err != nil {
					return nil, s.orNotFound("transcribe", id, err)
				}
			}
			if format == "json" {
				return transcripts.listBy(r, parentFilter(id)...)
			}
			if id == "" {
				return nil, newError("INVALID_ARGUMENT", "MISSING_REQUEST_PARAMETER", "format=%s needs transcribe_id", format)
			}
			return s.writeTranscript(r, id, format)
		},
	})
}

func parentFilter(id string) []store.Filter {
	if id == "" {
		return nil
	}
	return []store.Filter{{Key: rows.KeyParent, Value: id}}
}

// writeTranscript writes a whole transcription in the order spoken.
func (s *Server) writeTranscript(r *request, id, format string) (any, error) {
	var all []*resource.Transcript
	p := store.Page{Size: 100}
	for {
		some, next, err := rows.Transcripts.List(r.Context(), s.db, r.who.CustomerID, p, parentFilter(id)...)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
		if next == "" {
			break
		}
		p.Token = next
	}
	slices.SortStableFunc(all, func(a, b *resource.Transcript) int { return a.OffsetMS - b.OffsetMS })
	if format == "vtt" {
		r.w.Header().Set("Content-Type", "text/vtt; charset=utf-8")
		writeVTT(r.w, all)
		return handled{}, nil
	}
	r.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for _, t := range all {
		fmt.Fprintf(r.w, "[%s] %s: %s\n", stamp(t.OffsetMS), t.Direction, t.Message)
	}
	return handled{}, nil
}

// writeVTT writes WebVTT: a cue for each transcript, the direction as voice.
func writeVTT(w io.Writer, all []*resource.Transcript) {
	fmt.Fprint(w, "WEBVTT\n")
	escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "\n", " ")
	for i, t := range all {
		end := t.OffsetMS + t.DurationMS
		if t.DurationMS == 0 {
			end = t.OffsetMS + max(1000, 60*len(t.Message)) // a reader's pace
			if i+1 < len(all) {
				end = max(t.OffsetMS+1, min(end, all[i+1].OffsetMS))
			}
		}
		fmt.Fprintf(w, "\n%s --> %s\n<v %s>%s\n", stamp(t.OffsetMS), stamp(end), t.Direction, escape.Replace(t.Message))
	}
}

// stamp writes milliseconds as 00:00:05.123.
func stamp(ms int) string {
	d := time.Duration(ms) * time.Millisecond
	return fmt.Sprintf("%02d:%02d:%02d.%03d", int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60, ms%1000)
}

// orNotFound words the store's ErrNotFound.
func (s *Server) orNotFound(name, id string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return notFound(name, id)
	}
	return err
}
